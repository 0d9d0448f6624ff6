"""What the screen of a preparation shows, as one value. Pure."""

import math
from dataclasses import dataclass, replace

from vsrpp_core.prepare.job.prepare_events import PrepareProgress, PrepareReport
from vsrpp_tui.state.job import EndingEvent, JobPhase, JobState, at, reduce_ending

PHASES: dict[str, JobPhase] = {"looking": "looking", "cutting": "working", "finishing": "finishing"}


@dataclass(frozen=True, slots=True)
class PrepareState(JobState):
    progress: PrepareProgress | None = None
    report: PrepareReport | None = None

    @property
    def share(self) -> float:
        """0..1 of the current stage."""
        if self.report:
            return 1.0
        return min(self.progress.done / self.progress.total, 1.0) if self.progress and self.progress.total else 0.0

    @property
    def seconds_left(self) -> float:
        """NaN while it is unknown."""
        return self.progress.seconds_left if self.progress else math.nan

    @property
    def skipped(self) -> dict[str, int]:
        """Windows that gave no patch, by reason, the most frequent first."""
        known = self.report.skipped if self.report else self.progress.skipped if self.progress else {}
        return dict(sorted(known.items(), key=lambda item: -item[1]))


Event = PrepareProgress | PrepareReport | EndingEvent


def reduce(state: PrepareState, event: Event, now: float) -> PrepareState:
    state = at(state, now)
    match event:
        case PrepareProgress():
            return replace(state, phase=state.unless_stopping(PHASES[event.stage]), progress=event)
        case PrepareReport():
            return replace(state, report=event)
        case _:
            return reduce_ending(state, event, is_complete=state.report is not None)
