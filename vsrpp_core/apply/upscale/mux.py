"""From finished segments to the requested file: the new pictures, and everything else of the source copied.

Separate from the segments because only here a container format is chosen, with its limits. Whatever can be known of
them is tried before the first picture; whatever shows itself only while a file is written costs a track or some of its
packets, which is reported, and never the pictures.
"""

import heapq
from collections.abc import Collection, Generator, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream

from vsrpp_core.apply.upscale.copied import Timed, Writer, copied, time_of
from vsrpp_core.apply.upscale.encoding import Encoding, open_encoder
from vsrpp_core.apply.upscale.segments import UpscaleFolder
from vsrpp_core.apply.upscale.source import Film, VideoFilm
from vsrpp_core.apply.upscale.tracks import (
    OF_THE_FILE,
    OF_THE_STREAM,
    Copying,
    LeftOut,
    add_tracks,
    chapters,
    enlarged,
    kind_of,
    of_content,
    upscaled_stream,
)
from vsrpp_core.errors import OptionError, is_of_the_place
from vsrpp_core.video.pixel_aspect import name_pixel_aspect

VIDEO_OUT = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
"""Suffixes (lower case) that can be written; these containers store times, colours and orientation."""

TRIED = 500
"""Packets of other tracks that are written to try a container."""

Refused = (FFmpegError, ValueError)
"""What PyAV raises where a container, a muxer or an encoder does not take something."""


def check(film: Film, encoding: Encoding, work: UpscaleFolder, suffix: str, drop: bool) -> list[LeftOut]:
    """Try whether the container takes all tracks and the encoder its settings, before hours of work.

    What will be left out. OptionError where a track does not fit, unless ``drop`` allows leaving it out.
    """
    left_out = _left_out(film, encoding, work, suffix)
    if left_out and not drop:
        others = (other for other in (".mkv", ".mp4", ".mov") if VIDEO_OUT[other] != VIDEO_OUT[suffix.lower()])
        other = next((other for other in others if not _left_out(film, encoding, work, other)), None)
        instead = f"name OUT {work.out.with_suffix(other)}, or give --drop-tracks" if other else "give --drop-tracks"
        raise OptionError(
            "out", f"{film.info.path}: {'; '.join(map(str, left_out))}; {instead} to leave out what does not fit"
        )
    return left_out


def _left_out(film: Film, encoding: Encoding, work: UpscaleFolder, suffix: str) -> list[LeftOut]:
    trial = work.path / f"joined-trial{suffix}"
    try:
        return _tried(film, encoding, trial, ())
    except Refused as error:
        if is_of_the_place(error):
            raise
    without = list(_tracks(film, trial))
    try:
        _tried(film, encoding, trial, without)
    except Refused as error:
        raise OptionError(
            "codec",
            f"{encoding.codec} with {encoding.options} for {encoding.width}x{encoding.height} {encoding.pixels} in a "
            f"{suffix} file is refused ({error}); change --codec, --preset, --crf or --pixels, or OUT's suffix",
        ) from None
    for one in list(without):
        with suppress(*Refused):
            others = [other for other in without if other != one]
            _tried(film, encoding, trial, others)
            without = others
    return _tried(film, encoding, trial, without)


def _tracks(film: Film, made: Path) -> Iterator[LeftOut]:
    """All other tracks of the source, as if none fitted."""
    with _source_of(film) as source:
        upscaled = upscaled_stream(source).index if source else 0
        for stream in source.streams if source else ():
            if stream.index != upscaled:
                reason = f"does not fit into a {VIDEO_OUT[made.suffix.lower()]} file"
                yield LeftOut(stream.index, kind_of(stream), reason)


def _tried(film: Film, encoding: Encoding, trial: Path, without: Collection[LeftOut]) -> list[LeftOut]:
    """What a file would lack whose header and first packets are written; ``Refused`` where its header is."""
    try:
        with _opened(film, encoding, trial, without) as (source, container, copying):
            writer = Writer(container)
            for packet, stream in islice(copied(source, copying, film), TRIED):
                writer.add(packet, stream)
            reason = f"is refused by a {container.format.name} file ({writer.reason})"
            return [*copying.left_out, *(LeftOut(s.index, kind_of(s), reason) for s in writer.refused(copying))]
    finally:
        trial.unlink(missing_ok=True)


def join(
    film: Film, encoding: Encoding, work: UpscaleFolder, count: int, made: Path, without: Collection[LeftOut]
) -> Iterator[int]:
    """Write the file ``made`` from ``count`` segments and the source's other tracks; yields pictures written so far.

    Tracks that turn out not to fit after all are left out as well, which ``film.notes`` tells.
    """
    while True:
        writer: Writer | None = None
        with _opened(film, encoding, made, without) as (source, container, copying):
            try:
                writer = Writer(container)
                written = yield from _write(film, encoding, work, count, writer, container, source, copying)
                container.close()
                _name_shape(film, encoding, made)
                if not writer.has_lost or _count(made) == written:
                    film.notes += [f"{film.info.path}: {note}" for note in writer.notes(copying)]
                    return
                error: Exception = writer.reason or ValueError("pictures are missing")
            except Refused as refused:
                error = refused
            if is_of_the_place(error) or not copying.streams:
                raise error
            failed = writer.failed(copying) if writer else [stream for stream, _ in copying.streams]
            lost = [LeftOut(s.index, kind_of(s), f"cannot be written ({error})") for s in failed]
            film.notes += [f"{film.info.path}: {one}, and is left out; the pictures are complete" for one in lost]
            without = [*without, *lost]


