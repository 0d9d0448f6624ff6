"""From finished segments to the requested file: the new pictures, and everything else of the source copied.

Separate from the segments because only here a container format is chosen, with its limits.
"""

import heapq
import math
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Disposition, Stream

from vsrpp_core.apply.upscale.encoding import Encoding, open_encoder
from vsrpp_core.apply.upscale.segments import UpscaleFolder
from vsrpp_core.apply.upscale.source import Film, VideoFilm, exact
from vsrpp_core.data.stacked import SCALE
from vsrpp_core.errors import OptionError

VIDEO_OUT = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
"""Suffixes that can be written; these containers store times, colours and orientation."""

OF_THE_FILE = frozenset({"major_brand", "minor_version", "compatible_brands", "encoder", "duration"})
OF_THE_STREAM = frozenset({"encoder", "duration", "bps", "number_of_frames", "number_of_bytes", "vendor_id"})
"""Metadata keys (lower case, without a language) that describe the bytes of the source."""

COVERS = {"png": (".png", "image/png"), "mjpeg": (".jpg", "image/jpeg")}
INTERLEAVED = 10
"""Seconds by which one track's packets may precede another's of the same time in a file."""


@dataclass
class Copying:
    """What is copied from a source besides its pictures; ``left_out`` are sentences on what cannot be."""

    streams: list[tuple[Stream, Stream]]
    """(of the source, of the result)."""
    left_out: list[str]


def check(film: Film, encoding: Encoding, work: UpscaleFolder, suffix: str, drop: bool) -> list[str]:
    """Try whether the container takes all tracks and the encoder its settings, before hours of work.

    Sentences on what will be left out. OptionError where a track does not fit, unless ``drop`` allows leaving it out.
    """
    trial = work.path / f"joined-trial{suffix}"
    try:
        with _opened_source(film) as source, av.open(str(trial), "w", format=VIDEO_OUT[suffix]) as container:
            copying = _add_streams(container, film, encoding, source)
            if copying.left_out and not drop:
                other = ".mkv" if suffix != ".mkv" else ".mp4"
                raise OptionError(
                    "out",
                    f"{'; '.join(copying.left_out)}: name OUT {work.out.stem}{other}, "
                    "or give --drop-tracks to leave out what does not fit",
                )
            container.start_encoding()
    except (FFmpegError, ValueError) as error:
        raise OptionError(
            "codec",
            f"{encoding.codec} with {encoding.options} for {encoding.width}x{encoding.height} {encoding.pixels} in a "
            f"{suffix} file is refused ({error}); change --codec, --preset, --crf or --pixels",
        ) from None
    finally:
        trial.unlink(missing_ok=True)
    return copying.left_out


def join(film: Film, encoding: Encoding, work: UpscaleFolder, count: int, made: Path) -> Iterator[int]:
    """Write the file ``made`` from ``count`` segments and the source's other tracks; yields pictures written so far."""
    delay = max(segment.delay for segment in work.read(count))
    with _opened_source(film) as source, av.open(str(made), "w", format=VIDEO_OUT[made.suffix]) as container:
        copying = _add_streams(container, film, encoding, source)
        pictures = _pictures(work, count, delay, encoding.time_base)
        written = 0
        with closing(_copied(source, copying, film)) as copied:
            for packet, stream in heapq.merge(_with(pictures, container.streams.video[0]), copied, key=_time):
                packet.stream = stream
                container.mux_one(packet)
                if stream is container.streams.video[0]:
                    written += 1
                    yield written


def unpack(film: Film, encoding: Encoding, work: UpscaleFolder, count: int, made: Path) -> Iterator[int]:
    """Write the folder ``made``, a file for each picture; yields pictures written so far."""
    made.mkdir()
    written = 0
    for segment in work.read(count):
        for packet in work.packets(segment, encoding.time_base):
            (made / f"{film.name(written)}.png").write_bytes(bytes(packet))
            written += 1
            yield written


# streams


class _NoSource:
    """In place of the file of a source that has only pictures."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None


def _opened_source(film: Film) -> Any:
    if not isinstance(film, VideoFilm):
        return _NoSource()
    return av.open(str(film.path.absolute()), metadata_errors="ignore")


def _add_streams(container: OutputContainer, film: Film, encoding: Encoding, source: InputContainer | None) -> Copying:
    """The pictures' stream first, then a copy of each other track."""
    pictures = encoding.add_to(container)
    if encoding.codec == "libx265" and container.format.name in ("mp4", "mov"):
        pictures.codec_context.codec_tag = "hvc1"  # libav's own choice, hev1, is not played on Apple's devices
    if matrix := _enlarged(film.info.matrix):
        pictures.set_display_matrix(matrix)
    open_encoder(pictures.codec_context)
    copying = Copying([], [])
    if source is None:
        return copying
    upscaled = _upscaled_stream(source)
    container.metadata.update(_of_content(source.metadata, OF_THE_FILE))
    pictures.metadata.update(_of_content(upscaled.metadata, OF_THE_STREAM))
    pictures.disposition = upscaled.disposition
    container.set_chapters(_chapters(source, film))
    for stream in source.streams:
        if stream.index != upscaled.index:
            _add_copy(container, stream, copying)
    return copying


def _upscaled_stream(source: InputContainer) -> Stream:
    return next(s for s in source.streams.video if not s.disposition & Disposition.attached_pic)


