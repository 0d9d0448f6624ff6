"""``training_status.txt``: how it stands now, replaced whole, for ``watch cat`` and other people's scripts."""

import os
import time
from datetime import datetime
from pathlib import Path

from vsrpp_core.messages import events as ev
from vsrpp_core.messages.cadence import Cadence
from vsrpp_core.messages.changes import with_change


class StatusFile:
    """Rewrites the file at the status cadence and whenever the phase changes.

    Replaced by rename, so a reader never sees half of it; not flushed to the disk, for it is stale in a second anyway.
    """

    def __init__(self, path: Path, every: int) -> None:
        self.path, self._steps = path, Cadence("cadence.status_every", every)
        self._phase = "preparing"
        self._started: ev.SessionStarted | None = None
        self._step: ev.StepReported | None = None
        self._validation: ev.ValidationFinished | None = None

    def handle(self, event: ev.Event) -> None:
        self.miss(event)
        match event:
            case ev.PhaseChanged() | ev.SessionEnded() | ev.SessionFailed():
                self._write(event.time)
            case ev.StepReported() if self._steps.is_due(event.step):
                self._write(event.time)

    def miss(self, event: ev.Event) -> None:
        """Know how it stands, to be written later."""
        self._steps.follow(event)
        match event:
            case ev.SessionStarted():
                self._started = event
            case ev.ParameterChanged() | ev.FinishBegan() | ev.FinishCancelled() if self._started:
                self._started = with_change(self._started, event)
            case ev.ValidationFinished():
                self._validation = event
            case ev.PhaseChanged():
                self._phase = event.phase
            case ev.StepReported():
                self._step = event
            case ev.SessionEnded():
                self._phase = event.reason
            case ev.SessionFailed():
                self._phase = f"failed: {event.error}"

    def retry(self) -> None:
        """Write how it stands, whatever is due."""
        self._write(time.time())

    def close(self) -> None:
        """Nothing is held open."""

    def _write(self, when: float) -> None:
        lines = [f"updated     {datetime.fromtimestamp(when):%Y-%m-%d %H:%M:%S}", f"state       {self._phase}"]
        if self._started and self._step:
            lines += _step_lines(self._started, self._step)
        if self._validation:
            v = self._validation
            lr, ki = f"{v.lr_psnr:.2f} dB {v.lr_ssim:.4f}", f"{v.ki_psnr:.2f} dB {v.ki_ssim:.4f}"
            best = f"{v.best_quality:.4f} at {v.best_step}"
            lines.append(f"validation  step {v.step}  LR {lr}  KI {ki}")
            lines.append(f"quality     LR {v.lr_quality:.4f}  KI {v.ki_quality:.4f}  best {best}")
        temporary = self.path.with_name(f".tmp-{self.path.name}")
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8", errors="replace")
        os.replace(temporary, self.path)


def _step_lines(started: ev.SessionStarted, step: ev.StepReported) -> list[str]:
    left = (started.max_steps - step.step) * step.seconds_per_step
    mode = "aggressive" if step.aggressive else "normal"
    parts = f"L1 {step.loss_l1:.5f}  MS {step.loss_ms:.5f}  Grad {step.loss_grad:.5f}"
    return [
        f"step        {step.step} of {started.max_steps}  epoch {step.epoch}",
        f"time left   {left / 3600:.2f} h at {step.seconds_per_step:.3f} s per step",
        f"loss        total {step.loss_total:.5f}  {parts}",
        f"weights     L1 {step.weight_l1:.3f}  MS {step.weight_ms:.3f}  Grad {step.weight_grad:.3f}  {mode}",
        f"gradient    norm {step.gradient_norm:.4f}  clip {step.clip_norm:.4f}",
        f"rate        {step.learning_rate:.3e}",
        f"memory      {step.memory_used / 2**30:.2f} of {step.memory_total / 2**30:.2f} GB",
    ]
