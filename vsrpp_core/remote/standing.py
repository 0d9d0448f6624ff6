"""How a run stands, told from its journal and its lock: for whoever is not the process that trains it.

Apart from the report, which judges what was learned and reads every step for it.
"""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from vsrpp_core.errors import os_errors
from vsrpp_core.messages import events as ev
from vsrpp_core.messages import journal
from vsrpp_core.messages.changes import with_change
from vsrpp_core.messages.kinds import RunPhase
from vsrpp_core.messages.pace import with_validations
from vsrpp_core.run.folder import RunFolder

RunStatus = Literal[
    "new", "preparing", "training", "paused", "cooling", "validating", "saving", "rolling back", "stopping", "waiting",
    "completed", "stopped", "failed", "killed",
]  # fmt: skip
"""``new`` was never trained; ``killed`` is a run whose process ended without a word; one
that is ``waiting`` will be started again."""

FLEETING = (ev.StepReported, ev.PhaseChanged)
TOLD = (
    *FLEETING, ev.SessionStarted, ev.ValidationFinished, ev.RunLost, ev.RolledBack, ev.ParameterChanged,
    ev.FinishBegan, ev.FinishCancelled, ev.SessionEnded, ev.SessionFailed, ev.RestartPlanned,
    ev.PreparationProgressed, ev.TuningStarted, ev.RunBranched,
)  # fmt: skip
"""The events that matter here."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One moment of a run. Figures that are not known are NaN, or 0 where they are counted."""

    run: str
    status: RunStatus
    pid: int
    """Of the process that trains it, or 0."""
    step: int
    max_steps: int
    seconds_per_step: float
    seconds_left: float
    """Until ``max_steps``, validations counted in."""
    psnr: float
    """Of the newest validation, dB; ``gain`` is how much that is above bicubic."""
    gain: float
    best_psnr: float
    """Of the best validation, as the network's quality goes."""
    best_gain: float
    best_step: int
    is_lost: bool
    """Whether the newest validation found the network beyond recovery."""
    error: str
    """What it failed by, a sentence."""
    device: str
    heard_at: float
    """When the newest of these events happened, seconds since the Unix epoch; 0 where there is none."""
    branched_from: tuple[str, ...] = ()
    """The checkpoint files from which its ancestors, the oldest first, and itself were branched."""

    @property
    def is_trained(self) -> bool:
        return self.pid != 0


@dataclass
class _Seen:
    """What the journal has said so far."""

    started: ev.SessionStarted | None = None
    phase: RunPhase = "preparing"
    step: int = 0
    seconds: float = math.nan
    validations: list[ev.ValidationFinished] = field(default_factory=list)
    """Of steps that training still builds upon, the oldest first."""
    is_lost: bool = False
    end: ev.SessionEnded | ev.SessionFailed | None = None
    is_waiting: bool = False
    heard_at: float = 0.0
    origins: tuple[str, ...] = ()

    def hear(self, event: ev.Event) -> None:
        if isinstance(event, ev.RunBranched):  # which is not training yet
            self.origins, self.step = (*self.origins, str(Path(event.parent, event.checkpoint))), event.step
            return
        self.heard_at = event.time
        match event:
            case ev.SessionStarted():
                self._go_back(event.step)
                self.started, self.phase, self.end, self.is_waiting = event, "preparing", None, False
            case ev.RestartPlanned():
                self.is_waiting = True
            case ev.PreparationProgressed() | ev.TuningStarted():
                self.phase, self.end, self.is_waiting = "preparing", None, False
            case ev.PhaseChanged():
                self.phase, self.step, self.end = event.phase, event.step, None
            case ev.StepReported():
                self.step, self.seconds = event.step, event.seconds_per_step
            case ev.ValidationFinished():
                self.validations.append(event)
                self.is_lost = False
            case ev.RunLost():
                self.is_lost = True
            case ev.RolledBack():
                self._go_back(event.to_step)
            case ev.ParameterChanged() | ev.FinishBegan() | ev.FinishCancelled() if self.started:
                self.started = with_change(self.started, event)
            case ev.SessionEnded() | ev.SessionFailed():
                self.end, self.step = event, max(event.step, self.step)

    def _go_back(self, step: int) -> None:
        """Forget the validations of steps that are taken again."""
        kept = [one for one in self.validations if one.step <= step]
        self.is_lost = self.is_lost and len(kept) == len(self.validations)
        self.step, self.validations = step, kept


def standing_of(folder: RunFolder) -> Standing:
    """How the run stands now. Raises VsrppError where its journal cannot be read."""
    pid, seen = folder.owner(), _Seen()
    with os_errors(folder.journal, "cannot be read"):
        for event in journal.replay_of(folder.journal, TOLD, FLEETING):
            seen.hear(event)
    started, newest = seen.started, seen.validations[-1] if seen.validations else None
    best = max(seen.validations, key=lambda one: one.ki_quality, default=None)
    max_steps = started.max_steps if started else 0
    each = seen.seconds
    if started and newest:
        each = with_validations(each, newest.seconds, started.validate_every, started.validate_minutes)
    return Standing(
        run=str(folder.path),
        status=_status(seen, pid),
        pid=pid,
        step=seen.step,
        max_steps=max_steps,
        seconds_per_step=seen.seconds,
        seconds_left=max(max_steps - seen.step, 0) * each,
        psnr=newest.ki_psnr if newest else math.nan,
        gain=newest.ki_psnr - newest.lr_psnr if newest else math.nan,
        best_psnr=best.ki_psnr if best else math.nan,
        best_gain=best.ki_psnr - best.lr_psnr if best else math.nan,
        best_step=best.step if best else 0,
        is_lost=seen.is_lost,
        error=seen.end.error if isinstance(seen.end, ev.SessionFailed) and not pid else "",
        device=started.device if started else "",
        heard_at=seen.heard_at,
        branched_from=seen.origins,
    )


def _status(seen: _Seen, pid: int) -> RunStatus:
    """A session that has not said its end lives only as long as its process."""
    if pid:
        return "waiting" if seen.is_waiting else "preparing" if seen.end else seen.phase
    match seen.end:
        case ev.SessionEnded():
            return seen.end.reason
        case ev.SessionFailed():
            return "failed"
        case _:
            return "killed" if seen.heard_at else "new"