def _add_copy(container: OutputContainer, stream: Stream, copying: Copying) -> None:
    if stream.type == "data":
        if stream.name != "bin_data":  # chapters of a .mp4, which are copied as chapters
            copying.left_out.append(f"track {stream.index} (data, {stream.name}) cannot be copied")
        return
    if stream.type == "video" and not stream.disposition & Disposition.attached_pic:
        copying.left_out.append(f"track {stream.index} is a second video, and only the first is upscaled")
        return
    is_matroska = container.format.name == "matroska"
    if stream.type == "video" and is_matroska and stream.codec_context.name in COVERS:
        container.add_attachment(*_cover(stream))
        return
    try:
        if stream.type == "attachment" and not is_matroska:
            raise ValueError("only Matroska has attachments")
        copy = container.add_stream_from_template(stream, opaque=True)
    except (FFmpegError, ValueError):
        name = stream.codec_context.name if stream.codec_context else stream.name
        copying.left_out.append(
            f"track {stream.index} ({stream.type}, {name}) does not fit into a {container.format.name} file"
        )
        return
    copy.metadata.update(_of_content(stream.metadata, OF_THE_STREAM))
    copy.disposition = stream.disposition
    copying.streams.append((stream, copy))


def _cover(stream: Stream) -> tuple[str, str, bytes]:
    """Name, type and bytes of a cover, which is an attachment in Matroska and a track elsewhere."""
    suffix, kind = COVERS[stream.codec_context.name]
    with av.open(stream.container.name, metadata_errors="ignore") as again:
        packet = next(packet for packet in again.demux(again.streams[stream.index]) if packet.size)
    return stream.metadata.get("filename", f"cover{suffix}"), kind, bytes(packet)


def _of_content(metadata: dict[str, str], without: frozenset[str]) -> dict[str, str]:
    def describes_bytes(key: str) -> bool:
        return key.lower().split("-")[0] in without or key.upper().startswith("_STATISTICS")

    return {key: value for key, value in metadata.items() if not describes_bytes(key)}


def _enlarged(matrix: bytes) -> list[int]:
    """The display matrix for the larger picture: its shift, in pixels, is scaled."""
    values = [int(value) for value in np.frombuffer(matrix, "=i4")]
    return [value * SCALE if place in (6, 7) else value for place, value in enumerate(values)]


def _chapters(source: InputContainer, film: Film) -> list[Any]:
    """The source's chapters within the span, relative to its start."""
    begin, end = _bounds(film)
    chapters = []
    for chapter in source.chapters():
        unit = chapter["time_base"] or Fraction(1, av.time_base)
        low, high = max(chapter["start"] * unit, begin), min(chapter["end"] * unit, end)
        if low < high:
            ends = {"start": math.floor((low - begin) / unit), "end": math.floor((high - begin) / unit)}
            chapters.append({**chapter, **ends, "time_base": unit})
    return chapters


def _bounds(film: Film) -> tuple[Fraction, Any]:
    """The span in seconds of the source's clock; the end may be infinite."""
    if not isinstance(film, VideoFilm):
        return Fraction(0), math.inf
    begin = film.origin + exact(film.span.start)
    return begin, math.inf if film.span.length is None else begin + exact(film.span.length)


# packets


def _copied(
    source: InputContainer | None, copying: Copying, film: Film
) -> Generator[tuple["Packet[Any]", Stream], None, None]:
    """Packets of the copied tracks within the span, relative to its start."""
    if source is None or not copying.streams:
        return
    begin, end = _bounds(film)
    from_middle = isinstance(film, VideoFilm) and film.span.start > 0
    targets = {stream.index: copy for stream, copy in copying.streams}
    if from_middle:
        source.seek(int(begin * av.time_base))
    for packet in source.demux([stream for stream, _ in copying.streams]):
        cover = bool(packet.stream.disposition & Disposition.attached_pic)
        pts = packet.dts if packet.pts is None else packet.pts
        if pts is None and not (cover and packet.size):  # the end of a stream
            continue
        pts = pts or 0
        seconds = pts * packet.time_base
        if seconds > end + INTERLEAVED:
            return
        if cover or (seconds < end and not (from_middle and seconds < begin)):
            shift = 0 if cover else round(begin / packet.time_base)
            packet.pts, packet.dts = pts - shift, (pts if packet.dts is None else packet.dts) - shift
            yield packet, targets[packet.stream_index]


def _pictures(work: UpscaleFolder, count: int, delay: int, time_base: Fraction) -> Iterator["Packet[Any]"]:
    """All pictures' packets with decoding times: the display times in order, ``delay`` pictures earlier.

    The encoder's own would be wrong where segments meet, as each encoder counts from its first picture.
    """
    times = _decoding_times(_shown(work, count), delay)
    for segment in work.read(count):
        for packet in work.packets(segment, time_base):
            packet.dts = next(times)
            yield packet


def _shown(work: UpscaleFolder, count: int) -> Iterator[int]:
    for segment in work.read(count):
        yield from sorted(pts for _, pts, *_ in segment.packets)


def _decoding_times(shown: Iterable[int], delay: int) -> Iterator[int]:
    """``shown``, ``delay`` places later, after as many times before it at the same distances."""
    rest = iter(shown)
    head = list(islice(rest, delay + 1))
    before = [time - (head[-1] - head[0]) for time in head[:-1]]
    return chain(before, head, rest)


def _with(packets: Iterable["Packet[Any]"], stream: Stream) -> Iterator[tuple["Packet[Any]", Stream]]:
    for packet in packets:
        yield packet, stream


def _time(pair: tuple["Packet[Any]", Stream]) -> Fraction:
    packet = pair[0]
    return (packet.dts or 0) * packet.time_base
