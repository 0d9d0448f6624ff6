"""Times of a film's pictures, given in the order in which a decoder shows them.

Separate because the order is right and the times may not be: some recorders and containers store those of decoding as
those of showing, give two pictures one time, or restart where recordings were joined.
"""

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Iterator
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


class Clock:
    """Makes one clock of one that restarts. All times in ticks of one length."""

    def __init__(self, step: int, most_back: int = 0, longest_gap: int | None = None) -> None:
        """``step``: between two times; the clock restarts where it goes back by more than ``most_back``, or forward
        by more than ``longest_gap``."""
        self.step, self._most_back, self._longest_gap = step, most_back, longest_gap
        self._offset = 0
        self._newest: int | None = None

    @classmethod
    def of(cls, container: InputContainer, stream: VideoStream) -> "Clock":
        """For the pictures of a film, in the time base of its stream."""
        rate, unit = stream.average_rate or stream.guessed_rate or Fraction(DEFAULT_FPS), stream.time_base
        step = max(1, round(1 / (rate * unit))) if unit else 1
        return cls(step, REORDERED * step, round(LARGEST_GAP / unit) if unit and may_jump(container) else None)

    def __call__(self, time: int | None) -> tuple[int, bool]:
        """The time on the one clock, and whether it restarts there; without a time it is a step later."""
        if self._newest is None:
            self._newest = time or 0
            return self._newest, False
        following = self._newest + self.step
        shown = following if time is None else time + self._offset
        ahead = shown - self._newest
        is_anew = ahead < -self._most_back or (self._longest_gap is not None and ahead > self._longest_gap)
        if is_anew and time is not None:
            self._offset, shown = following - time, following
        self._newest = max(self._newest, shown)
        return shown, is_anew


def in_time(
    frames: Iterable[VideoFrame],
    clock: Clock,
    on_jump: Callable[[int], None] = lambda number: None,
) -> Iterator[VideoFrame]:
    """The same frames, as many held back as a decoder may reorder, each with a ``pts`` later than the one before.

    Times are those of the file in ascending order; pictures of one time are spread up to the next. ``on_jump`` gets the
    number of a picture, from 0, where the clock restarts.
    """
    held: deque[VideoFrame] = deque()
    times: list[int] = []
    spread = _Spread(clock.step)
    broken: BrokenVideoError | None = None
    try:
        for number, frame in enumerate(frames):
            time, is_anew = clock(frame.pts)
            if is_anew:
                on_jump(number)
            heapq.heappush(times, time)
            held.append(frame)
            if len(held) > REORDERED:
                yield spread.timed(held.popleft(), times)
    except BrokenVideoError as error:  # those before it are good
        broken = error
    while held:
        yield spread.timed(held.popleft(), times)
    if broken:
        raise broken


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
