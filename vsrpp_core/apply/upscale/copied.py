"""Packets of a source's other tracks, and the writer that brings them into a file as far as it takes them.

Separate from mux.py because it knows nothing of pictures: a source's times may go back, a track may stop being readable
in the middle, a muxer may refuse a packet; none of it may cost more than it concerns, and all of it is reported.
"""

from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator
from fractions import Fraction
from heapq import merge
from typing import Any

import av
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Disposition, Stream

from vsrpp_core.apply.upscale.source import Film, VideoFilm
from vsrpp_core.apply.upscale.tracks import Copying, bounds, kind_of
from vsrpp_core.errors import is_of_the_place
from vsrpp_core.video.clock import LARGEST_GAP, Clock, may_jump

TS_NONSTRICT: Any = av.format.Flags.ts_nonstrict.value
INTERLEAVED = 10
"""Seconds by which one track's packets may precede another's of the same time in a file."""

BACK = 1
"""Seconds that sound may go back, as where packets were lost; more is a clock that restarts."""

PRIMING = 0.05
"""Seconds of sound before the beginning that are kept although nothing of them is heard: decoders begin with them."""

MOST_HELD = 1_000
"""Packets of all tracks that are held until the next one of sound has come; a track may end early."""

ATTEMPTS = 100
"""Times that reading a source is tried again in a row, where nothing came between."""

Timed = tuple["Packet[Any]", Stream]
"""A packet, and the track of the result that it belongs to."""


def copied(source: InputContainer | None, copying: Copying, film: Film) -> Generator[Timed, None, None]:
    """Packets of the copied tracks within the span, relative to its start; ``film.notes`` tells what cannot be read."""
    if source is None or not isinstance(film, VideoFilm):
        return
    texts = [pair for pair in copying.streams if _is_text(pair[0])]
    others = [pair for pair in copying.streams if pair not in texts]
    # editors leave texts in any order; they are few enough to be sorted as a whole
    sorted_texts = sorted(_in_span(film, texts), key=time_of) if texts else []
    yield from merge(sorted_texts, _in_span(film, others), key=time_of)


def time_of(pair: Timed) -> Fraction:
    packet = pair[0]
    return (packet.dts or 0) * packet.time_base


def _is_text(stream: Stream) -> bool:
    return stream.type == "subtitle" and stream.codec_context is not None and stream.codec_context.codec.text_sub


def _in_span(film: VideoFilm, pairs: list[tuple[Stream, Stream]]) -> Iterator[Timed]:
    if not pairs:
        return
    begin, end = bounds(film)
    from_middle = film.span.start > 0
    targets = {stream.index: copy for stream, copy in pairs}
    clocks: dict[int, Clock] = {}
    for packet, following in _read(film, [stream.index for stream, _ in pairs], begin if from_middle else None):
        cover, pts = _is_cover(packet), _time(packet) or 0
        if packet.stream.type == "audio":
            shift = on_one_clock(packet, pts, clocks, following)
            packet.dts, pts = (packet.dts or pts) + shift, pts + shift
        seconds = pts * packet.time_base
        if packet.is_discard and not -PRIMING <= seconds < 0:  # cut out by an edit list
            continue
        if seconds > end + INTERLEAVED:
            return
        if cover or (seconds < end and not (from_middle and seconds < begin)):
            shift = 0 if cover else round(begin / packet.time_base)
            packet.pts, packet.dts = pts - shift, (pts if packet.dts is None else packet.dts) - shift
            yield packet, targets[packet.stream_index]


def _is_cover(packet: "Packet[Any]") -> bool:
    return bool(packet.stream.disposition & Disposition.attached_pic)


def _time(packet: "Packet[Any]") -> int | None:
    return packet.dts if packet.pts is None else packet.pts


def _with_following(packets: Iterable["Packet[Any]"]) -> Iterator[tuple["Packet[Any]", int | None]]:
    """The packets in their order, those of sound with the time of the next one of their track; without such as end a
    track."""
    held, newest = deque[list[Any]](), dict[int, list[Any]]()
    for packet in packets:
        time, index = _time(packet), packet.stream_index
        if not packet.size or (time is None and not _is_cover(packet)):
            continue
        if index in newest:
            newest[index][1] = time
        held.append([packet, None])
        if packet.stream.type == "audio":
            newest[index] = held[-1]
        while held and (held[0] is not newest.get(held[0][0].stream_index) or len(held) > MOST_HELD):
            packet, following = held.popleft()
            yield packet, following
    yield from ((packet, following) for packet, following in held)


