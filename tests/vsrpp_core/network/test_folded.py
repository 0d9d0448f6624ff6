"""The folded end of the network is the plain one: same picture, same gradients, to the last row and column."""

import pytest
import torch
from torch import Tensor

from vsrpp_core.network.folded import enlarge_folded
from vsrpp_core.network.model import VSRBidirectional3x

SIZES = [(1, 1), (1, 6), (2, 1), (2, 2), (3, 5), (9, 8)]
"""Those of one and two LR pixels have nothing but a border."""


def end_and_features(
    n_feats: int, size: tuple[int, int], samples: int, scale: int = 3
) -> tuple[torch.nn.Sequential, Tensor]:
    torch.manual_seed(sum(size))
    features = torch.randn(samples, n_feats, *size, dtype=torch.float64, requires_grad=True)
    return VSRBidirectional3x(n_feats, 2, 3, scale=scale).double().upsample, features


def gradients(picture: Tensor, end: torch.nn.Sequential, features: Tensor) -> tuple[Tensor, ...]:
    weights = torch.randn(picture.shape, dtype=picture.dtype, generator=torch.Generator().manual_seed(1))
    return torch.autograd.grad((picture * weights).sum(), [features, *end.parameters()])


@pytest.mark.parametrize(("scale", "samples"), [(3, 1), (3, 3), (2, 1), (4, 2)])
@pytest.mark.parametrize("size", SIZES)
def test_picture_and_gradients_in_double_precision(size: tuple[int, int], scale: int, samples: int) -> None:
    end, features = end_and_features(6, size, samples, scale)
    plain, folded = end(features), enlarge_folded(end, features)
    assert float((folded - plain).detach().abs().max()) <= 1e-12
    for found, expected in zip(gradients(folded, end, features), gradients(plain, end, features), strict=True):
        assert float((found - expected).norm()) <= 1e-10 * float(expected.norm())


@pytest.mark.parametrize("size", SIZES)
def test_in_bf16_it_is_no_farther_from_the_exact_picture_than_the_plain_form(size: tuple[int, int]) -> None:
    end, features = end_and_features(16, size, 2)
    with torch.no_grad():
        exact, features, end = end(features), features.float(), end.float()
        with torch.autocast("cpu", torch.bfloat16):
            plain, folded = end(features), enlarge_folded(end, features)
    assert folded.dtype == plain.dtype == torch.bfloat16
    assert float((folded - exact).norm()) <= 1.1 * float((plain - exact).norm())
