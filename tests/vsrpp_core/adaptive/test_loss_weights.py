"""The weights, driven by synthetic sharpness and gradient-loss curves."""

import pytest

from vsrpp_core.adaptive.loss_weights import AdaptiveLossWeights
from vsrpp_core.run.config import LossConfig

CALM_GRAD_LOSS = 0.01


def drive(weights: AdaptiveLossWeights, steps: range, sharpness: float, grad_loss: float = CALM_GRAD_LOSS) -> list[str]:
    changes = (weights.observe(step, sharpness, grad_loss) for step in steps)
    return [change.reason for change in changes if change]


def make(warmup: int = 0, cooldown: int = 1000, adaptive: bool = True) -> AdaptiveLossWeights:
    config = LossConfig(sharpness="absolute", cooldown_steps=cooldown, adaptive=adaptive)
    return AdaptiveLossWeights(config, lr_warmup_steps=warmup)


def assert_within_bounds(weights: AdaptiveLossWeights) -> None:
    l1, ms, grad = weights.weights
    assert l1 + ms + grad == pytest.approx(1.0, abs=1e-12)
    assert 0.15 <= grad <= 0.5 and ms <= 0.2 and l1 >= 0.3 - 1e-12


@pytest.mark.parametrize(("sharpness", "factor"), [(0.72, 1.05), (0.95, 0.95), (0.80, 1.0)])
def test_normal_mode_moves_grad_every_50_steps(sharpness: float, factor: float) -> None:
    weights = make()
    drive(weights, range(1, 50), sharpness)
    assert weights.weights.grad == 0.2
    drive(weights, range(50, 51), sharpness)
    assert weights.weights.grad == pytest.approx(0.2 * factor)
    assert_within_bounds(weights)


@pytest.mark.parametrize(("sharpness", "bound"), [(0.72, 0.5), (1.1, 0.15)])
def test_weights_stay_within_bounds_for_ever(sharpness: float, bound: float) -> None:
    weights = make()
    for start in range(1, 5001, 50):
        drive(weights, range(start, start + 50), sharpness)
        assert_within_bounds(weights)
    assert weights.weights.grad == pytest.approx(bound)


@pytest.mark.parametrize(("sharpness", "grad_loss"), [(0.6, 0.01), (0.9, 0.03)], ids=["blurred", "gradient loss"])
def test_aggressive_mode_sets_its_weights_at_once(sharpness: float, grad_loss: float) -> None:
    weights = make()
    assert drive(weights, range(1, 21), sharpness, grad_loss) == ["aggressive mode began"]
    assert weights.weights == (0.55, 0.15, 0.3) and weights.aggressive


def test_aggressive_mode_adjusts_every_10_steps() -> None:
    weights = make()
    drive(weights, range(1, 31), sharpness=0.6)
    assert weights.weights.grad == pytest.approx(0.30 * 1.15)
    assert_within_bounds(weights)


def test_aggressive_mode_ends_when_sharp_again_and_rests() -> None:
    weights = make(cooldown=500)
    drive(weights, range(1, 101), sharpness=0.6)
    reasons = drive(weights, range(101, 141), sharpness=0.80)
    assert reasons[-1] == "aggressive mode ended" and not weights.aggressive
    assert "aggressive mode began" not in drive(weights, range(141, 600), sharpness=0.6)
    assert "aggressive mode began" in drive(weights, range(600, 700), sharpness=0.6)


def test_aggressive_mode_ends_after_5000_steps_at_the_latest() -> None:
    weights = make()
    drive(weights, range(1, 5020), sharpness=0.5)
    assert weights.aggressive
    assert drive(weights, range(5020, 5021), sharpness=0.5) == ["aggressive mode ended"]


def test_an_untrained_network_is_not_trained_aggressively() -> None:
    weights = make(warmup=1000)
    assert "aggressive mode began" not in drive(weights, range(1, 1000), sharpness=0.3)
    assert drive(weights, range(1000, 1001), sharpness=0.3) == ["aggressive mode began"]


def test_one_blurred_batch_is_no_reason() -> None:
    weights = make()
    drive(weights, range(1, 40), sharpness=0.85)
    assert drive(weights, range(40, 41), sharpness=0.1) == []


def test_fixed_weights_never_move() -> None:
    weights = make(adaptive=False)
    assert drive(weights, range(1, 500), sharpness=0.1, grad_loss=1.0) == []
    assert weights.weights == (0.6, 0.2, 0.2)


def test_state_survives_at_every_step() -> None:
    curve = [0.9 - 0.4 * (step % 97) / 97 for step in range(400)]
    whole = make(cooldown=50)
    for step, sharpness in enumerate(curve, start=1):
        resumed = make(cooldown=50)
        resumed.load_state_dict(whole.state_dict())
        first, second = whole.observe(step, sharpness, 0.02), resumed.observe(step, sharpness, 0.02)
        assert first == second and whole.state_dict() == resumed.state_dict()


def test_the_warm_up_of_now_counts() -> None:
    weights = make(warmup=50)
    weights.reconfigure(LossConfig(sharpness="absolute"), lr_warmup_steps=500, step=10)
    assert drive(weights, range(11, 500), sharpness=0.74, grad_loss=0.03).count("aggressive mode began") == 0
    assert drive(weights, range(500, 501), sharpness=0.74, grad_loss=0.03) == ["aggressive mode began"]
    own = make(warmup=50)
    own.reconfigure(LossConfig(sharpness="absolute", warmup_steps=100), lr_warmup_steps=500, step=10)
    assert "aggressive mode began" in drive(own, range(11, 101), sharpness=0.6)


def test_weights_set_by_hand_outlast_aggressive_mode() -> None:
    weights = make(cooldown=100)
    drive(weights, range(1, 41), sharpness=0.6)
    before = weights.aggressive
    by_hand = LossConfig(sharpness="absolute", l1=0.7, ms=0.1, grad=0.2, cooldown_steps=100)
    weights.reconfigure(by_hand, lr_warmup_steps=0, step=41)
    assert drive(weights, range(42, 50), sharpness=0.6) == []
    assert weights.weights == (0.7, 0.1, 0.2) and before and not weights.aggressive
    assert "aggressive mode began" in drive(weights, range(50, 142), sharpness=0.6)
