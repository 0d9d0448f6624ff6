"""Pictures to be upscaled, from a video or a folder of images, and everything that the result must carry over.

Separate from video/reading.py, which reads for training: here frames keep their timestamps, depth and orientation, HDR
is left as coded, and reading can start in the middle.
"""

import io
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from vsrpp_core.errors import VsrppError
from vsrpp_core.video import images, reading
from vsrpp_core.video.clock import DEFAULT_FPS, Clock, Oddities, in_time, may_jump
from vsrpp_core.video.decoding import (
    BrokenVideoError,
    Damage,
    declared_seconds,
    decoded,
    first_frame,
    opened,
)
from vsrpp_core.video.reading import DEEP_FORMAT, RGB_FORMAT
from vsrpp_core.video.side_data import SideDataReader
from vsrpp_core.video.siting import UNNAMED, Siting, named_siting
from vsrpp_core.video.video_files import list_folder, passed_over

Pixels = NDArray[np.uint8 | np.uint16]

LEAD_IN = 2.0
"""Seconds decoded before the requested start: the first frames after a seek may refer to some that were not read."""

ALPHA = "an alpha channel that makes it transparent in places"

PLACES_TOLD = 10
"""Damaged places of a film that are reported one by one."""


@dataclass(frozen=True, slots=True)
class Span:
    """Part of a video in seconds from its beginning; ``length`` is None up to the end."""

    start: float = 0.0
    length: float | None = None


def exact(seconds: float) -> Fraction:
    """The decimal number that a float stands for: 0.2 is 1/5, not the nearest binary fraction."""
    return Fraction(seconds).limit_denominator(1_000_000)


@dataclass(frozen=True, slots=True)
class Picture:
    """RGB [h, w, 3] as stored, uint8, or uint16 where the source has more bits; times in units of the time base.

    ``duration`` is up to the next picture.
    """

    rgb: Pixels
    pts: int
    duration: int

    @property
    def rgb8(self) -> NDArray[np.uint8]:
        """The picture, or the upper half of each value: a view."""
        return self.rgb if self.rgb.dtype == np.uint8 else self.rgb.view(np.uint8)[..., 1::2]  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What is known about a source before its pictures are read."""

    path: Path
    width: int
    height: int
    pixels: str
    """libav's name of the pixel format."""
    bits: int
    """Per component."""
    rate: Fraction
    """Pictures per second, the mean."""
    time_base: Fraction
    frames: int
    """An estimate; 0 where there is none."""
    colorspace: int = reading.BT709
    """The YCbCr matrix the pictures are read with; this and the next three are numbers of H.273 as libav has them."""
    color_range: int = 1
    primaries: int = 2
    transfer: int = 2
    hdr: str = ""
    """``PQ``, ``HLG`` or nothing."""
    mastering: bytes = b""
    light_level: bytes = b""
    """Static HDR metadata, in libav's structures."""
    aspect: Fraction = Fraction(1)
    """Of a pixel, width over height."""
    siting: Siting = UNNAMED
    """Of subsampled chroma."""
    matrix: bytes = b""
    """The display matrix, see ``video.side_data``."""

    @property
    def size(self) -> str:
        return f"{self.width}x{self.height}"


class Film(Protocol):
    """A source: the same pictures each time it is read."""

    info: SourceInfo
    notes: list[str]
    """Sentences for the user; grows while the source is read."""

    def pictures(self, first: int) -> Generator[Picture, None, None]:
        """All pictures from number ``first`` on; those before it are decoded, as only that gives the same ones."""
        ...

    def name(self, index: int) -> str:
        """File name of a picture, without suffix."""
        ...

    def identity(self) -> str | list[str]:
        """Changes when the source does; of a folder of images that of each, in order."""
        ...

    def check(self) -> None:
        """VsrppError for what would fail later and can be known before any work."""
        ...


