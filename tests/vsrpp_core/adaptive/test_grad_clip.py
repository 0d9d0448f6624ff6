import numpy as np
import pytest

from vsrpp_core.adaptive.grad_clip import AdaptiveGradClip
from vsrpp_core.run.config import ClippingConfig


def test_the_clip_norm_stays_until_enough_norms_are_known() -> None:
    clip = AdaptiveGradClip(ClippingConfig())
    for _ in range(99):
        clip.observe(0.2)
    assert clip.clip_norm == 1.5
    clip.observe(0.2)
    assert clip.clip_norm == pytest.approx(0.9 * 1.5 + 0.1 * 0.2)


def test_it_settles_at_the_95th_percentile_of_the_window() -> None:
    norms = np.random.default_rng(0).lognormal(size=3000)
    clip = AdaptiveGradClip(ClippingConfig())
    for norm in norms:
        clip.observe(float(norm))
    assert clip.clip_norm == pytest.approx(np.percentile(norms[-500:], 95), rel=0.1)


def test_norms_that_are_not_finite_teach_nothing() -> None:
    clip = AdaptiveGradClip(ClippingConfig(minimum=1))
    clip.observe(float("nan"))
    clip.observe(float("inf"))
    assert clip.clip_norm == 1.5


def test_state_survives() -> None:
    first, second = AdaptiveGradClip(ClippingConfig()), AdaptiveGradClip(ClippingConfig())
    for step in range(600):
        first.observe(1 + step % 7)
    second.load_state_dict(first.state_dict())
    for norm in (0.1, 3.0, 9.0):
        first.observe(norm)
        second.observe(norm)
    assert first.clip_norm == second.clip_norm
