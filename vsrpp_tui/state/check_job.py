"""What the screen of a dataset's check shows, as one value. Pure."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from vsrpp_core.data.check import CheckProgress, CheckReport
from vsrpp_core.messages.pace import Pace
from vsrpp_tui.state.job import EndingEvent, JobState, at, reduce_ending


@dataclass(frozen=True, slots=True)
class MovedAside:
    """Bad pairs were moved out of the way before all was read again."""

    target: Path
    count: int


@dataclass(frozen=True, slots=True)
class CheckState(JobState):
    progress: CheckProgress | None = None
    pace: Pace = field(default_factory=Pace)
    """Pairs."""
    moved: MovedAside | None = None
    report: CheckReport | None = None

    @property
    def share(self) -> float:
        return self.progress.done / self.progress.total if self.progress and self.progress.total else 0.0

    @property
    def seconds_left(self) -> float:
        """NaN while it is unknown."""
        return self.pace.left(self.progress.total if self.progress else 0)


Event = CheckProgress | MovedAside | CheckReport | EndingEvent


def reduce(state: CheckState, event: Event, now: float) -> CheckState:
    state = at(state, now)
    match event:
        case CheckProgress():
            pace = state.pace.noted(now, event.done)
            return replace(state, phase=state.unless_stopping("working"), progress=event, pace=pace)
        case MovedAside():
            return replace(state, moved=event)
        case CheckReport():
            return replace(state, report=event)
        case _:
            return reduce_ending(state, event, is_complete=state.report is not None)