@dataclass
class VideoFilm:
    """A video. ``force`` accepts interlaced pictures as they are, and what is sound of a damaged video."""

    path: Path
    span: Span = Span()
    force: bool = False
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        with opened(self.path) as (container, stream), self._told_of_force():
            self.origin = _origin(container, self.span)
            self._seconds = Fraction(container.duration or 0, av.time_base)
            ignored = (lambda damage: None) if self.force else None  # it is reported when the pictures are read
            first = first_frame(container, stream, self.path, self._refuse, ignored)
            self.info = _source_info(self.path, container, stream, first, self.span)
            self.notes += reading.remarks_on(container, stream, self.path)
        self._losses = _Losses(self.path, self.notes)
        self._losses.look(first)
        if self.info.hdr:
            self.notes.append(f"{self.path} is HDR ({self.info.hdr}): the network works on the coded values unchanged")

    def pictures(self, first: int) -> Generator[Picture, None, None]:
        converter, pixels = VideoReformatter(), DEEP_FORMAT if self.info.bits > 8 else RGB_FORMAT
        for index, (frame, pts, duration) in enumerate(self._in_span()):
            self._losses.look(frame)
            if index >= first:
                rgb = reading.to_rgb(frame, converter, self.path, pixels)
                yield Picture(rgb, pts, duration)

    def name(self, index: int) -> str:
        return f"{index + 1:06d}"

    def identity(self) -> str:
        stat = self.path.stat()
        return f"{stat.st_size} bytes, changed at {stat.st_mtime_ns}"

    def check(self) -> None:
        """Damage is found by decoding all of it."""

    def _in_span(self) -> Iterator[tuple[VideoFrame, int, int]]:
        """The span's frames with their times from its start and their durations.

        A picture lasts until the next. A frame's own duration is wrong where pictures are neither evenly spaced nor
        stored in display order: it is the distance to the next one stored.
        """
        unit = self.info.time_base
        begin = round((self.origin + exact(self.span.start)) / unit)
        end = None if self.span.length is None else begin + exact(self.span.length) / unit
        seek = begin - round(LEAD_IN / float(unit)) if self.span.start > LEAD_IN else None
        step = max(1, round(1 / (self.info.rate * unit)))
        held: tuple[VideoFrame, int] | None = None
        with closing(self._timed(seek)) as frames:
            for frame in frames:
                assert frame.pts is not None
                if frame.pts < begin and self.span.start:
                    continue
                if held:
                    yield held[0], held[1] - begin, frame.pts - held[1]
                held = frame, frame.pts
                if end is not None and frame.pts >= end:
                    return
        if held:
            yield held[0], held[1] - begin, self._last_duration(*held, step)

    def _last_duration(self, frame: VideoFrame, pts: int, step: int) -> int:
        """Of the last picture: its own, up to the end of the file."""
        duration = int(frame.duration or step)
        end = (self.origin + self._seconds) / self.info.time_base
        return min(duration, round(end) - pts) if round(end) > pts else duration

    def _timed(self, seek: int | None) -> Generator[VideoFrame, None, None]:
        """All frames from a keyframe before ``seek`` on, with times that increase whatever the file says."""
        tell = _Told(self.path, self.notes)
        on_damage = tell.damage if self.force else None
        frames = decoded(self.path, self._refuse, seek=seek, keep_suspects=self.force, on_damage=on_damage)
        with opened(self.path) as (container, stream):
            clock, odd = Clock.of(container, stream), Oddities()
        try:
            with self._told_of_force():
                yield from in_time(frames, clock, odd)
        except BrokenVideoError as error:
            if not self.force:
                raise
            self.notes.append(f"{error}; what comes before is used")
        finally:
            tell.rest(odd)

    @contextmanager
    def _told_of_force(self) -> Iterator[None]:
        try:
            yield
        except BrokenVideoError as error:
            raise error if self.force else BrokenVideoError(f"{error}, or take what there is with --force") from None

    def _refuse(self, frame: VideoFrame, stream: VideoStream, path: Path) -> None:
        if not self.force:
            try:
                reading.refuse_interlaced(frame, path)
            except VsrppError as error:
                raise VsrppError(f"{error}, or take it as it is with --force") from None


