"""Frames of a video file as RGB pictures, the way a player would show them.

Separate so that everything specific to libav (containers, packets, colour matrices, display matrices) stays here: the
rest of the program sees arrays, and errors that a person can act on.
"""

from collections import deque
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, ColorTrc, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from vsrpp_core.errors import VsrppError
from vsrpp_core.video.decoding import (
    REORDERED,
    Refuse,
    declared_seconds,
    decoded,
    first_frame,
    is_without_header,
    left_out_by_edits,
    opened,
    reason_of,
)
from vsrpp_core.video.file_length import missing_bytes
from vsrpp_core.video.side_data import SideDataReader

Frame = NDArray[np.uint8]
P = TypeVar("P", bound=np.generic)

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

HD_WIDTH, SD_HEIGHT = 1280, 576
"""A video that does not name its matrix is read as BT.709 from this width, or above this height, as BT.601 below:
what mpv and most players assume. libswscale alone would take BT.601 for everything."""

ONE = 1 << 16
"""1.0 in a display matrix."""


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
    notes: tuple[str, ...] = ()
    """See ``remarks_on``."""


def remarks_on(container: InputContainer, stream: VideoStream, path: Path) -> tuple[str, ...]:
    """Sentences on what the file of an opened film lacks, or holds and does not show."""
    notes = []
    if hidden := left_out_by_edits(container, stream):
        notes.append(
            f"{path} holds {hidden:.1f} seconds of pictures that its list of edits leaves out, and so it is here"
        )
    if missing := missing_bytes(path):
        notes.append(f"{path} is cut short: {missing:,} bytes are missing at its end, and maybe the last pictures")
    if is_without_header(container, path):
        notes.append(
            f"{path} has lost the header that a {path.suffix} file begins with: pictures may be missing, and times and "
            "sound are; get an undamaged copy if there is one"
        )
    return tuple(notes)


def probe(path: Path, refuse: Refuse | None = None) -> VideoInfo:
    """Describe a video from its headers and its first frame; VsrppError where ``frames``, or ``refuse``, refuses it."""
    with opened(path) as (container, stream):
        first = first_frame(container, stream, path, refuse or refuse_unfit_for_training, lambda damage: None)
        stored = np.empty((first.height, first.width, 0), np.uint8)
        height, width = turned(stored, SideDataReader().display_matrix(first), path).shape[:2]
        sideways = (width, height) != (first.width, first.height)
        fps, duration = float(stream.average_rate or 0), declared_seconds(container, stream)
        aspect, hdr, notes = (
            float(stream.sample_aspect_ratio or 1),
            hdr_curve(stream),
            remarks_on(container, stream, path),
        )
    return VideoInfo(
        width=width,
        height=height,
        frames=stream.frames or round(duration * fps),
        fps=fps,
        duration=duration,
        pixel_aspect=1 / aspect if sideways else aspect,
        hdr=hdr,
        notes=notes,
    )


def frames(path: Path) -> Generator[Frame, None, None]:
    """Every frame of the first video stream in presentation order, RGB uint8 [H, W, 3], turned as a player shows it.

    YCbCr is converted with the matrix (BT.601, BT.709, BT.2020 ...) and the range (limited or full) that the frame
    names, to full-range RGB; chroma is interpolated bicubically, from where its siting places it. The transfer curve
    and the primaries stay as they are. Pixels that are not square stay as stored.

    Raises VsrppError for a file that is not a video, is interlaced or is HDR, and BrokenVideoError where it is damaged
    or cut short, after yielding the frames well before that: among the last ones of a file that was cut some may be
    missing. The file is closed when the generator is.
    """
    converter, attached = VideoReformatter(), SideDataReader()  # setting them up takes longer than using them
    with closing(decoded(path, refuse_unfit_for_training)) as decoding:
        for frame in _held_back(decoding):
            yield np.ascontiguousarray(turned(to_rgb(frame, converter, path), attached.display_matrix(frame), path))


def _held_back(frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
    held: deque[VideoFrame] = deque()
    for frame in frames:
        held.append(frame)
        if len(held) > REORDERED:
            yield held.popleft()
    yield from held


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
        raise VsrppError(f"{path} has colours that cannot be converted ({reason_of(error)}); re-encode it") from None
    picture: NDArray[np.uint8 | np.uint16] = rgb.to_ndarray()  # type: ignore[assignment]
    return _up_to_white(picture, frame)


def _up_to_white(picture: NDArray[P], frame: VideoFrame) -> NDArray[P]:
    """libswscale fills few bits up with zeros, so that 31 of 31 would be 248 of 255."""
    bits = [part.bits for part in frame.format.components[:3]]
    if not (frame.format.is_rgb and frame.format.name.startswith(("rgb", "bgr")) and 2 <= min(bits) <= max(bits) < 8):
        return picture
    levels = np.arange(256)
    for channel, depth in enumerate(bits):
        shown = np.round((levels >> (8 - depth)) * 255 / (2**depth - 1)).astype(picture.dtype)
        picture[..., channel] = shown[picture[..., channel]]
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
