"""The network that is trained is the plain one: same function, same gradients, less memory."""

import pytest
import torch
from torch import Tensor

from tests.helpers import kept_for_backward, most_held
from vsrpp_core.messages.kinds import Alignment, Checkpointing
from vsrpp_core.network.inference import bytes_per_pixel
from vsrpp_core.network.lean import LeanVSR
from vsrpp_core.network.loss import LossWeights, hybrid_loss
from vsrpp_core.network.model import VSRBidirectional3x, measure_activity

MODES: tuple[Checkpointing, ...] = ("none", "block", "trunk")
SHAPES = [(4, 2, 5, 2, 9, 11), (6, 4, 3, 1, 8, 8), (8, 6, 7, 1, 7, 10)]
"""n_feats, n_blocks, n_frames, samples, height, width."""


def pair(
    shape: tuple[int, ...],
    mode: Checkpointing,
    dtype: torch.dtype,
    alignment: Alignment = "none",
    folded: bool = False,
) -> tuple[VSRBidirectional3x, LeanVSR, Tensor]:
    n_feats, n_blocks, n_frames, samples, height, width = shape
    torch.manual_seed(sum(shape))
    slope, residual_scale = (0.1, 1.0) if folded else (0.2, 0.1)
    plain = VSRBidirectional3x(n_feats, n_blocks, n_frames, alignment, slope, residual_scale).to(dtype)
    lean = LeanVSR(n_feats, n_blocks, n_frames, mode, alignment, folded, slope, residual_scale).to(dtype)
    lean.load_state_dict(plain.state_dict())
    frames = torch.rand(samples, n_frames, 3, height, width, dtype=dtype)
    return plain, lean.to(memory_format=torch.channels_last), frames  # type: ignore[call-overload]


def gradients(model: VSRBidirectional3x, frames: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Output, and the gradient of the hybrid loss for each parameter."""
    model.zero_grad(set_to_none=True)
    output = model(frames)
    target = torch.rand(output.shape, dtype=output.dtype, generator=torch.Generator().manual_seed(5))
    hybrid_loss(output, target).total(LossWeights(0.6, 0.2, 0.2)).backward()
    return output.detach(), {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("alignment", ["none", "local"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_the_plain_network_in_double_precision(
    shape: tuple[int, ...], mode: Checkpointing, alignment: Alignment, folded: bool
) -> None:
    plain, lean, frames = pair(shape, mode, torch.float64, alignment, folded)
    expected, expected_gradients = gradients(plain, frames)
    output, found = gradients(lean, frames)
    assert float((output - expected).abs().max()) <= 1e-12
    assert found.keys() == expected_gradients.keys() == dict(plain.named_parameters()).keys()
    for name, gradient in expected_gradients.items():
        assert float((found[name] - gradient).norm() / gradient.norm()) <= 1e-10, name


@pytest.mark.parametrize("mode", ["block", "trunk"])
def test_recomputing_changes_no_bit(mode: Checkpointing) -> None:
    shape = (8, 4, 5, 2, 12, 12)
    _, kept, frames = pair(shape, "none", torch.float32)
    _, recomputed, _ = pair(shape, mode, torch.float32)
    one, two = gradients(kept, frames), gradients(recomputed, frames)
    assert torch.equal(one[0], two[0])
    assert all(torch.equal(one[1][name], two[1][name]) for name in one[1])


def test_each_mode_keeps_less() -> None:
    shape = (16, 12, 5, 1, 24, 24)
    plain, _, frames = pair(shape, "none", torch.float32)
    kept = [kept_for_backward(plain, frames)] + [
        kept_for_backward(pair(shape, mode, torch.float32)[1], frames) for mode in MODES
    ]
    assert kept[0] > 1.3 * kept[1] > 1.3 * 1.4 * kept[2] > 1.3 * 1.4 * 1.8 * kept[3], kept
    feature_map = 4 * 16 * 24 * 24
    assert kept[1] == pytest.approx((2 * 6 * 4 + 20) * feature_map, rel=0.02)  # two maps a block and walk, and 20


@pytest.mark.parametrize("mode", MODES)
def test_activity_is_measured_in_the_forward_pass_alone(mode: Checkpointing) -> None:
    plain, lean, frames = pair((4, 4, 5, 1, 8, 8), mode, torch.float64)
    with measure_activity(plain) as expected:
        gradients(plain, frames)
    with measure_activity(lean) as found:
        gradients(lean, frames)
    for figures, others in zip(vars(expected).values(), vars(found).values(), strict=True):
        assert torch.allclose(torch.stack(figures), torch.stack(others), rtol=1e-5, atol=0)


@pytest.mark.parametrize("alignment", ["none", "local"])
@pytest.mark.parametrize("size", [(1, 1), (2, 7), (9, 11)])
@pytest.mark.parametrize("shape", [shape[:4] for shape in SHAPES])
def test_without_gradients_it_is_the_plain_network_too(
    shape: tuple[int, ...], size: tuple[int, int], alignment: Alignment
) -> None:
    plain, lean, frames = pair((*shape, *size), "none", torch.float64, alignment)
    with torch.no_grad():
        assert float((lean(frames) - plain(frames)).abs().max()) <= 1e-12


@pytest.mark.parametrize(("n_feats", "n_frames", "alignment"), [(16, 5, "none"), (16, 5, "local"), (48, 9, "none")])
def test_inference_holds_no_more_than_is_expected(n_feats: int, n_frames: int, alignment: Alignment) -> None:
    plain, lean, frames = pair((n_feats, 2, n_frames, 1, 180, 160), "none", torch.float32, alignment)
    expected = 180 * 160 * bytes_per_pixel(lean) - 4 * frames.numel()
    with torch.no_grad():
        assert 0.4 * expected <= most_held(lambda: lean(frames)) <= expected
        assert most_held(lambda: plain(frames)) >= 2 * expected


def test_720p_fits_a_card_of_8_gb() -> None:
    assert 1280 * 720 * bytes_per_pixel(LeanVSR(128, 32, 5)) < 3e9


def test_without_gradients_nothing_is_recomputed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> Tensor:
        raise AssertionError("nothing is kept, so nothing need be computed again")

    monkeypatch.setattr("vsrpp_core.network.lean.checkpoint", refuse)
    plain, lean, frames = pair((4, 2, 5, 1, 8, 8), "trunk", torch.float32)
    with torch.no_grad():
        assert torch.allclose(lean(frames), plain(frames), atol=1e-6)
