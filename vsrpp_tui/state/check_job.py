"""What the screen of a dataset's check shows, as one value. Pure."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from vsrpp_core.data.check import CheckProgress, CheckReport
from vsrpp_tui.state.job import JobEnded, JobFailed, JobPhase, JobState, JobStopping, Pace, how_ended


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


Event = CheckProgress | MovedAside | CheckReport | JobStopping | JobEnded | JobFailed


def reduce(state: CheckState, event: Event, now: float) -> CheckState:
    state = replace(state, now=now, begun_at=state.begun_at or now)
    match event:
        case CheckProgress():
            phase: JobPhase = "stopping" if state.phase == "stopping" else "working"
            return replace(state, phase=phase, progress=event, pace=state.pace.noted(now, event.done))
        case MovedAside():
            return replace(state, moved=event)
        case CheckReport():
            return replace(state, report=event)
        case JobStopping():
            return state if state.is_over else replace(state, phase="stopping")
        case JobEnded():
            return replace(state, phase=how_ended(event, state.report is not None))
        case JobFailed():
            return replace(state, phase="failed", failure=event.error)
