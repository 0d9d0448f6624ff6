"""Frames of a video file as RGB pictures, the way a player would show them.

Separate so that everything specific to libav (containers, packets, colour matrices, display matrices) stays here: the
rest of the program sees arrays, and errors that a person can act on.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import av
import numpy as np
from av.codec.context import ThreadType
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, ColorTrc, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from vsrpp_core.errors import VsrppError
from vsrpp_core.video.side_data import SideDataReader
from vsrpp_core.video.siting import take_unnamed_as_usual

Frame = NDArray[np.uint8]
P = TypeVar("P", bound=np.generic)
Refuse = Callable[[VideoFrame, VideoStream, Path], None]

HDR_TRANSFERS = {ColorTrc.SMPTE2084.value: "PQ", ColorTrc.ARIB_STD_B67.value: "HLG"}
UNSPECIFIED_COLORSPACE, BT709, BT601 = 2, 1, 6
"""Matrices by their numbers in H.273, as frames carry them; PyAV's own names are libswscale's numbers."""

SWSCALE_FLAGS = 0x4 | 0x2000 | 0x4000 | 0x40000 | 0x80000
"""SWS_BICUBIC, FULL_CHR_H_INT, FULL_CHR_H_INP, ACCURATE_RND and BITEXACT of libswscale's header.

Without them libswscale takes a shortcut that repeats chroma samples instead of interpolating them: measured on 720p
footage, up to 50 of 255 levels off, in ground truth that a network is meant to learn from. With them the result is
within one level of the matrix worked out on paper (tests/vsrpp_core/video/test_reading.py).
"""

RGB_FORMAT, DEEP_FORMAT = "gbrp", "gbrp16le"
"""Planar RGB of 8 and 16 bits: the same numbers as packed rgb24 under these flags, in half the time (5 ms for a 720p
frame)."""

DEFAULT_FPS = 25.0
"""Assumed where a container gives no frame rate."""

HD_WIDTH, SD_HEIGHT = 1280, 576
"""A video that does not name its matrix is read as BT.709 from this width, or above this height, as BT.601 below:
what mpv and most players assume. libswscale alone would take BT.601 for everything."""

ONE = 1 << 16
"""1.0 in a display matrix."""

MISSING_SHARE = 0.1
"""A stream that ends early by more than this share of its declared duration counts as truncated; less is rounding."""


HELD_BACK = 16
"""Frames decoded ahead of the one yielded, and dropped where decoding breaks off: among the last ones libav may have
concealed missing data, or skipped a frame. No codec reorders by more."""


class BrokenVideoError(VsrppError):
    """Decoding stopped in the middle; the frames that came before are good."""


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a video declares.

    ``width`` and ``height`` in pixels as ``frames`` yields them, display rotation applied; ``frames`` and ``duration``
    (seconds) are estimates, 0 where the container has none; ``fps`` is the mean rate. ``pixel_aspect`` is a stored
    pixel's width over its height: where it is not 1 pixels are kept as stored, and a player shows them stretched.
    """

    width: int
    height: int
    frames: int
    fps: float
    duration: float
    pixel_aspect: float
    hdr: str = ""
    """``PQ``, ``HLG`` or empty."""


def probe(path: Path, refuse: Refuse | None = None) -> VideoInfo:
    """Describe a video from its headers and its first frame; VsrppError where ``frames``, or ``refuse``, refuses it."""
    with opened(path) as (container, stream):
        first = next(decoded(container, stream, path, refuse or refuse_unfit_for_training), None)
        if first is None:
            raise VsrppError(f"{path} holds no frame that can be decoded; leave it out or export it again")
        stored = np.empty((first.height, first.width, 0), np.uint8)
        height, width = turned(stored, SideDataReader().display_matrix(first), path).shape[:2]
        sideways = (width, height) != (first.width, first.height)
        fps, duration = float(stream.average_rate or 0), declared_seconds(container, stream)
        aspect, hdr = float(stream.sample_aspect_ratio or 1), hdr_curve(stream)
    return VideoInfo(
        width=width,
        height=height,
        frames=stream.frames or round(duration * fps),
        fps=fps,
        duration=duration,
        pixel_aspect=1 / aspect if sideways else aspect,
        hdr=hdr,
    )


