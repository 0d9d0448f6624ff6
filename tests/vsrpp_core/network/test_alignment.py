"""Local alignment finds motion and undoes it; without it the network is the original one."""

import pytest
import torch
from torch import Tensor

from vsrpp_core.network.alignment import OFFSETS, RADIUS, STRIDE, LocalAlignment
from vsrpp_core.network.model import VSRBidirectional3x


def shifted(picture: Tensor, x: int, y: int) -> Tensor:
    """What ``picture`` shows, further right by ``x`` pixels and down by ``y``."""
    return picture.roll((y, x), dims=(-2, -1))


def certain(n_feats: int) -> LocalAlignment:
    """Takes the most similar place and no other."""
    torch.manual_seed(2)
    alignment = LocalAlignment(n_feats).double()
    torch.nn.init.constant_(alignment.sharpness, 1000.0)
    return alignment


def inner(picture: Tensor) -> Tensor:
    """Without what rolled over an edge."""
    return picture[..., 12:-12, 12:-12]


@pytest.mark.parametrize(("x", "y"), [(0, 0), (2, 0), (0, -4), (-6, 6)])
@torch.no_grad()
def test_what_moved_is_fetched_from_where_it_went(x: int, y: int) -> None:
    centre = torch.rand(2, 8, 40, 46, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    stack = (shifted(centre, -x, -y), centre, shifted(centre, x, y))
    alignment = certain(8)
    before, after = alignment._motion(stack).chunk(2)
    expected = torch.tensor((x, y), dtype=torch.float64).view(2, 1, 1).expand_as(inner(after))
    assert torch.allclose(inner(after), expected, atol=1e-6)
    assert torch.allclose(inner(before), -expected, atol=1e-6)
    aligned = alignment(stack)
    assert aligned[1] is centre
    for features in aligned:
        assert torch.allclose(inner(features), inner(centre), atol=1e-5)


@torch.no_grad()
def test_no_motion_reaches_beyond_the_window() -> None:
    stack = tuple(torch.rand(3, 1, 8, 21, 17, dtype=torch.float64))
    motion = certain(8)._motion(stack)
    assert motion.shape == (2, 2, 21, 17)
    assert 1 < float(motion.abs().max()) <= STRIDE * RADIUS


def test_every_parameter_learns_from_the_first_step() -> None:
    torch.manual_seed(0)
    model = VSRBidirectional3x(8, 2, 5, "local")
    model(torch.rand(1, 5, 3, 12, 14)).square().mean().backward()
    assert all(p.grad is not None and float(p.grad.abs().sum()) > 0 for p in model.parameters())


def test_both_forms_begin_alike() -> None:
    """With the same seed a comparison of the two forms is one of their forms alone."""
    torch.manual_seed(7)
    plain = VSRBidirectional3x(6, 2, 3).state_dict()
    torch.manual_seed(7)
    local = VSRBidirectional3x(6, 2, 3, "local").state_dict()
    added = set(local) - set(plain)
    assert all(name.startswith("align.") for name in added) and local["align.context.bias"].shape == (OFFSETS,)
    assert all(torch.equal(local[name], weight) for name, weight in plain.items())
