import copy
import math
import shutil
from typing import Any

import pytest
import torch

from tests.helpers import TINY
from vsrpp_core.batches.dataset import Batch
from vsrpp_core.device.hardware import DeviceDescription, Hardware
from vsrpp_core.errors import VsrppError
from vsrpp_core.network.loss import LossWeights
from vsrpp_core.network.model import VSRBidirectional3x, measure_activity
from vsrpp_core.run.config import RunConfig
from vsrpp_core.training.step import FIGURES, OptimizerStep, build_model

CONFIG = RunConfig().with_overrides(TINY)
CPU = Hardware(torch.device("cpu"), DeviceDescription("CPU", 2**30, "cpu"), "fp32", "")
WEIGHTS, RATE = LossWeights(0.6, 0.2, 0.2), 1e-3


def make_step() -> tuple[VSRBidirectional3x, OptimizerStep]:
    torch.manual_seed(0)
    model = build_model(CONFIG, CPU)
    return model, OptimizerStep(model, CONFIG.training, CPU)


def batch(size: int, seed: int = 0) -> Batch:
    random = torch.Generator().manual_seed(seed)
    frames = torch.randint(256, (size, 5, 3, 8, 8), dtype=torch.uint8, generator=random)
    return Batch(frames, torch.randint(256, (size, 3, 24, 24), dtype=torch.uint8, generator=random))


def part(whole: Batch, first: int, last: int) -> Batch:
    share = (last - first) / len(whole)
    return Batch(whole.frames[first:last], whole.ground_truth[first:last], share)


def flat(state: Any) -> list[Any]:
    """All values of nested containers, tensors as lists."""
    if isinstance(state, dict):
        return [leaf for key in state for leaf in flat(state[key])]
    if isinstance(state, list | tuple):
        return [leaf for item in state for leaf in flat(item)]
    return [state.tolist()] if isinstance(state, torch.Tensor) else [state]


def everything(model: VSRBidirectional3x, step: OptimizerStep) -> list[Any]:
    return flat([model.state_dict(), step.state_dict()])


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_gradient_that_is_not_finite_changes_no_bit(value: float) -> None:
    model, step = make_step()
    step.run([batch(2)], WEIGHTS, 1.5, RATE)
    before = everything(model, step)
    figures = step.run([batch(2, seed=1)], LossWeights(value, 0.2, 0.2), 1.5, RATE)
    assert not math.isfinite(float(figures[FIGURES.index("gradient_norm")]))
    assert everything(model, step) == before
    step.run([batch(2, seed=2)], WEIGHTS, 1.5, RATE)
    assert everything(model, step) != before
    assert all(parameter.isfinite().all() for parameter in model.parameters())


def test_a_loss_that_is_not_finite_is_skipped_though_its_gradient_is_finite() -> None:
    """A prediction that overflows in one pixel: L1 has a gradient of 1 there all the same."""
    model, step = make_step()
    step.run([batch(2)], WEIGHTS, 1.5, RATE)
    before = everything(model, step)

    def overflow(module: torch.nn.Module, arguments: Any, prediction: torch.Tensor) -> torch.Tensor:
        flood = torch.zeros_like(prediction)
        flood[0, 0, 0, 0] = math.inf
        return prediction + flood

    handle = model.register_forward_hook(overflow)
    figures = step.run([batch(2, seed=1)], LossWeights(1.0, 0.0, 0.0), 1.5, RATE)
    assert not math.isfinite(float(figures[FIGURES.index("gradient_norm")]))
    assert everything(model, step) == before
    handle.remove()
    step.run([batch(2, seed=2)], WEIGHTS, 1.5, RATE)
    assert everything(model, step) != before


@pytest.mark.parametrize("sizes", [(2, 2), (3, 1), (1, 1, 1, 1)])
def test_accumulation_is_one_big_batch(sizes: tuple[int, ...]) -> None:
    whole = batch(4)
    ends = [sum(sizes[: place + 1]) for place in range(len(sizes))]
    parts = [part(whole, end - size, end) for end, size in zip(ends, sizes, strict=True)]
    (one, one_step), (many, many_step) = make_step(), make_step()
    expected = one_step.run([whole], WEIGHTS, 1.5, RATE, bicubic=True)
    figures = many_step.run(parts, WEIGHTS, 1.5, RATE, bicubic=True)
    torch.testing.assert_close(figures, expected, rtol=1e-5, atol=1e-7)
    for a, b in zip(one.parameters(), many.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0.02 * RATE)


