"""Times of a film's pictures, given in the order in which a decoder shows them.

Separate because the order is right and the times may not be: some recorders and containers store those of decoding as
those of showing, give two pictures one time or a far too late one, or restart where recordings were joined.
"""

import heapq
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from typing import Any

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vsrpp_core.video.decoding import REORDERED, BrokenVideoError

DEFAULT_FPS = 25.0
"""Assumed where a container gives no frame rate."""

LARGEST_GAP = 10
"""Seconds: where a format foresees that clocks jump, a longer gap is such a jump, as the ffmpeg program has it."""


def may_jump(container: InputContainer) -> bool:
    """Whether the format foresees that its clock jumps, as where a recording is cut from a longer stream."""
    ts_discont: Any = av.format.Flags.ts_discont.value
    return bool(container.format.flags & ts_discont)


AHEAD = 4
"""Times that are known in advance; outliers are as many at most."""

MOST_GAPS = 0.05
"""Share of a film's distances that gaps may be; with more, its rate varies."""

MOST_DISTANCES = 100
"""Different distances, and gaps beyond that share, that are kept until the rate counts as one that varies."""


class Kind(Enum):
    """What a time is, seen from those before and after it."""

    USUAL, RESTART, OUTLIER = range(3)


class Clock:
    """Makes one clock of one that restarts. All times in ticks of one length."""

    def __init__(self, step: int, most_back: int = 0, longest_gap: int | None = None) -> None:
        """``step``: between two times; the clock restarts where it goes back by more than ``most_back``, or forward
        by more than ``longest_gap``."""
        self.step, self._most_back, self._longest_gap = step, most_back, longest_gap
        self._offset = 0
        self._newest: int | None = None
        self._part: deque[int] = deque(maxlen=REORDERED)
        """The last times since the clock restarted."""

    @classmethod
    def of(cls, container: InputContainer, stream: VideoStream) -> "Clock":
        """For the pictures of a film, in the time base of its stream."""
        rate, unit = stream.average_rate or stream.guessed_rate or Fraction(DEFAULT_FPS), stream.time_base
        step = max(1, round(1 / (rate * unit))) if unit else 1
        return cls(step, REORDERED * step, round(LARGEST_GAP / unit) if unit and may_jump(container) else None)

    def __call__(self, time: int | None, following: Sequence[int | None] = ()) -> tuple[int, Kind]:
        """The time on the one clock, and what it is by the times that follow it, as many as are known; an outlier, and
        a picture without a time, come a step after the one before."""
        later = [None if other is None else other + self._offset for other in following]
        if self._newest is None:
            shown, kind = self._first(time, later)
        else:
            expected = self._newest + self.step
            shown = expected if time is None else time + self._offset
            kind = self._kind(shown, self._newest, later)
            if kind is Kind.RESTART and time is not None:
                self._offset, shown = expected - time, expected
                self._part.clear()
            elif kind is Kind.OUTLIER:
                shown = expected
        self._part.append(shown)
        self._newest = shown if self._newest is None else max(self._newest, shown)
        return shown, kind

    def _first(self, time: int | None, following: Sequence[int | None]) -> tuple[int, Kind]:
        known = [other for other in following if other is not None][:2]
        if (
            time is not None
            and len(known) == 2
            and time - max(known) > self.step
            and 0 < known[1] - known[0] <= self._most_back
        ):
            return known[0] - self.step, Kind.OUTLIER
        return time or 0, Kind.USUAL

    def _kind(self, shown: int, newest: int, following: Sequence[int | None]) -> Kind:
        ahead = shown - newest
        if abs(ahead) > self._most_back and self._comes_back(shown, newest, following):
            return Kind.OUTLIER
        is_jump = ahead < -self._most_back or (self._longest_gap is not None and ahead > self._longest_gap)
        return Kind.RESTART if is_jump or self._is_short_part(shown, newest, following) else Kind.USUAL

    def _comes_back(self, shown: int, newest: int, following: Sequence[int | None]) -> bool:
        """Whether one of the next times is where it would be without those before it, and not where they lead."""
        for n, other in enumerate(following, start=1):
            if other is not None:
                off = abs(other - newest - (n + 1) * self.step)
                if off <= self._most_back and off < abs(other - shown - n * self.step):
                    return True
        return False

    def _is_short_part(self, shown: int, newest: int, following: Sequence[int | None]) -> bool:
        """Whether the clock goes back, less than a decoder may reorder, to times that were shown, and on from there.

        Times of decoding go back as well, but never to one that was shown.
        """
        after = next((other for other in following if other is not None), None)
        if shown >= newest or after is None or abs(after - shown) > abs(after - newest - self.step):
            return False
        return shown <= self._part[0] or any(abs(shown - other) <= self.step // 4 for other in self._part)


@dataclass
class Oddities:
    """What is odd about the times of a film's pictures, whose places are numbers of pictures, from 1."""

    restarts: list[int] = field(default_factory=list)
    outliers: list[int] = field(default_factory=list)
    gaps: list[int] = field(default_factory=list)
    """Those after which a distance of otherwise even ones leaves room for more."""
    missing: int = 0
    """Pictures for which the gaps leave room."""

    def sentences(self, lost: int = 0) -> Iterator[str]:
        """Without subject; ``lost`` pictures are known to be missing."""
        if self.restarts:
            yield f"restarts its clock {_places('at', self.restarts)}; what follows is shown right after it"
        if self.outliers:
            yield f"gives a time far from those around it {_places('at', self.outliers)}; it is shown between them"
        if self.missing > lost:
            many = "1 picture" if self.missing == 1 else f"{self.missing:,} pictures"
            yield f"is evenly timed but for room for {many} {_places('after', self.gaps)}, which may be lost"


def _places(word: str, frames: Sequence[int]) -> str:
    more = f" and in {len(frames) - 1:,} more places" if len(frames) > 2 else " and in one more place"
    return f"{word} frame {frames[0]:,}" + (more if len(frames) > 1 else "")


def in_time(frames: Iterable[VideoFrame], clock: Clock, odd: Oddities) -> Iterator[VideoFrame]:
    """The same frames, as many held back as a decoder may reorder, each with a ``pts`` later than the one before.

    Times are those of the file in ascending order; pictures of one time are spread up to the next. ``odd`` is complete
    when all frames are taken.
    """
    good, held = _UntilBroken(frames), deque[VideoFrame]()
    times: list[int] = []
    spread, spacing = _Spread(clock.step), _Spacing()
    for number, (frame, following) in enumerate(_with_following(good), start=1):
        time, kind = clock(frame.pts, following)
        if kind is not Kind.USUAL:
            (odd.restarts if kind is Kind.RESTART else odd.outliers).append(number)
        heapq.heappush(times, time)
        held.append(frame)
        if len(held) > REORDERED:
            yield spacing.seen(spread.timed(held.popleft(), times))
    while held:
        yield spacing.seen(spread.timed(held.popleft(), times))
    odd.gaps, odd.missing = spacing.gaps()
    if good.error:
        raise good.error


class _UntilBroken:
    """The frames before decoding cannot continue; they are good."""

    def __init__(self, frames: Iterable[VideoFrame]) -> None:
        self._frames = frames
        self.error: BrokenVideoError | None = None

    def __iter__(self) -> Iterator[VideoFrame]:
        try:
            yield from self._frames
        except BrokenVideoError as error:
            self.error = error


def _with_following(frames: Iterable[VideoFrame]) -> Iterator[tuple[VideoFrame, list[int | None]]]:
    """Each frame with the times of the next ones."""
    held: deque[VideoFrame] = deque()
    for frame in frames:
        held.append(frame)
        if len(held) > AHEAD:
            yield held.popleft(), [other.pts for other in held]
    while held:
        yield held.popleft(), [other.pts for other in held]


class _Spacing:
    """Distances between pictures, and which of them are gaps among even ones."""

    def __init__(self) -> None:
        self._even: Counter[int] = Counter()
        self._wide: list[tuple[int, int]] = []
        self._count = 0
        self._last: tuple[int, int] | None = None
        self._varies = False

    def seen(self, frame: VideoFrame) -> VideoFrame:
        assert frame.pts is not None
        if self._last is not None and not self._varies:
            distance, duration = frame.pts - self._last[0], self._last[1]
            if 2 * distance > 3 * (duration or min(self._even, default=distance)):
                self._wide.append((self._count, distance))
            else:
                self._even[distance] += 1
            self._varies = len(self._even) + len(self._wide) > MOST_DISTANCES + MOST_GAPS * self._count
        self._count += 1
        self._last = frame.pts, int(frame.duration or 0)
        return frame

    def gaps(self) -> tuple[list[int], int]:
        """The pictures before gaps, and for how many there is room; none where the rate varies."""
        total = self._even.total()
        if self._varies or not total or len(self._wide) > MOST_GAPS * total:
            return [], 0
        usual = sum(distance * count for distance, count in self._even.items()) / total
        rounding = max(2.0, usual / 20)
        room = [round(distance / usual) - 1 for _, distance in self._wide]
        off = [abs(wide[1] - (more + 1) * usual) for wide, more in zip(self._wide, room, strict=True)]
        if max(self._even) - min(self._even) > rounding or max(off, default=0.0) > rounding:
            return [], 0
        return [number for number, _ in self._wide], sum(room)


class _Spread:
    """Takes times from a heap, those that are equal at once."""

    def __init__(self, step: int) -> None:
        self._step = step
        self._ready: deque[int] = deque()
        self._last: int | None = None

    def timed(self, frame: VideoFrame, times: list[int]) -> VideoFrame:
        if not self._ready:
            self._take(times)
        time = self._ready.popleft()
        frame.pts = self._last = time if self._last is None else max(time, self._last + 1)
        return frame

    def _take(self, times: list[int]) -> None:
        first, count = heapq.heappop(times), 1
        if self._last is not None and first <= self._last:  # one that came too late to be sorted
            first = self._last + max(1, ((times[0] if times else self._last) - self._last) // 2)
        while times and times[0] <= first:
            heapq.heappop(times)
            count += 1
        until = times[0] if times else first + count * self._step
        self._ready.extend(first + (until - first) * place // count for place in range(count))
