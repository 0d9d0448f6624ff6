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


def plateau_at(schedule: LRSchedule, steps: range, loss: float) -> list[int]:
    return [step for step in steps if schedule.observe(step, loss)]


def test_a_plateau_cut_stays() -> None:
    schedule, fresh = make(), make()
    cuts = plateau_at(schedule, range(1, 1500), loss=0.02)
    assert cuts == [1300]
    for step in (1301, 1302, 40_000):
        assert schedule.rate(step) == pytest.approx(0.5 * fresh.rate(step))
        assert schedule.phase(step) == LRPhase.PLATEAU_REDUCED
    assert schedule.rate(MAX_STEPS) == 1e-6


def test_the_next_cut_waits_for_the_cooldown() -> None:
    assert plateau_at(make(plateau_cooldown=1000), range(1, 4000), loss=0.02) == [1300, 2600, 3900]


def test_progress_prevents_a_cut() -> None:
    schedule = make()
    assert not any(schedule.observe(step, 0.05 * 0.9999**step) for step in range(1, 5000))


def test_one_lucky_batch_is_no_progress() -> None:
    schedule = make()
    lucky = [step for step in range(1, 1400) if schedule.observe(step, 0.0195 if step == 1200 else 0.02)]
    assert lucky == [1300]


def test_a_rollback_slows_down_for_good_and_a_plateau_waits_after_it() -> None:
    schedule, fresh = make(), make()
    schedule.slow_down(0.5, step=2000)
    for step in (1, 500, 2001, 40_000, MAX_STEPS):
        assert schedule.rate(step) == pytest.approx(0.5 * fresh.rate(step)), "in the warm-up and at lr_min too"
    assert schedule.phase(2001) == LRPhase.PLATEAU_REDUCED
    assert plateau_at(schedule, range(2001, 4000), loss=0.02) == [3300]
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
    plateau_at(first, range(1, 1250), loss=0.02)
    second.load_state_dict(first.state_dict())
    assert plateau_at(first, range(1250, 1400), 0.02) == plateau_at(second, range(1250, 1400), 0.02) == [1300]


def test_a_longer_warm_up_has_no_plateau_either() -> None:
    schedule = make(warmup_steps=1000)
    schedule.reconfigure(ScheduleConfig(warmup_steps=5000), MAX_STEPS)
    assert plateau_at(schedule, range(1, 6000), loss=0.02) == [5300]


def test_a_rollback_in_the_warm_up_does_not_shorten_it() -> None:
    schedule = make(warmup_steps=1000, plateau_cooldown=10)
    schedule.slow_down(0.5, step=200)
    assert plateau_at(schedule, range(201, 1400), loss=0.02) == [1300]
