"""Progress is told from noise: a healthy run is never cut, one that is stuck is, within its patience."""

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from vsrpp_core.adaptive.lr_schedule import LRSchedule
from vsrpp_core.adaptive.plateau import STANDARD_ERRORS, ProgressTest, fitted_gain
from vsrpp_core.run.config import ScheduleConfig

PATIENCE = 20
EMA_STEPS = 1_000
JITTER = 0.02
"""Decibels by which the score of the averaged weights moves for each unit of the batch losses' scatter.

Half more than a run on photographs showed: 0.0033 dB beside a scatter of 24 %."""

FALLING: dict[str, Callable[[float], float]] = {
    "power law": lambda done: (1e-3 + done) ** -0.07,
    "exponential": lambda done: 0.02 + 0.03 * math.exp(-3 * done),
    "linear": lambda done: 0.05 - 0.03 * done,
}
"""A loss over the share of the run that is done."""


def validations(
    loss: Callable[[float], float], max_steps: int, scatter: float, seed: int, ends_at: float = 1.0
) -> Iterator[tuple[int, float]]:
    """Steps and qualities of a run whose loss falls up to ``ends_at`` of it; 80 or 200 validations.

    The moving average's errors are correlated from one validation to the next, as they are in training.
    """
    every = max(max_steps // 200, 250)
    random = np.random.default_rng(seed)
    keeps, spread = math.exp(-every / EMA_STEPS), scatter * JITTER
    error = spread * random.normal()
    for step in range(every, max_steps + 1, every):
        error = keeps * error + math.sqrt(1 - keeps**2) * spread * random.normal()
        psnr = 20 - 20 * math.log10(loss(min(step / max_steps, ends_at)) / loss(0)) + error
        yield step, 0.7 * (psnr - 20) / 30


def cuts(schedule: LRSchedule, seen: Iterator[tuple[int, float]]) -> Iterator[int]:
    return (step for step, quality in seen if schedule.observe(step, quality))


@pytest.mark.parametrize("max_steps", [20_000, 100_000])
@pytest.mark.parametrize("scatter", [0.1, 0.2, 0.3])
@pytest.mark.parametrize("loss", FALLING)
def test_a_healthy_run_is_never_cut(loss: str, scatter: float, max_steps: int) -> None:
    for seed in range(100 if loss == "power law" else 20):
        schedule = LRSchedule(ScheduleConfig(), max_steps)
        assert not list(cuts(schedule, validations(FALLING[loss], max_steps, scatter, seed)))
        assert schedule.factor == 1.0


@pytest.mark.parametrize("max_steps", [20_000, 100_000])
@pytest.mark.parametrize("scatter", [0.1, 0.2, 0.3])
def test_a_stuck_run_is_cut_within_the_patience(scatter: float, max_steps: int) -> None:
    every = max(max_steps // 200, 250)
    for seed in range(100):
        schedule = LRSchedule(ScheduleConfig(plateau_validations=PATIENCE), max_steps)
        stuck = validations(FALLING["power law"], max_steps, scatter, seed, ends_at=1 / 3)
        first = next(cuts(schedule, stuck))
        assert max_steps / 3 < first <= max_steps / 3 + (PATIENCE + 1) * every


def test_a_run_without_any_scatter_is_judged_too() -> None:
    schedule = LRSchedule(ScheduleConfig(warmup_steps=0), 100_000)
    assert list(cuts(schedule, ((step, 0.4) for step in range(500, 15_000, 500)))) == [10_000]
    schedule = LRSchedule(ScheduleConfig(warmup_steps=0), 100_000)
    assert not list(cuts(schedule, ((step, 0.4 + 1e-9 * step) for step in range(500, 50_000, 500))))


def test_a_run_that_gets_worse_is_cut() -> None:
    schedule = LRSchedule(ScheduleConfig(warmup_steps=0), 100_000)
    assert list(cuts(schedule, ((step, 0.4 - 1e-7 * step) for step in range(500, 15_000, 500)))) == [10_000]


def test_the_gain_is_least_squares_and_its_standard_errors() -> None:
    random = np.random.default_rng(1)
    steps = np.sort(random.choice(np.arange(1, 1000), 12, replace=False))
    qualities = 0.3 + 1e-4 * steps + 1e-3 * random.normal(size=12)
    gain = fitted_gain([(int(step), float(quality)) for step, quality in zip(steps, qualities, strict=True)])
    (slope, _), covariance = np.polyfit(steps, qualities, 1, cov=True)
    span = int(steps[-1] - steps[0])
    assert gain.value == pytest.approx(slope * span)
    assert gain.uncertainty == pytest.approx(STANDARD_ERRORS * math.sqrt(covariance[0, 0]) * span)
    assert (gain.validations, gain.steps) == (12, span)


def test_a_validation_of_a_step_seen_before_replaces_what_was_known_from_there_on() -> None:
    progress = ProgressTest(patience=5)
    for step in (100, 200, 300, 400, 500, 300):
        progress.observe(step, 0.5)
    assert progress.state_dict()["steps"] == [100, 200, 300]
    assert progress.gain() is None


def test_a_changed_patience_keeps_the_newest_validations() -> None:
    progress = ProgressTest(patience=20)
    for step in range(1, 21):
        progress.observe(step, 0.5)
    progress.reconfigure(6)
    gain = progress.gain()
    assert gain is not None and gain.validations == 6 and gain.steps == 5