def _name_shape(film: Film, encoding: Encoding, made: Path) -> None:
    """Matroska's part of what the other containers are told by PyAV."""
    is_matroska = VIDEO_OUT[made.suffix.lower()] == "matroska"
    if is_matroska and encoding.aspect != 1 and not name_pixel_aspect(made, encoding.aspect):
        film.notes.append(
            f"{film.info.path}: the file does not say that its pixels are {encoding.aspect} as wide as high"
        )


def _write(
    film: Film,
    encoding: Encoding,
    work: UpscaleFolder,
    count: int,
    writer: Writer,
    container: OutputContainer,
    source: InputContainer | None,
    copying: Copying,
) -> Generator[int, None, int]:
    delay, written = max(segment.delay for segment in work.read(count)), 0
    is_mp4, target = container.format.name != "matroska", container.streams.video[0]
    pictures = _pictures(work, count, delay, encoding.time_base, is_mp4)
    with closing(copied(source, copying, film)) as others:
        for packet, stream in heapq.merge(_with(pictures, target), others, key=time_of):
            writer.add(packet, stream)
            if stream is target:
                written += 1
                yield written
    return written


def _count(made: Path) -> int:
    """Pictures in a file."""
    with av.open(str(made.absolute())) as container:
        return sum(packet.size > 0 for packet in container.demux(container.streams.video[0]))


def unpack(film: Film, encoding: Encoding, work: UpscaleFolder, count: int, made: Path) -> Iterator[int]:
    """Write the folder ``made``, a file for each picture; yields pictures written so far."""
    made.mkdir()
    written = 0
    for segment in work.read(count):
        for packet in work.packets(segment, encoding.time_base):
            (made / f"{film.name(written)}.png").write_bytes(bytes(packet))
            written += 1
            yield written


# files


@contextmanager
def _source_of(film: Film) -> Iterator[InputContainer | None]:
    """None for a source that has only pictures."""
    if not isinstance(film, VideoFilm):
        yield None
        return
    with av.open(str(film.path.absolute()), metadata_errors="ignore") as source:
        yield source


@contextmanager
def _opened(
    film: Film, encoding: Encoding, made: Path, without: Collection[LeftOut]
) -> Iterator[tuple[InputContainer | None, OutputContainer, Copying]]:
    """The source and a file with its header; the absolute path, or "20:15.mp4" would be taken for a protocol."""
    with _source_of(film) as source:
        container = av.open(str(made.absolute()), "w", format=VIDEO_OUT[made.suffix.lower()])
        try:
            copying = _add_streams(container, film, encoding, source, without)
            container.start_encoding()
            yield source, container, copying
        finally:
            with suppress(*Refused):  # closed before where that matters
                container.close()


def _add_streams(
    container: OutputContainer,
    film: Film,
    encoding: Encoding,
    source: InputContainer | None,
    without: Collection[LeftOut],
) -> Copying:
    """The pictures' stream first, then a copy of each other track."""
    pictures = encoding.add_to(container)
    if encoding.codec == "libx265" and container.format.name in ("mp4", "mov"):
        pictures.codec_context.codec_tag = "hvc1"  # libav's own choice, hev1, is not played on Apple's devices
    if matrix := enlarged(film.info, encoding):
        pictures.set_display_matrix(matrix)
    open_encoder(pictures.codec_context)
    if source is None:
        return Copying()
    upscaled = upscaled_stream(source)
    container.metadata.update(of_content(source.metadata, OF_THE_FILE))
    pictures.metadata.update(of_content(upscaled.metadata, OF_THE_STREAM))
    pictures.disposition = upscaled.disposition
    container.set_chapters(chapters(source, film))
    return add_tracks(container, source, without)


# pictures


def _pictures(
    work: UpscaleFolder, count: int, delay: int, time_base: Fraction, lasts_to_end: bool
) -> Iterator["Packet[Any]"]:
    """All pictures' packets with decoding times: the display times in order, ``delay`` pictures earlier.

    The encoder's own would be wrong where segments meet, as each encoder counts from its first picture.
    ``lasts_to_end``: the last packet lasts until the end of the last picture shown, which need not be its own: files
    of MP4's kind store durations as the distances of decoding times.
    """
    times, end = _decoding_times(_shown(work, count), delay), 0
    left = sum(segment.frames for segment in work.read(count))
    for segment in work.read(count):
        for packet in work.packets(segment, time_base):
            packet.dts, left = next(times), left - 1
            end = max(end, (packet.pts or 0) + (packet.duration or 0))
            if lasts_to_end and not left:
                packet.duration = end - (packet.pts or 0)
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


def _with(packets: Iterable["Packet[Any]"], stream: Stream) -> Iterator[Timed]:
    for packet in packets:
        yield packet, stream
