"""The two scales of sharpness, and the loss weights that follow the attainable one, over simulated weeks."""

import math
import random

import pytest

from vsrpp_core.adaptive.loss_weights import AdaptiveLossWeights
from vsrpp_core.adaptive.sharpness import SLOW_STEPS, SharpnessJudge, share_of_way
from vsrpp_core.run.config import LossConfig

BICUBIC = 0.55
"""Of footage, as is the end of ``week``: a network that minimizes errors ends far below 1."""
WARMUP = 1_000


def judged(sharpness: float, steps: int, judge: SharpnessJudge | None = None) -> SharpnessJudge:
    judge = judge or SharpnessJudge("attainable", 20)
    for _ in range(steps):
        judge.observe(sharpness, BICUBIC)
    return judge


def week(steps: int, seed: int) -> list[tuple[float, float, float]]:
    """Sharpness, gradient loss and bicubic's sharpness of each step of a healthy run; batches scatter together."""
    scatter = random.Random(seed)
    rows = []
    for step in range(1, steps + 1):
        share = -0.1 + 0.45 * (1 - math.exp(-step / (steps / 12)))
        bicubic = BICUBIC + scatter.gauss(0, 0.04)
        own = bicubic + (1 - bicubic) * (share + scatter.gauss(0, 0.06))
        rows.append((own, 0.03 + scatter.gauss(0, 0.006), bicubic))
    return rows


def aggressive_share(rows: list[tuple[float, float, float]], config: LossConfig) -> float:
    """Of the steps after warm-up."""
    weights, aggressive = AdaptiveLossWeights(config, WARMUP), 0
    for step, (sharpness, grad_loss, bicubic) in enumerate(rows, start=1):
        weights.observe(step, sharpness, grad_loss, bicubic)
        aggressive += weights.aggressive and step > WARMUP
    return aggressive / (len(rows) - WARMUP)


def test_bicubic_is_0_and_the_best_shown_is_1() -> None:
    judge = judged(0.7, SLOW_STEPS)
    assert judge.value == pytest.approx(1.0)
    judged(BICUBIC, 20, judge)
    assert judge.value == pytest.approx(0.0, abs=0.01)
    assert share_of_way(0.775, BICUBIC) == pytest.approx(0.5)


def test_there_is_no_scale_before_the_network_has_shown_anything() -> None:
    assert math.isnan(judged(0.7, SLOW_STEPS - 1).value)
    assert math.isnan(judged(0.5, 2 * SLOW_STEPS).value), "blurrier than bicubic"
    assert math.isnan(SharpnessJudge("absolute", 20).value)


def test_a_spike_is_not_the_measure_for_ever() -> None:
    judge = judged(3.0, SLOW_STEPS, judged(0.7, SLOW_STEPS))
    assert judged(0.7, SLOW_STEPS, judge).value < 0.5
    assert judged(0.7, 60_000, judge).value > 0.9


def test_its_state_survives_at_every_step() -> None:
    whole = SharpnessJudge("attainable", 20)
    for sharpness, _, bicubic in week(700, seed=1):
        resumed = SharpnessJudge("attainable", 20)
        resumed.load_state_dict(whole.state_dict())
        whole.observe(sharpness, bicubic)
        resumed.observe(sharpness, bicubic)
        assert whole.state_dict() == resumed.state_dict()


def test_a_checkpoint_of_one_scale_is_read() -> None:
    weights = AdaptiveLossWeights(LossConfig(), 0)
    state = {key: value for key, value in weights.state_dict().items() if key != "judge"}
    weights.load_state_dict({**state, "sharpness": [0.7] * 20})
    assert weights.observe(50, 0.7, 0.01, BICUBIC) is None


@pytest.mark.parametrize("seed", [1, 2])
def test_a_healthy_week_is_not_aggressive(seed: int) -> None:
    rows = week(100_000, seed)
    assert aggressive_share(rows, LossConfig()) < 0.01
    assert aggressive_share(rows[:20_000], LossConfig(sharpness="absolute")) > 0.5, "what the original's scale did"


def test_a_network_that_becomes_blurred_is_trained_aggressively() -> None:
    rows = week(20_000, seed=1)
    blurred = [(bicubic + 0.1 * (1 - bicubic), grad, bicubic) for _, grad, bicubic in rows[:300]]
    weights = AdaptiveLossWeights(LossConfig(), WARMUP)
    reasons = []
    for step, (sharpness, grad_loss, bicubic) in enumerate([*rows, *blurred, *rows[-300:]], start=1):
        if change := weights.observe(step, sharpness, grad_loss, bicubic):
            reasons.append((step, change.reason))
    modes = [(step, reason) for step, reason in reasons if reason.startswith("aggressive")]
    assert [reason for _, reason in modes] == ["aggressive mode began", "aggressive mode ended"]
    assert 20_000 < modes[0][0] <= 20_040 and 20_300 < modes[1][0] <= 20_340
