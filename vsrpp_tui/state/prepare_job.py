"""What the screen of a preparation shows, as one value. Pure."""

import math
from dataclasses import dataclass, replace

from vsrpp_core.prepare.job_events import PrepareProgress, PrepareReport
from vsrpp_tui.state.job import JobEnded, JobFailed, JobPhase, JobState, JobStopping, how_ended

PHASES: dict[str, JobPhase] = {"looking": "looking", "cutting": "working", "finishing": "finishing"}


@dataclass(frozen=True, slots=True)
class PrepareState(JobState):
    progress: PrepareProgress | None = None
    report: PrepareReport | None = None

    @property
    def share(self) -> float:
        """0..1 of the stage at hand."""
        if self.report:
            return 1.0
        return min(self.progress.done / self.progress.total, 1.0) if self.progress and self.progress.total else 0.0

    @property
    def seconds_left(self) -> float:
        """NaN while it is unknown."""
        return self.progress.seconds_left if self.progress else math.nan

    @property
    def skipped(self) -> dict[str, int]:
        """Windows by the reason they gave no patch for, the most frequent first."""
        known = self.report.skipped if self.report else self.progress.skipped if self.progress else {}
        return dict(sorted(known.items(), key=lambda item: -item[1]))


Event = PrepareProgress | PrepareReport | JobStopping | JobEnded | JobFailed


def reduce(state: PrepareState, event: Event, now: float) -> PrepareState:
    state = replace(state, now=now, begun_at=state.begun_at or now)
    match event:
        case PrepareProgress():
            phase = "stopping" if state.phase == "stopping" else PHASES[event.stage]
            return replace(state, phase=phase, progress=event)
        case PrepareReport():
            return replace(state, report=event)
        case JobStopping():
            return state if state.is_over else replace(state, phase="stopping")
        case JobEnded():
            return replace(state, phase=how_ended(event, state.report is not None))
        case JobFailed():
            return replace(state, phase="failed", failure=event.error)
