"""The same function as the original VSR++: its weights give its picture and its losses, to 1e-5."""

import numpy as np
import pytest
import torch

from tests.helpers import GOLDEN
from vsrpp_core.network.lean import LeanVSR
from vsrpp_core.network.loss import LossWeights, hybrid_loss
from vsrpp_core.network.model import VSRBidirectional3x, measure_activity

TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def figures() -> dict[str, np.ndarray]:
    with np.load(GOLDEN / "forward.npz") as archive:
        return dict(archive)


@pytest.fixture(scope="module")
def original() -> VSRBidirectional3x:
    model = VSRBidirectional3x(n_feats=16, n_blocks=6, n_frames=5)
    with np.load(GOLDEN / "weights_16x6.npz") as weights:
        model.load_state_dict({name: torch.from_numpy(weights[name]) for name in weights})
    return model


def test_output_is_the_original_s(original: VSRBidirectional3x, figures: dict[str, np.ndarray]) -> None:
    with torch.no_grad():
        output = original(torch.from_numpy(figures["frames"]))
    assert np.abs(output.numpy() - figures["output"]).max() <= TOLERANCE


@pytest.mark.parametrize("form", [VSRBidirectional3x, LeanVSR])
def test_channels_last_is_the_same_function(
    original: VSRBidirectional3x, figures: dict[str, np.ndarray], form: type[VSRBidirectional3x]
) -> None:
    fast = form(16, 6, 5)
    fast.load_state_dict(original.state_dict())
    fast = fast.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    with torch.no_grad():
        output = fast(torch.from_numpy(figures["frames"]))
    assert np.abs(output.numpy() - figures["output"]).max() <= TOLERANCE


def test_loss_parts_are_the_original_s(figures: dict[str, np.ndarray]) -> None:
    parts = hybrid_loss(torch.from_numpy(figures["output"]), torch.from_numpy(figures["target"]))
    total = parts.total(LossWeights(*figures["loss_weights"].tolist()))
    for name, value in (("l1", parts.l1), ("ms", parts.ms), ("grad", parts.grad), ("total", total)):
        assert abs(float(value) - float(figures[f"loss_{name}"])) <= TOLERANCE, name


def test_every_frame_reaches_the_output(original: VSRBidirectional3x, figures: dict[str, np.ndarray]) -> None:
    frames = torch.from_numpy(figures["frames"])
    with torch.no_grad():
        before = original(frames)
        for place in range(5):
            changed = frames.clone()
            changed[:, place] = 1 - changed[:, place]
            assert not torch.equal(original(changed), before), place


def test_sharpness_is_one_for_the_target_itself_and_falls_with_blur() -> None:
    target = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    blurred = torch.nn.functional.avg_pool2d(target, 3, stride=1, padding=1)
    assert float(hybrid_loss(target, target).sharpness) == pytest.approx(1.0)
    assert float(hybrid_loss(blurred, target).sharpness) < 0.6


def test_activity_has_one_figure_per_block(original: VSRBidirectional3x, figures: dict[str, np.ndarray]) -> None:
    with measure_activity(original) as activity, torch.no_grad():
        original(torch.from_numpy(figures["frames"]))
    lengths = [len(part) for part in (activity.backward_trunk, activity.forward_trunk, activity.fusions)]
    assert lengths == [3, 3, 3]
    assert all(float(x) > 0 for x in (*activity.backward_trunk, *activity.forward_trunk, *activity.fusions))


@pytest.mark.parametrize(
    ("shape", "phrase"), [((16, 6, 4), "odd"), ((16, 5, 5), "even")], ids=["even frames", "odd blocks"]
)
def test_impossible_shapes_are_refused(shape: tuple[int, int, int], phrase: str) -> None:
    with pytest.raises(ValueError, match=phrase):
        VSRBidirectional3x(*shape)
