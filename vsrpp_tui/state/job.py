"""What the states of all jobs have in common: phases, pace, log, and the events of stopping and ending.

Pure: each job's reducer takes (state, event, now) and gives the next state; ``now`` is in seconds since the Unix
epoch, as the core's events of these jobs carry no time.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from vsrpp_tui.state.run import LOG_LIMIT, LogLine, Tone

JobPhase = Literal["loading", "looking", "working", "finishing", "stopping", "done", "stopped", "failed"]
OVER: tuple[JobPhase, ...] = ("done", "stopped", "failed")

PACE_SECONDS = 60.0
"""A pace is the mean over this long, so that a single scene does not decide it."""

Log = tuple[LogLine, ...]


@dataclass(frozen=True, slots=True)
class JobStopping:
    """The user wants it ended; the current item is finished first."""


@dataclass(frozen=True, slots=True)
class JobEnded:
    """The thread has ended, by itself or because it was ``stopped``."""

    stopped: bool


@dataclass(frozen=True, slots=True)
class JobFailed:
    error: str


EndingEvent = JobStopping | JobEnded | JobFailed
"""What a job of any kind reports."""


@dataclass(frozen=True, slots=True)
class JobState:
    """What is known of any job; each kind adds its own."""

    phase: JobPhase = "loading"
    begun_at: float = 0.0
    now: float = 0.0
    """Of the last event, or of the last tick of a job at work."""
    failure: str = ""

    @property
    def is_over(self) -> bool:
        return self.phase in OVER

    @property
    def elapsed(self) -> float:
        return self.now - self.begun_at if self.begun_at else 0.0

    def unless_stopping(self, phase: JobPhase) -> JobPhase:
        """``phase``, but a job that was asked to stop stays in that phase until it has."""
        return "stopping" if self.phase == "stopping" else phase


State = TypeVar("State", bound=JobState)


def at(state: State, now: float) -> State:
    """``state`` as of ``now``, which is also when it began if this is its first event."""
    return replace(state, now=now, begun_at=state.begun_at or now)


def reduce_ending(state: State, event: EndingEvent, is_complete: bool) -> State:
    """``is_complete``: all work was done, so a stop that came after it stopped nothing."""
    match event:
        case JobStopping():
            return state if state.is_over else replace(state, phase="stopping")
        case JobEnded():
            return replace(state, phase="stopped" if event.stopped and not is_complete else "done")
        case JobFailed():
            return replace(state, phase="failed", failure=event.error)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast something goes, over the last minute. Keeps at most one point per second."""

    seen: tuple[tuple[float, float], ...] = ()
    """(time in seconds, amount done)."""

    def noted(self, now: float, done: float) -> "Pace":
        seen = self.seen
        if len(seen) > 1 and now - seen[-2][0] < 1:
            seen = seen[:-1]
        seen = (*seen, (now, done))
        while len(seen) > 2 and now - seen[1][0] >= PACE_SECONDS:
            seen = seen[1:]
        return Pace(seen)

    @property
    def rate(self) -> float:
        """Amount per second; 0 while it is unknown."""
        if len(self.seen) < 2:
            return 0.0
        (begin, first), (end, last) = self.seen[0], self.seen[-1]
        return (last - first) / (end - begin) if end > begin and last > first else 0.0

    def left(self, total: float) -> float:
        """Seconds until ``total``; NaN while that or the rate is unknown."""
        if not total or not self.rate:
            return math.nan
        return (total - self.seen[-1][1]) / self.rate


def logged(log: Log, now: float, tone: Tone, text: str) -> Log:
    return (*log, LogLine(now, tone, text))[-LOG_LIMIT:]


def clock(seconds: float) -> str:
    """``1:02:03``, of constant width below ten hours."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