def test_figures_are_the_losses_and_the_norm_before_clipping() -> None:
    figures = dict(zip(FIGURES, make_step()[1].run([batch(2)], WEIGHTS, 1e-6, RATE).tolist(), strict=True))
    total = 0.6 * figures["loss_l1"] + 0.2 * figures["loss_ms"] + 0.2 * figures["loss_grad"]
    assert figures["loss_total"] == pytest.approx(total, rel=1e-5)
    assert figures["gradient_norm"] > 1e-3


def test_the_rate_is_the_one_given() -> None:
    model, step = make_step()
    before = flat(model.state_dict())
    step.run([batch(2)], WEIGHTS, 1.5, learning_rate=0.0)
    assert flat(model.state_dict()) == before
    step.run([batch(2)], WEIGHTS, 1.5, learning_rate=1e-2)
    fresh = make_step()[0].state_dict()
    moved = max(float((weight - fresh[name]).abs().max()) for name, weight in model.state_dict().items())
    assert moved == pytest.approx(1e-2, rel=0.1)


def test_gradients_that_repeat_agree_and_others_do_not() -> None:
    """A batch that repeats gives one direction; a new one each time, little more than noise; none, nothing."""
    _, step = make_step()
    assert math.isnan(step.agreement())
    for _ in range(20):
        step.run([batch(1)], WEIGHTS, 1.5, learning_rate=0.0)
    assert step.agreement() == pytest.approx(1, abs=1e-3)
    _, other = make_step()
    of_noise = torch.Generator().manual_seed(0)
    for _ in range(150):
        for parameter in other._parameters:
            parameter.grad = torch.randn(parameter.shape, generator=of_noise)
        other._update(1e9, 0.0)
    assert other.agreement() == pytest.approx(0, abs=0.02)


def test_state_survives() -> None:
    (one, first), (two, second) = make_step(), make_step()
    first.run([batch(2)], WEIGHTS, 1.5, RATE)
    two.load_state_dict(one.state_dict())
    second.load_state_dict(copy.deepcopy(first.state_dict()))  # as from a file
    for step in (first, second):
        step.run([batch(2, seed=1)], WEIGHTS, 1.5, RATE)
    assert everything(one, first) == everything(two, second)


@pytest.mark.skipif(not shutil.which("c++"), reason="torch.compile needs a C++ compiler")
def test_compiled_code_takes_the_same_step() -> None:
    compiled = CONFIG.with_overrides({"training.compile": True})
    (one, plain), (two, _) = make_step(), make_step()
    fast = OptimizerStep(two, compiled.training, CPU)
    for seed, size in enumerate((2, 2, 1)):  # the last batch of an epoch is smaller
        expected = plain.run([batch(size, seed)], WEIGHTS, 1.5, RATE)
        found = fast.run([batch(size, seed)], WEIGHTS, 1.5, RATE)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6, equal_nan=True)
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0.05 * RATE)
    with measure_activity(two) as activity:
        fast.run([batch(2)], WEIGHTS, 1.5, RATE, observed=True)
    assert all(float(figure) > 0 for figure in activity.forward_trunk), "hooks look into the network itself"


def test_a_network_that_cannot_be_compiled_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    from torch._dynamo.exc import BackendCompilerFailed

    def refuse(frames: torch.Tensor) -> torch.Tensor:
        raise BackendCompilerFailed(refuse, RuntimeError("no C++ compiler found"), None)

    monkeypatch.setattr(torch, "compile", lambda network, **options: refuse)
    compiled = CONFIG.with_overrides({"training.compile": True})
    step = OptimizerStep(make_step()[0], compiled.training, CPU)
    with pytest.raises(VsrppError, match=r"no C\+\+ compiler found\); set training\.compile = off"):
        step.run([batch(2)], WEIGHTS, 1.5, RATE)
