"""What a verdict on a run needs of its journal: a fold over its events, in bounded memory.

Time is the time that was worked: steps times their duration, and validations. The clock between two sessions, or one
that was set, says nothing about learning.
"""

import math
from dataclasses import dataclass, field, replace

from vsrpp_core.messages import events as ev
from vsrpp_core.messages.changes import with_change

MOST_SAMPLES = 1_000
"""Validations kept. Beyond them every second one of the older half is forgotten."""

AT_LEAST_RATE = 1.001
"""Rates up to so many times ``schedule.lr_min`` count as it."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One validation, and the training between the one before and it."""

    step: int
    hours: float
    """Worked by the run until then."""
    psnr: float
    lr_psnr: float
    loss: float
    """Mean L1 loss of the batches reported; NaN where none was."""
    scatter: float
    """Standard deviation of these over their mean; NaN for fewer than two."""
    waited: float
    """Share of the time that steps waited for data, 0..1; NaN where nothing is known."""
    agreement: float = math.nan
    """Of the gradients, as ValidationFinished has it."""
    ssim: float = math.nan


@dataclass(frozen=True, slots=True)
class _Batches:
    """Sums over the steps reported since the last validation."""

    count: int = 0
    loss: float = 0.0
    squares: float = 0.0
    seconds: float = 0.0
    waited: float = 0.0

    def with_step(self, step: ev.StepReported, seconds: float) -> "_Batches":
        if not math.isfinite(step.loss_l1):
            return self
        return _Batches(
            self.count + 1,
            self.loss + step.loss_l1,
            self.squares + step.loss_l1**2,
            self.seconds + seconds,
            self.waited + seconds * step.data_wait,
        )

    @property
    def mean(self) -> float:
        return self.loss / self.count if self.count else math.nan

    @property
    def scatter(self) -> float:
        if self.count < 2 or self.loss <= 0:
            return math.nan
        variance = max(self.squares - self.loss**2 / self.count, 0.0) / (self.count - 1)
        return math.sqrt(variance) / self.mean

    @property
    def waiting(self) -> float:
        return self.waited / self.seconds if self.seconds else math.nan


@dataclass(frozen=True, slots=True)
class RunRecord:
    """The state after some events; ``with_event`` gives the next."""

    started: ev.SessionStarted | None = None
    """The newest session, as if it had started with the settings of now."""
    step: ev.StepReported | None = None
    hours: float = 0.0
    """Worked by the run so far."""
    samples: tuple[Sample, ...] = ()
    comparable_from: int = 0
    """Step from which validations are of one course: a cut, a rollback or another set of samples begins a new one."""
    cut: float = 1.0
    """What plateaus and rollbacks have multiplied the rate by."""
    least_rate_since: int = 0
    """Step at which the rate came to ``schedule.lr_min``, or 0."""
    lost: ev.RunLost | None = None
    """Since it was said, no validation was sound again."""
    batches: _Batches = field(default_factory=_Batches)

    @property
    def last_step(self) -> int:
        if self.step:
            return self.step.step
        return self.started.step if self.started else 0

    def with_event(self, event: ev.Event) -> "RunRecord":
        match event:
            case ev.StepReported():
                return self._stepped(event)
            case ev.ValidationFinished():
                return self._validated(event)
            case ev.SessionStarted():
                return self._begun(event)
            case ev.FinishBegan() | ev.FinishCancelled() | ev.ParameterChanged() if self.started:
                return replace(self, started=with_change(self.started, event))
            case ev.RateReentered():
                return replace(self, comparable_from=event.step, least_rate_since=0)
            case ev.LearningRateReduced():
                return replace(self, comparable_from=event.step, cut=event.factor)
            case ev.RolledBack():
                return self._without_steps_after(event.to_step, cut=event.factor)
            case ev.RunLost():
                return replace(self, lost=event)
            case _:
                return self

    def _begun(self, started: ev.SessionStarted) -> "RunRecord":
        """A fresh run forgets all; one resumed from an earlier checkpoint, what came after it."""
        if not started.resumed_from:
            return RunRecord(started=started)
        before = self.started
        is_other_set = before is not None and before.val_samples != started.val_samples
        return replace(
            self._without_steps_after(started.step, cut=self.cut),
            started=started,
            comparable_from=started.step + 1 if is_other_set else min(self.comparable_from, started.step),
        )

    def _without_steps_after(self, step: int, cut: float) -> "RunRecord":
        is_back = step < self.last_step
        return replace(
            self,
            samples=tuple(sample for sample in self.samples if sample.step <= step),
            step=None if is_back else self.step,
            comparable_from=step if is_back else self.comparable_from,
            cut=cut,
            least_rate_since=self.least_rate_since if self.least_rate_since <= step else 0,
            lost=self.lost if self.lost and self.lost.step <= step else None,
            batches=_Batches() if is_back else self.batches,
        )

    def _stepped(self, step: ev.StepReported) -> "RunRecord":
        since = max(step.step - (self.step.step if self.step else step.step - 1), 0)
        seconds = since * step.seconds_per_step
        return replace(
            self,
            step=step,
            hours=self.hours + seconds / 3600,
            least_rate_since=self._least_since(step),
            batches=self.batches.with_step(step, seconds),
        )

    def _least_since(self, step: ev.StepReported) -> int:
        started = self.started
        if started is None or not started.lr_max or step.lr_phase == 0:
            return 0
        is_least = started.lr_min < started.lr_max and step.learning_rate <= started.lr_min * AT_LEAST_RATE
        return (self.least_rate_since or step.step) if is_least else 0

    def _validated(self, event: ev.ValidationFinished) -> "RunRecord":
        hours, batches = self.hours + event.seconds / 3600, self.batches
        sample = Sample(
            event.step,
            hours,
            event.ki_psnr,
            event.lr_psnr,
            batches.mean,
            batches.scatter,
            batches.waiting,
            event.agreement,
            event.ki_ssim,
        )
        samples = (*(known for known in self.samples if known.step < event.step), sample)
        if len(samples) > MOST_SAMPLES:
            half = MOST_SAMPLES // 2
            samples = samples[:half:2] + samples[half:]
        return replace(self, hours=hours, samples=samples, batches=_Batches(), lost=None)