def frames(path: Path) -> Generator[Frame, None, None]:
    """Every frame of the first video stream in presentation order, RGB uint8 [H, W, 3], turned as a player shows it.

    YCbCr is converted with the matrix (BT.601, BT.709, BT.2020 ...) and the range (limited or full) that the frame
    names, to full-range RGB; chroma is interpolated bicubically, from where its siting places it. The transfer curve
    and the primaries stay as they are. Pixels that are not square stay as stored.

    Raises VsrppError for a file that is not a video, is interlaced or is HDR, and BrokenVideoError when decoding stops
    before the end (damaged or truncated file), after yielding the frames well before that. The file is closed when the
    generator is.
    """
    converter, attached = VideoReformatter(), SideDataReader()  # setting them up takes longer than using them
    with opened(path) as (container, stream):
        for frame in decoded(container, stream, path):
            yield np.ascontiguousarray(turned(to_rgb(frame, converter, path), attached.display_matrix(frame), path))


@contextmanager
def opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """A video's container and its first video stream that is not a cover; VsrppError where there is none."""
    if path.is_dir():
        raise VsrppError(f"{path} is a folder, not a video; name a file")
    av.logging.set_level(None)  # libav would write onto the caller's screen
    try:
        # The absolute path, or "a:b.mp4" would be read as a protocol; "ignore", as tags are often not UTF-8.
        container = av.open(str(path.absolute()), metadata_errors="ignore")
    except FileNotFoundError:
        raise VsrppError(f"{path} does not exist; check the path") from None
    except PermissionError:
        raise VsrppError(f"{path} cannot be read; check its permissions") from None
    except (FFmpegError, OSError) as error:
        raise VsrppError(f"{path} is not a video that can be read ({_reason(error)}); leave it out") from None
    with container:
        stream = next((s for s in container.streams.video if not s.disposition & Disposition.attached_pic), None)
        if stream is None:
            raise VsrppError(f"{path} has no video stream; leave it out")
        stream.thread_type = ThreadType.AUTO
        take_unnamed_as_usual(stream)
        yield container, stream


def refuse_interlaced(frame: VideoFrame, path: Path) -> None:
    if frame.interlaced_frame:
        raise VsrppError(
            f"{path} is interlaced; deinterlace it first, e.g. `ffmpeg -i IN -vf bwdif=mode=send_frame -crf 12 OUT`"
        )


def hdr_curve(stream: VideoStream) -> str:
    """``PQ`` or ``HLG`` for HDR, else empty."""
    return HDR_TRANSFERS.get(stream.codec_context.color_trc, "")


def refuse_unfit_for_training(frame: VideoFrame, stream: VideoStream, path: Path) -> None:
    """VsrppError for a frame that is interlaced or HDR."""
    refuse_interlaced(frame, path)
    refuse_hdr(stream, path)


def refuse_hdr(stream: VideoStream, path: Path) -> None:
    if curve := hdr_curve(stream):
        raise VsrppError(
            f"{path} is HDR ({curve}); tone-map it first, e.g. `ffmpeg -i IN -vf zscale=t=linear:npl=100,"
            "format=gbrpf32le,zscale=p=bt709,tonemap=hable,zscale=t=bt709:m=bt709:r=tv,format=yuv420p -crf 12 OUT`"
        )


def decoded(
    container: InputContainer,
    stream: VideoStream,
    path: Path,
    refuse: Refuse = refuse_unfit_for_training,
) -> Iterator[VideoFrame]:
    """Decoded frames, each checked by ``refuse``; BrokenVideoError where good ones end before the video does."""
    held: deque[VideoFrame] = deque()
    first: VideoFrame | None = None
    count = 0
    try:
        for frame in _intact(container, stream):
            refuse(frame, stream, path)
            first = first or frame
            if (frame.width, frame.height) != (first.width, first.height):
                raise BrokenVideoError(f"{path} changes its size after frame {count}; cut it there into two files")
            held.append(frame)
            if len(held) > HELD_BACK:
                count += 1
                yield held.popleft()
    except (FFmpegError, _DamagedError) as error:
        raise BrokenVideoError(
            f"{path} cannot be decoded after frame {count} ({_reason(error)}); get an undamaged copy"
        ) from None
    if first is not None:
        _refuse_early_end(container, stream, first, held[-1], path)
    yield from held


class _DamagedError(Exception):
    """libav decoded past damage and marked the result."""