LOST = {
    Type.A53_CC: "closed captions in its pictures",
    Type.DYNAMIC_HDR_PLUS: "HDR10+ metadata",
    Type.DOVI_RPU_BUFFER: "Dolby Vision metadata",
    Type.DYNAMIC_HDR_VIVID: "HDR Vivid metadata",
    Type.AMBIENT_VIEWING_ENVIRONMENT: "metadata on the ambient light it was made for",
    Type.STEREO3D: "marks of a stereoscopic film",
    Type.SPHERICAL: "metadata on its projection (360°)",
    Type.AFD: "an active format description",
    Type.S12M_TIMECODE: "timecodes in its pictures",
}
"""What a frame may carry that no result can: PyAV cannot give it to an encoder."""


class _Losses:
    """Tells once of each thing that a film's frames carry and the result will not."""

    def __init__(self, path: Path, notes: list[str]) -> None:
        self._path, self._notes = path, notes
        self._reader, self._told = SideDataReader(), set[str]()

    def look(self, frame: VideoFrame) -> None:
        for kind in self._reader.kinds(frame) & LOST.keys():
            self._tell(LOST[kind])
        if ALPHA not in self._told and _is_transparent(frame):
            self._tell(ALPHA)

    def _tell(self, what: str) -> None:
        if what not in self._told:
            self._told.add(what)
            self._notes.append(f"{self._path} has {what}, which the result will not have")


class _Told:
    """Puts what was odd about a film into its notes: the first places by themselves, the others counted."""

    def __init__(self, path: Path, notes: list[str]) -> None:
        self._path, self._notes = path, notes
        self._places = self._frames = 0

    def damage(self, damage: Damage) -> None:
        self._places, self._frames = self._places + 1, self._frames + damage.count
        if self._places <= PLACES_TOLD:
            self._notes.append(f"{self._path} is {damage}; some after it may show traces of that")

    def rest(self, odd: Oddities) -> None:
        self._notes += [f"{self._path} {sentence}" for sentence in odd.sentences(self._frames)]
        if (more := self._places - PLACES_TOLD) > 0:
            self._notes.append(
                f"{self._path} is damaged in {more:,} more places; in all {self._frames:,} frames are lost"
            )


@dataclass
class ImageFilm:
    """The images of a folder in natural order; all of one size."""

    path: Path
    rate: Fraction = Fraction(DEFAULT_FPS)
    span: Span = Span()
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        begin = round(self.span.start * self.rate)
        end = None if self.span.length is None else begin + max(1, round(self.span.length * self.rate))
        self.files = list_folder(self.path).images[begin:end]
        if not self.files:
            raise VsrppError(f"{self.path} holds no images there; name a folder of PNG, JPEG, TIFF, BMP or WebP files")
        self._names, self._told = images.result_names(self.files), set[str]()
        rgb, frame = _read_image(self.files[0])
        height, width = rgb.shape[:2]
        rate = self.rate
        self.info = SourceInfo(self.path, width, height, "rgb24", _bits(frame), rate, 1 / rate, len(self.files))
        self.notes += [note for note in (passed_over(self.path), *images.remarks(self.files)) if note]
        self._note_losses(self.files[0], frame)

    def check(self) -> None:
        images.refuse_unfit(self.files, _size_of)

    def pictures(self, first: int) -> Generator[Picture, None, None]:
        for index, file in enumerate(self.files[first:], first):
            rgb, frame = _read_image(file, deep=self.info.bits > 8)
            self._note_losses(file, frame)
            if rgb.shape != (self.info.height, self.info.width, 3):
                size = f"{rgb.shape[1]}x{rgb.shape[0]}"
                raise VsrppError(f"{file} is {size}, unlike those before it ({self.info.size}); move it elsewhere")
            yield Picture(rgb, index, 1)

    def name(self, index: int) -> str:
        return self._names[index]

    def identity(self) -> list[str]:
        stats = [(file.name, file.stat()) for file in self.files]
        return [f"{name}: {stat.st_size} bytes, changed at {stat.st_mtime_ns}" for name, stat in stats]

    def _note_losses(self, file: Path, frame: VideoFrame) -> None:
        """Of each kind the first image is named."""
        if "alpha" not in self._told and _is_transparent(frame):
            self._told.add("alpha")
            self.notes.append(f"{file} is transparent in places, which is left out")
        if "bits" not in self._told and _bits(frame) > max(8, self.info.bits):
            self._told.add("bits")
            self.notes.append(f"{file} has {_bits(frame)} bits a channel, of which {self.info.bits} are kept")
        if "more" not in self._told and (count := images.count_in(file)) > 1:
            self._told.add("more")
            self.notes.append(f"{file} holds {count:,} pictures; of it, and of others like it, the first is taken")


