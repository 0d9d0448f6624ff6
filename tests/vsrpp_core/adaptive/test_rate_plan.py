"""The rate's course by settings, where it is asked to finish, and where a complete run goes on."""

from itertools import pairwise

import pytest

from vsrpp_core.adaptive.lr_schedule import LRPhase, LRSchedule
from vsrpp_core.adaptive.rate_plan import Course, RatePlan
from vsrpp_core.run.config import ScheduleConfig

MAX_STEPS = 100_000
HIGH, LOW = 1e-4, 1e-6


def test_constant_is_constant_until_its_fall() -> None:
    plan = RatePlan(ScheduleConfig(shape="constant"), MAX_STEPS)
    assert {plan.at(step) for step in (1_000, 1_001, 40_000, 80_000)} == {HIGH}
    assert plan.at(80_001) < HIGH and plan.at(85_000) == pytest.approx(LOW + (HIGH - LOW) * 0.5)
    assert plan.at(MAX_STEPS) == pytest.approx(LOW)


def test_constant_without_a_fall_waits_to_be_finished() -> None:
    assert RatePlan(ScheduleConfig(shape="constant", decay=0.0), MAX_STEPS).at(MAX_STEPS) == HIGH


@pytest.mark.parametrize("shape", ["cosine", "constant"])
@pytest.mark.parametrize("begin", [300, 20_000, 90_000])
def test_finishing_falls_without_a_jump_to_the_least_rate(shape: str, begin: int) -> None:
    settings = ScheduleConfig(shape=shape)  # type: ignore[arg-type]
    whole = RatePlan(settings, MAX_STEPS)
    plan = RatePlan(settings, begin + 2_000, Course(0, begin, MAX_STEPS))
    assert [plan.at(step) for step in (1, begin // 2, begin)] == [whole.at(step) for step in (1, begin // 2, begin)]
    rates = [plan.at(step) for step in range(begin, begin + 2_001)]
    assert all(after < before for before, after in pairwise(rates))
    assert rates[1] > 0.95 * rates[0] and rates[-1] == pytest.approx(LOW)


@pytest.mark.parametrize("shape", ["cosine", "constant"])
@pytest.mark.parametrize(("added", "peak"), [(50_000, 5.8e-5), (10_000, 3.0e-5), (1_000, 1.0e-5)])
def test_a_complete_run_goes_on_from_a_sensible_rate(shape: str, added: int, peak: float) -> None:
    plan = RatePlan(ScheduleConfig(shape=shape), MAX_STEPS + added, Course(MAX_STEPS))  # type: ignore[arg-type]
    rates = [plan.at(step) for step in range(MAX_STEPS + 1, MAX_STEPS + added + 1)]
    assert rates[0] < 0.02 * HIGH, "no jump"
    assert max(rates) == pytest.approx(peak, rel=0.02)
    assert rates.index(max(rates)) + 1 == min(1_000, added // 10)
    assert rates[-1] == pytest.approx(LOW)


def test_a_schedule_knows_a_complete_run_from_one_whose_end_is_moved() -> None:
    moved, complete = (LRSchedule(ScheduleConfig(), MAX_STEPS) for _ in range(2))
    moved.reconfigure(ScheduleConfig(), 2 * MAX_STEPS, step=MAX_STEPS - 1)
    assert moved.plan == RatePlan(ScheduleConfig(), 2 * MAX_STEPS)
    complete.reconfigure(ScheduleConfig(), 2 * MAX_STEPS, step=MAX_STEPS)
    assert complete.plan.course == Course(reentered_at=MAX_STEPS)
    assert complete.phase(MAX_STEPS + 1_000) == LRPhase.WARMUP
    assert complete.phase(MAX_STEPS + 1_001) == LRPhase.COSINE


def test_finishing_survives_and_can_be_taken_back() -> None:
    plain, steered, resumed = (LRSchedule(ScheduleConfig(), MAX_STEPS) for _ in range(3))
    steered.finish_from(40_000)
    steered.reconfigure(ScheduleConfig(), 45_000, step=40_000)
    assert steered.phase(40_001) == LRPhase.FINISHING and steered.is_finishing
    resumed.reconfigure(ScheduleConfig(), 45_000)
    resumed.load_state_dict(steered.state_dict())
    assert [resumed.rate(step) for step in range(40_000, 45_001, 50)] == [
        steered.rate(step) for step in range(40_000, 45_001, 50)
    ]
    resumed.reconfigure(ScheduleConfig(), resumed.cancel_finish(), step=42_000)
    assert not resumed.is_finishing
    assert [resumed.rate(step) for step in range(42_000, MAX_STEPS, 999)] == [
        plain.rate(step) for step in range(42_000, MAX_STEPS, 999)
    ]


def test_nothing_is_cut_while_the_rate_falls_to_the_end_or_rises() -> None:
    schedule = LRSchedule(ScheduleConfig(plateau_validations=5), MAX_STEPS)
    schedule.finish_from(40_000)
    schedule.reconfigure(ScheduleConfig(plateau_validations=5), 60_000, step=40_000)
    assert not any(schedule.observe(step, 0.4) for step in range(40_500, 60_001, 500))
    schedule.reconfigure(ScheduleConfig(plateau_validations=5), 90_000, step=60_000)
    cuts = [step for step in range(60_500, 70_000, 500) if schedule.observe(step, 0.4)]
    assert cuts[0] == 63_500, "five validations after the rise of 1,000 steps"