def _intact(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    for packet in container.demux(stream):
        if packet.is_corrupt:
            raise _DamagedError("incomplete data")
        for frame in packet.decode():
            if frame.is_corrupt:
                raise _DamagedError("damaged frame")
            yield frame


def _refuse_early_end(
    container: InputContainer, stream: VideoStream, first: VideoFrame, last: VideoFrame, path: Path
) -> None:
    """A file cut between two packets decodes without an error; only its duration shows it."""
    declared = declared_seconds(container, stream)
    if not declared or first.pts is None or last.pts is None or last.time_base is None or not stream.average_rate:
        return
    begin = first.pts if stream.start_time is None else min(first.pts, stream.start_time)  # decoding may begin later
    if stream.duration is None:  # Matroska's tag: of libav the time of the end, of others the length
        begin = min(begin, 0)
    seconds = float((last.pts - begin) * last.time_base + 1 / stream.average_rate)
    if seconds < (1 - MISSING_SHARE) * declared:
        raise BrokenVideoError(f"{path} ends after {seconds:.1f} of {declared:.1f} seconds; get an undamaged copy")


def declared_seconds(container: InputContainer, stream: VideoStream) -> float:
    """Duration of the stream by its container, 0 where that is not declared for the stream itself."""
    if stream.duration is not None and stream.time_base is not None:
        seconds = float(stream.duration * stream.time_base)
        whole = container.duration / av.time_base if container.duration else seconds
        return min(seconds, whole)  # an edit list shows less than is stored
    return _matroska_seconds(stream.metadata.get("DURATION", ""))


def _matroska_seconds(text: str) -> float:
    """Matroska writes a stream's duration as a tag, HH:MM:SS.fraction; 0 for anything else."""
    parts = text.split(":")
    if len(parts) != 3 or not all(part.replace(".", "", 1).isdigit() for part in parts):
        return 0.0
    hours, minutes, seconds = map(float, parts)
    return 3600 * hours + 60 * minutes + seconds


def matrix_of(frame: VideoFrame) -> int:
    """The YCbCr matrix a frame is read with, by its number in H.273: its own, else by its size."""
    if frame.colorspace != UNSPECIFIED_COLORSPACE:
        return frame.colorspace
    high = frame.width >= HD_WIDTH or frame.height > SD_HEIGHT
    return BT709 if high else BT601


def to_rgb(
    frame: VideoFrame, converter: VideoReformatter, path: Path, pixels: str = RGB_FORMAT
) -> NDArray[np.uint8 | np.uint16]:
    """RGB [H, W, 3] as stored, in the planar format ``pixels``; VsrppError where the colours cannot be converted."""
    guessed = {BT709: Colorspace.ITU709, BT601: Colorspace.ITU601}
    matrix = guessed[matrix_of(frame)] if frame.colorspace == UNSPECIFIED_COLORSPACE else None  # None: the frame's own
    try:
        rgb = converter.reformat(frame, format=pixels, src_colorspace=matrix, interpolation=SWSCALE_FLAGS, threads=1)
    except (FFmpegError, ValueError) as error:
        raise VsrppError(f"{path} has colours that cannot be converted ({_reason(error)}); re-encode it") from None
    picture: NDArray[np.uint8 | np.uint16] = rgb.to_ndarray()  # type: ignore[assignment]
    return picture


def turned(picture: NDArray[P], matrix: bytes, path: Path | str = "the video") -> NDArray[P]:
    """A picture as its display matrix shows it: quarter turns and mirrorings; empty bytes are no matrix.

    The matrix [[a, b, u], [c, d, v], [x, y, w]] maps a pixel (p, q), rightwards and downwards, to
    (a p + c q + x, b p + d q + y) (libavutil/display.h); the shift only moves the result back into view.
    """
    if not matrix:
        return picture
    a, b, _, c, d = (int(value) for value in np.frombuffer(matrix, "=i4")[:5])
    if (abs(a), abs(b), abs(c), abs(d)) == (ONE, 0, 0, ONE):
        return picture[:: d // ONE, :: a // ONE]
    if (abs(a), abs(b), abs(c), abs(d)) == (0, ONE, ONE, 0):
        return picture.swapaxes(0, 1)[:: b // ONE, :: c // ONE]
    raise VsrppError(f"{path} is shown turned by less than a quarter turn; re-encode it upright")


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).rstrip(".").lower()
