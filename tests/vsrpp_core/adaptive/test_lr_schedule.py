import math

import pytest

from vsrpp_core.adaptive.lr_schedule import LRPhase, LRSchedule
from vsrpp_core.run.config import ScheduleConfig

MAX_STEPS = 100_000


def make(**settings: float) -> LRSchedule:
    return LRSchedule(ScheduleConfig(**settings), MAX_STEPS)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("step", "rate"),
    [(1, 1e-7), (500, 5e-5), (1000, 1e-4), (50_500, (1e-4 + 1e-6) / 2), (100_000, 1e-6), (200_000, 1e-6)],
)
def test_warmup_and_cosine(step: int, rate: float) -> None:
    assert make().rate(step) == pytest.approx(rate, rel=1e-9)


def test_without_warmup_the_first_step_has_the_full_rate() -> None:
    assert make(warmup_steps=0).rate(1) == pytest.approx(1e-4, rel=1e-6)


def flat(schedule: LRSchedule, steps: range) -> list[int]:
    """The steps at which validations that all give the same quality lead to a cut."""
    return [step for step in steps if schedule.observe(step, 0.4)]


def test_a_plateau_cut_stays() -> None:
    schedule, fresh = make(), make()
    assert flat(schedule, range(500, 15_000, 500)) == [11_000], "20 validations after the warm-up"
    for step in (11_001, 11_002, 40_000):
        assert schedule.rate(step) == pytest.approx(0.5 * fresh.rate(step))
        assert schedule.phase(step) == LRPhase.PLATEAU_REDUCED
    assert schedule.rate(MAX_STEPS) == 1e-6


def test_the_next_cut_waits_for_the_cooldown() -> None:
    schedule = make(plateau_cooldown=3000, plateau_validations=5)
    assert flat(schedule, range(1500, 16_000, 500)) == [3500, 9000, 14_500]


def test_cuts_end_at_the_floor() -> None:
    schedule, fresh = make(plateau_validations=5, plateau_floor=0.2), make()
    cuts = flat(schedule, range(1500, 60_000, 500))
    assert len(cuts) == 3, "a half, a quarter, and no less than a fifth"
    assert schedule.factor == pytest.approx(0.2)
    assert schedule.rate(60_000) == pytest.approx(0.2 * fresh.rate(60_000))


def test_a_factor_of_one_never_cuts() -> None:
    assert not flat(make(plateau_factor=1.0), range(500, 90_000, 500))


def test_the_cut_tells_what_was_seen() -> None:
    schedule = make()
    gains = [gain for step in range(500, 11_001, 500) if (gain := schedule.observe(step, 0.4))]
    assert [(gain.value, gain.uncertainty, gain.validations, gain.steps) for gain in gains] == [(0.0, 0.0, 20, 9_500)]


def test_a_validation_without_a_score_is_passed_over() -> None:
    schedule = make(plateau_validations=5)
    assert not flat(schedule, range(1500, 3500, 500))
    assert schedule.observe(3500, math.nan) is None
    assert flat(schedule, range(3500, 3501)) == [3500]


def test_a_rollback_slows_down_for_good_and_a_plateau_waits_after_it() -> None:
    schedule, fresh = make(plateau_validations=5), make()
    schedule.slow_down(0.5, step=2000)
    for step in (1, 500, 2001, 40_000, MAX_STEPS):
        assert schedule.rate(step) == pytest.approx(0.5 * fresh.rate(step)), "in the warm-up and at lr_min too"
    assert schedule.phase(2001) == LRPhase.PLATEAU_REDUCED
    assert flat(schedule, range(2500, 6000, 500)) == [5500]
    resumed = make()
    resumed.load_state_dict(schedule.state_dict())
    assert resumed.factor == schedule.factor == 0.25


def test_the_user_s_factor_multiplies_every_rate() -> None:
    doubled, plain = make(factor=2.0), make()
    for step in (1, 500, 1000, 50_500, MAX_STEPS):
        assert doubled.rate(step) == pytest.approx(2 * plain.rate(step))
    assert doubled.phase(50_500) == LRPhase.COSINE


def test_phases() -> None:
    schedule = make()
    assert [schedule.phase(step) for step in (1, 1000, 1001)] == [LRPhase.WARMUP, LRPhase.WARMUP, LRPhase.COSINE]


def test_state_survives() -> None:
    first, second = make(), make()
    assert not flat(first, range(500, 9000, 500))
    second.load_state_dict(first.state_dict())
    assert flat(first, range(9000, 15_000, 500)) == flat(second, range(9000, 15_000, 500)) == [11_000]


def test_a_longer_warm_up_has_no_plateau_either() -> None:
    schedule = make(warmup_steps=1000)
    schedule.reconfigure(ScheduleConfig(warmup_steps=5000), MAX_STEPS)
    assert flat(schedule, range(500, 16_000, 500)) == [15_000]


def test_a_rollback_in_the_warm_up_does_not_shorten_it() -> None:
    schedule = make(warmup_steps=1000, plateau_cooldown=10)
    schedule.slow_down(0.5, step=200)
    assert flat(schedule, range(500, 12_000, 500)) == [11_000]


def test_another_factor_is_given_time_to_show_itself() -> None:
    schedule = make()
    assert not flat(schedule, range(500, 10_000, 500))
    schedule.reconfigure(ScheduleConfig(factor=2.0), MAX_STEPS)
    assert flat(schedule, range(10_000, 25_000, 500)) == [19_500]


OF_LOSSES = {"slowed": 0.5, "smoothed": 0.02, "best": 0.02, "without_progress": 7, "may_cut_at": 4120}
"""The state that versions saved which took the scatter of batch losses for plateaus."""


def test_cuts_of_the_rule_on_losses_are_kept_down_to_the_floor_and_told() -> None:
    schedule, fresh = make(), make()
    schedule.load_state_dict({"factor": 2.0**-30, **OF_LOSSES})
    assert schedule.cut_by_losses == 2.0**-30
    assert schedule.factor == pytest.approx(0.1 * 0.5)
    assert schedule.rate(20_000) == pytest.approx(0.05 * fresh.rate(20_000))
    again = make()
    again.load_state_dict(schedule.state_dict())
    assert again.cut_by_losses == 1.0, "told once"
    schedule.load_state_dict({"factor": 1.0, **OF_LOSSES})
    assert schedule.cut_by_losses == 1.0