def on_one_clock(packet: "Packet[Any]", pts: int, clocks: dict[int, Clock], following: int | None = None) -> int:
    """What is added to times of sound where its clock restarted, as that of the pictures did there. ``following``: the
    time of the next packet, by which a restart of less than ``BACK`` is told from a packet that is too early."""
    unit, stream = packet.time_base, packet.stream
    gap = round(LARGEST_GAP / unit) if may_jump(stream.container) else None
    clock = clocks.setdefault(stream.index, Clock(1, round(BACK / unit), gap))
    shown, _ = clock(pts, (following,))
    clock.step = packet.duration or 1
    return shown - pts


def _read(film: VideoFilm, indices: list[int], begin: Fraction | None) -> Iterator[tuple["Packet[Any]", int | None]]:
    """Packets of these streams, as ``_with_following``, from ``begin`` on. They are of use while the film is open."""
    with av.open(str(film.path.absolute()), metadata_errors="ignore") as source:
        if begin is not None:
            source.seek(int(begin * av.time_base))
        yield from _with_following(_packets(film, source, indices))


def _packets(film: VideoFilm, source: InputContainer, indices: list[int]) -> Iterator["Packet[Any]"]:
    """What can be read of these streams: after damage whatever follows it, which is reported once."""
    failures = 0
    for _ in range(ATTEMPTS):
        try:
            yield from source.demux([source.streams[index] for index in indices])
        except (FFmpegError, ValueError) as error:
            if not failures:
                film.notes.append(f"{film.path}: other tracks cannot be read in part ({error}); that part is left out")
            failures += 1
        else:
            return


class Writer:
    """Muxes packets at times that a muxer takes, and counts those of other tracks that it does not take."""

    def __init__(self, container: OutputContainer) -> None:
        self._container = container
        self._step = 0 if container.format.flags & TS_NONSTRICT else 1
        self._last: dict[int, int] = {}
        self._written: Counter[int] = Counter()
        self._moved: Counter[int] = Counter()
        self._lost: Counter[int] = Counter()
        self.reason: Exception | None = None

    def add(self, packet: "Packet[Any]", stream: Stream) -> None:
        packet.stream = stream
        self._order(packet, stream)
        try:
            self._container.mux_one(packet)
        except (FFmpegError, ValueError) as error:
            if is_of_the_place(error):
                raise
            self._lost[stream.index] += 1
            self.reason = error
        else:
            self._written[stream.index] += 1

    def _order(self, packet: "Packet[Any]", stream: Stream) -> None:
        """Move a packet that is not later than the one before behind it, in ticks of the file."""
        if packet.dts is None:
            return
        unit = stream.time_base or packet.time_base
        dts, last = round(packet.dts * packet.time_base / unit), self._last.get(stream.index)
        if last is not None and dts < last + self._step:
            dts = last + self._step
            pts = round((packet.pts or 0) * packet.time_base / unit)
            duration = round((packet.duration or 0) * packet.time_base / unit)
            packet.time_base, packet.dts, packet.pts, packet.duration = unit, dts, max(pts, dts), duration
            self._moved[stream.index] += 1
        self._last[stream.index] = dts

    @property
    def has_lost(self) -> bool:
        return self._lost.total() > 0

    def failed(self, copying: Copying) -> list[Stream]:
        """Tracks to blame for a file that cannot be written: those that lost packets or have none, else all."""
        streams = [
            stream for stream, copy in copying.streams if self._lost[copy.index] or not self._written[copy.index]
        ]
        return streams or [stream for stream, _ in copying.streams]

    def refused(self, copying: Copying) -> list[Stream]:
        """Tracks of which nothing was taken."""
        return [s for s, copy in copying.streams if self._lost[copy.index] and not self._written[copy.index]]

    def notes(self, copying: Copying) -> Iterator[str]:
        for stream, copy in copying.streams:
            track = f"track {stream.index} ({kind_of(stream)})"
            if moved := self._moved[copy.index]:
                yield f"{track} has {moved:,} packets that are not later than the one before; they are moved behind it"
            if lost := self._lost[copy.index]:
                yield f"{track} lost {lost:,} packets that could not be written ({self.reason})"
