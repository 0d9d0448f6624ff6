"""What the states of all jobs have in common: phases, pace, log, and the events of stopping and ending.

Pure: each job's reducer takes (state, event, now) and gives the next state; ``now`` is in seconds of a clock that
nobody moves, as the core's events of these jobs carry no time.
"""

from dataclasses import dataclass, replace
from typing import Literal, TypeVar

JobPhase = Literal["loading", "looking", "working", "finishing", "stopping", "done", "stopped", "failed"]
OVER: tuple[JobPhase, ...] = ("done", "stopped", "failed")


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
