"""What the states of all jobs have in common: their phases, their pace, their log, and how a job says that it ended.

Pure, as state.py: each job's reducer takes (state, event, now) and gives the next state; ``now`` is in seconds since
the Unix epoch, as the core's events of these jobs carry no time.
"""

import math
from dataclasses import dataclass
from typing import Literal

from vsrpp_tui.state.run import LOG_LIMIT, LogLine, Tone

JobPhase = Literal["loading", "looking", "working", "finishing", "stopping", "done", "stopped", "failed"]
OVER: tuple[JobPhase, ...] = ("done", "stopped", "failed")

PACE_SECONDS = 60.0
"""A pace is the mean over so long: a scene of a film is not faster than another."""

Log = tuple[LogLine, ...]


@dataclass(frozen=True, slots=True)
class JobStopping:
    """The user wants it ended; what is at hand is finished first."""


@dataclass(frozen=True, slots=True)
class JobEnded:
    """The thread is through, by itself or because it was ``stopped``."""

    stopped: bool


@dataclass(frozen=True, slots=True)
class JobFailed:
    error: str


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


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast something goes, over the last minute: at most a point a second is kept."""

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


def how_ended(event: JobEnded, is_complete: bool) -> JobPhase:
    """A stop that came after the last piece of work stopped nothing."""
    return "done" if is_complete or not event.stopped else "stopped"


def clock(seconds: float) -> str:
    """``1:02:03``, of constant width below ten hours."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
