"""A recorded journal, shown again: at any speed, from any place.

A state is the fold of all events before it. As folding tens of thousands of them takes a second, one state in
SNAPSHOT_EVERY is kept, and any other is folded from the kept one before it.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from vsrpp_core.messages import events as ev
from vsrpp_tui.state.run import RunState, reduce

SNAPSHOT_EVERY = 256
"""Events between two kept states: folding so many takes milliseconds."""

LONGEST_GAP = 60.0
"""Seconds: a longer pause between two events (a night between two sessions) is cut to this."""

SPEEDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
FIRST_SPEED = 20


@dataclass(frozen=True, slots=True)
class Position:
    """Where a replay is, for its status line."""

    done: int
    total: int
    time: float
    """When the last event shown happened, seconds since the Unix epoch; 0 before the first."""
    playing: bool
    speed: int

    @property
    def share(self) -> float:
        return self.done / self.total if self.total else 0.0


class Recording:
    """All events of a journal, and the state after any number of them."""

    def __init__(self, events: Iterable[ev.Event]) -> None:
        self._events: list[ev.Event] = []
        self._clock: list[float] = []
        """For each event the seconds since the first, with long gaps cut."""
        self._snapshots = [RunState()]
        state = RunState()
        for event in events:
            self._events.append(event)
            self._clock.append(self._next_clock(event))
            state = reduce(state, event)
            if len(self._events) % SNAPSHOT_EVERY == 0:
                self._snapshots.append(state)

    def __len__(self) -> int:
        return len(self._events)

    def time(self, count: int) -> float:
        """When the last of the first ``count`` events happened; 0 for none."""
        return self._events[count - 1].time if count else 0.0

    def state(self, count: int, near: tuple[int, RunState] = (0, RunState())) -> RunState:
        """The state after ``count`` events. ``near``: a count and its state that are known already."""
        start = count // SNAPSHOT_EVERY * SNAPSHOT_EVERY
        state = self._snapshots[count // SNAPSHOT_EVERY]
        if start < near[0] <= count:
            start, state = near
        for event in self._events[start:count]:
            state = reduce(state, event)
        return state

    def clock(self, count: int) -> float:
        return self._clock[count - 1] if count else 0.0

    def count_at(self, clock: float) -> int:
        """How many events have happened by then."""
        return bisect_right(self._clock, clock)

    def _next_clock(self, event: ev.Event) -> float:
        if not self._clock:
            return 0.0
        gap = event.time - self._events[-2].time
        return self._clock[-1] + min(max(gap, 0.0), LONGEST_GAP)


class Player:
    """Plays a recording; ``advance`` lets time pass."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._count = 0
        self._clock = 0.0
        self._state = RunState()
        self._playing = True
        self._speed = FIRST_SPEED

    @property
    def state(self) -> RunState:
        return self._state

    @property
    def position(self) -> Position:
        recording = self._recording
        return Position(self._count, len(recording), recording.time(self._count), self._playing, self._speed)

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass, times the speed; playing ends with the recording."""
        if not self._playing:
            return
        self._clock += seconds * self._speed
        self._go_to(self._recording.count_at(self._clock))
        if self._count == len(self._recording):
            self._playing = False

    def toggle(self) -> None:
        """Pause, or play; at the end, start over."""
        if not self._playing and self._count == len(self._recording):
            self.seek(0)
        self._playing = not self._playing

    def change_speed(self, by: int) -> None:
        """``by`` places faster (or slower, below 0) among SPEEDS."""
        place = SPEEDS.index(self._speed) + by
        self._speed = SPEEDS[min(max(place, 0), len(SPEEDS) - 1)]

    def seek(self, count: int) -> None:
        """Go to the state after ``count`` events, or the nearest there is."""
        self._go_to(min(max(count, 0), len(self._recording)))
        self._clock = self._recording.clock(self._count)

    def seek_by(self, share: float) -> None:
        """Forward (or back, below 0) by a share of the whole, but by one event at least."""
        by = round(share * len(self._recording)) or (1 if share > 0 else -1)
        self.seek(self._count + by)

    def _go_to(self, count: int) -> None:
        if count != self._count:
            self._state = self._recording.state(count, near=(self._count, self._state))
            self._count = count