def _is_transparent(frame: VideoFrame) -> bool:
    """Whether any pixel is not opaque; many files have an alpha channel that says nothing."""
    if not (frame.format.has_palette or any(part.is_alpha for part in frame.format.components)):
        return False
    return bool((frame.to_ndarray(format="rgba")[..., 3] < 255).any())


def _size_of(file: Path) -> images.Size:
    rgb, _ = _read_image(file)
    return rgb.shape[1], rgb.shape[0]


def _read_image(file: Path, deep: bool | None = None) -> tuple[Pixels, VideoFrame]:
    """An image, upright, with 16 bits per component if ``deep``; None: as the image has."""
    try:
        content = file.read_bytes()
        images.refuse_cut_jpeg(content)
        with av.open(
            io.BytesIO(images.decodable(content)), "r"
        ) as container:  # libav might take the name for a pattern
            frame = next(container.decode(video=0))
    except (FFmpegError, OSError, StopIteration, IndexError, ValueError):
        raise VsrppError(f"{file} cannot be read as an image; replace it or take it out of the folder") from None
    deep = _bits(frame) > 8 if deep is None else deep
    rgb = reading.to_rgb(frame, VideoReformatter(), file, DEEP_FORMAT if deep else RGB_FORMAT)
    return np.ascontiguousarray(reading.turned(rgb, SideDataReader().display_matrix(frame), file)), frame


def _bits(frame: VideoFrame) -> int:
    return max(component.bits for component in frame.format.components)


def _origin(container: InputContainer, span: Span) -> Fraction:
    """When the film begins, in seconds of its clock. Whole films that were not cut from a longer stream keep theirs."""
    begins = Fraction(container.start_time or 0, av.time_base)
    if may_jump(container):
        return begins
    return max(begins, Fraction(0)) if span != Span() else Fraction(0)


def _source_info(
    path: Path, container: InputContainer, stream: VideoStream, first: VideoFrame, span: Span
) -> SourceInfo:
    context, attached = stream.codec_context, SideDataReader()
    rate = stream.average_rate or stream.guessed_rate or Fraction(DEFAULT_FPS)
    seconds = declared_seconds(container, stream)
    frames = stream.frames or round(seconds * rate)
    if span != Span():
        left = max(0.0, seconds - span.start) if seconds else span.length or 0.0
        frames = round(min(left, span.length if span.length is not None else left) * rate)
    return SourceInfo(
        path,
        first.width,
        first.height,
        "rgb24" if first.format.has_palette else first.format.name,
        _bits(first),
        rate,
        first.time_base or stream.time_base or 1 / rate,
        frames,
        colorspace=reading.matrix_of(first),
        color_range=2 if first.color_range == 2 or first.format.name.startswith("yuvj") else 1,
        primaries=context.color_primaries,
        transfer=context.color_trc,
        hdr=reading.hdr_curve(stream),
        mastering=attached.read(first, Type.MASTERING_DISPLAY_METADATA),
        light_level=attached.read(first, Type.CONTENT_LIGHT_LEVEL),
        siting=named_siting(stream) or UNNAMED,
        aspect=stream.sample_aspect_ratio or Fraction(1),
        matrix=attached.display_matrix(first),
    )
