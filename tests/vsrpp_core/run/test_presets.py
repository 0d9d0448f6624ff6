"""Presets by name: values that no change of a default may move."""

from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.presets import CLASSIC


def test_classic_has_the_numbers_of_the_original() -> None:
    config = RunConfig().with_overrides({**CLASSIC, "schedule.lr_max": 2e-4})
    assert config.schedule.lr_max == 2e-4, "what is set beside it wins"
    assert (config.schedule.lr_min, config.schedule.warmup_steps, config.training.max_steps) == (1e-6, 1_000, 100_000)
    loss, clipping = config.loss, config.clipping
    assert (loss.sharpness, loss.l1, loss.ms, loss.grad) == ("absolute", 0.6, 0.2, 0.2)
    assert (loss.aggressive_below, loss.blurred_below, loss.sharp_above) == (0.7, 0.75, 0.92)
    assert (clipping.initial, clipping.percentile, clipping.window, clipping.minimum) == (1.5, 95.0, 500, 100)


def test_every_adaptive_number_is_pinned() -> None:
    other = {"loss.sharpness": "absolute", "loss.recent": 7, "loss.aggressive_every": 3, "clipping.window": 300}
    assert RunConfig().with_overrides({**other, **CLASSIC}) == RunConfig().with_overrides(CLASSIC)
