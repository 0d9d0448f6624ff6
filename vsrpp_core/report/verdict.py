"""What a run learned lately, and what limits it: figures with their uncertainty, and the one that comes first."""

import math
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from vsrpp_core.adaptive.plateau import LEAST_VALIDATIONS, STANDARD_ERRORS, fitted_gain
from vsrpp_core.messages import events as ev
from vsrpp_core.report.record import RunRecord, Sample

WINDOWS = (12, 24, 48, 96)
"""Validations, the newest, that are judged: the fewest that show progress. The first is the plateau rule's patience by
default; what a slow run gains is told from noise only by more of them."""

WAITING = 0.2
"""Share of the time waiting for data from which that is a limit: faster storage would give so much more training."""

HIGH_RATE = 0.1
"""Share of ``schedule.lr_max`` from which the rate keeps the weights moving."""

LATE = 0.05
"""The last share of a run, in which the rate may be at its least."""

Kind = Literal["lost", "waiting", "rate", "learning", "data", "gradients", "noise", "size"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One figure of a run. ``value`` and ``uncertainty`` are in the unit of its kind, NaN where nothing is known.

    lost: dB below bicubic or its own best. waiting: share of the time, 0..1. rate: the learning rate. learning: dB of
    validation PSNR an hour. data: relative change of the training loss (L1) over the validations judged. gradients: how
    far those of successive steps agree, as OptimizerStep.agreement has it. noise: standard deviation of the batches'
    loss over its mean. size: the network's parameters.
    """

    kind: Kind
    value: float
    uncertainty: float = math.nan
    since: int = 0
    """Of the rate: the step since which it is at its least. Of a lost run: the step at which that was seen."""
    cut: float = 1.0
    """Of the rate: what plateaus and rollbacks multiply it by."""
    factor: float = 1.0
    """Of the rate: ``schedule.factor``, which multiplies it too."""


@dataclass(frozen=True, slots=True)
class Report:
    """The verdict on a run as its journal has it."""

    step: int
    max_steps: int
    hours: float
    """Worked so far, on training and validations."""
    psnr: float
    """Of the last validation, dB; NaN where there was none."""
    lr_psnr: float
    """Of bicubic on the same samples."""
    validations: int
    """Judged, and the steps and hours they span."""
    span_steps: int
    span_hours: float
    findings: tuple[Finding, ...]
    limit: Kind | Literal[""]
    """What limits the run now: the first of these that holds. Empty while that cannot be said."""

    def finding(self, kind: Kind) -> Finding | None:
        return next((finding for finding in self.findings if finding.kind == kind), None)


def judge(record: RunRecord) -> Report:
    """Of a run that has begun: ``record.started`` is known."""
    started = record.started
    assert started is not None
    judged = _judged([sample for sample in record.samples if sample.step >= record.comparable_from])
    last = record.samples[-1] if record.samples else None
    findings = tuple(_findings(record, started, judged))
    return Report(
        step=record.last_step,
        max_steps=started.max_steps,
        hours=record.hours,
        psnr=last.psnr if last else math.nan,
        lr_psnr=last.lr_psnr if last else math.nan,
        validations=len(judged),
        span_steps=judged[-1].step - judged[0].step if judged else 0,
        span_hours=judged[-1].hours - judged[0].hours if judged else 0.0,
        findings=findings,
        limit=_limit({finding.kind: finding for finding in findings}, record, started),
    )


def _judged(samples: list[Sample]) -> list[Sample]:
    for count in WINDOWS:
        judged = samples[-count:]
        learning = _learning(judged)
        if learning.value > learning.uncertainty or len(judged) < count:
            break
    return judged


def _findings(record: RunRecord, started: ev.SessionStarted, judged: list[Sample]) -> Iterator[Finding]:
    if record.lost:
        yield Finding("lost", record.lost.below, since=record.lost.step)
    yield _learning(judged)
    waited = _mean([sample.waited for sample in judged])
    yield Finding("waiting", record.batches.waiting if math.isnan(waited) else waited)
    rate = record.step.learning_rate if record.step else math.nan
    yield Finding("rate", rate, since=record.least_rate_since, cut=record.cut, factor=started.schedule_factor)
    yield _of_training(judged)
    yield _of_gradients(judged)
    scatter = _mean([sample.scatter for sample in judged])
    yield Finding("noise", record.batches.scatter if math.isnan(scatter) else scatter)
    yield Finding("size", started.parameters)


def _mean(figures: list[float]) -> float:
    """Of those that are known."""
    known = [figure for figure in figures if not math.isnan(figure)]
    return sum(known) / len(known) if known else math.nan


def _learning(judged: list[Sample]) -> Finding:
    hours = judged[-1].hours - judged[0].hours if judged else 0.0
    if len(judged) < LEAST_VALIDATIONS or hours <= 0:
        return Finding("learning", math.nan)
    gain = fitted_gain([(sample.step, sample.psnr) for sample in judged])
    return Finding("learning", gain.value / hours, gain.uncertainty / hours)


def _of_training(judged: list[Sample]) -> Finding:
    """The change of the training loss over the same steps: while it falls, the network has room to learn."""
    losses = [(sample.step, math.log(sample.loss)) for sample in judged if sample.loss > 0]
    if len(losses) < LEAST_VALIDATIONS:
        return Finding("data", math.nan)
    change = fitted_gain(losses)
    return Finding("data", math.expm1(change.value), change.uncertainty)


def _of_gradients(judged: list[Sample]) -> Finding:
    """One validation tells little: an average of ten gradients scatters by as much as it is."""
    known = [sample.agreement for sample in judged if not math.isnan(sample.agreement)]
    if len(known) < LEAST_VALIDATIONS:
        return Finding("gradients", math.nan)
    error = statistics.stdev(known) / math.sqrt(len(known))
    return Finding("gradients", statistics.fmean(known), STANDARD_ERRORS * error)


def _limit(found: dict[Kind, Finding], record: RunRecord, started: ev.SessionStarted) -> Kind | Literal[""]:
    learning, training, rate, gradients = found["learning"], found["data"], found["rate"], found["gradients"]
    if "lost" in found:
        return "lost"
    if found["waiting"].value > WAITING:
        return "waiting"
    steps_at_least = record.last_step - rate.since if rate.since else 0
    if rate.since and max(steps_at_least, started.max_steps - rate.since) > LATE * started.max_steps:
        return "rate"
    if math.isnan(learning.value):
        return ""
    if learning.value > learning.uncertainty:
        return "learning"
    if training.value < -training.uncertainty:  # what it learns of its training pairs no longer helps on others
        return "data"
    steps_undo_one_another = gradients.value < -gradients.uncertainty
    if steps_undo_one_another or rate.value >= HIGH_RATE * started.lr_max:
        return "noise"
    return "size"
