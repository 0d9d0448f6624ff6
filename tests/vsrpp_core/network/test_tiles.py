"""A picture in tiles is the whole picture, whatever the sizes, and tiles come when memory goes."""

import weakref
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.helpers import GOLDEN
from vsrpp_core.messages.kinds import Alignment
from vsrpp_core.network.alignment import REACH
from vsrpp_core.network.model import VSRBidirectional3x
from vsrpp_core.network.tiles import Upscaler, _cheapest, receptive_radius, upscale

WEIGHTS = GOLDEN / "weights_16x6.npz"


def trained(dtype: torch.dtype) -> VSRBidirectional3x:
    """The golden network: 16 feature maps, 6 blocks, 5 frames."""
    model = VSRBidirectional3x(16, 6, 5)
    with np.load(WEIGHTS) as weights:
        model.load_state_dict({name: torch.from_numpy(weights[name]) for name in weights})
    return model.to(dtype).eval().requires_grad_(False)


def noise(height: int, width: int, n_frames: int = 5, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.rand(1, n_frames, 3, height, width, dtype=dtype, generator=torch.Generator().manual_seed(height))


@pytest.mark.parametrize(
    ("n_blocks", "n_frames", "scale"), [(2, 3, 3), (4, 5, 3), (6, 5, 3), (2, 7, 3), (2, 3, 1), (2, 3, 2), (2, 3, 4)]
)
def test_the_radius_is_exactly_what_the_network_sees(n_blocks: int, n_frames: int, scale: int) -> None:
    """With positive weights no two paths cancel, so the gradient of one LR pixel's output shows every input it uses."""
    model = VSRBidirectional3x(2, n_blocks, n_frames, scale=scale).double()
    for parameter in model.parameters():
        nn.init.constant_(parameter, 0.1)
    radius = receptive_radius(model)
    centre = radius + 3
    frames = torch.ones(1, n_frames, 3, 2 * centre + 1, 2 * centre + 1, dtype=torch.float64, requires_grad=True)
    pixel = slice(scale * centre, scale * (centre + 1))
    model(frames)[..., pixel, pixel].sum().backward()
    assert frames.grad is not None
    used = frames.grad.abs().sum(dim=(0, 1, 2)) > 0
    for dim in (0, 1):
        places = used.any(dim=dim).nonzero().flatten()
        assert (int(places.min()), int(places.max())) == (centre - radius, centre + radius)


def test_the_radius_of_the_default_network() -> None:
    assert receptive_radius(VSRBidirectional3x(4, 32, 5)) == 67


SIZES = [(37, 53), (64, 33), (81, 47), (5, 70), (40, 40)]


@pytest.mark.parametrize("tile", [11, 32, 40])
@pytest.mark.parametrize("size", SIZES)
def test_a_picture_in_tiles_is_the_whole_picture(size: tuple[int, int], tile: int) -> None:
    model, frames = trained(torch.float64), noise(*size)
    tiled = upscale(model, frames, (tile, tile))
    assert tiled.shape == (1, 3, 3 * size[0], 3 * size[1])
    assert float((tiled - upscale(model, frames)).abs().max()) <= 1e-12


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_so_it_is_at_other_scales(scale: int) -> None:
    model = VSRBidirectional3x(4, 2, 3, scale=scale).double().requires_grad_(False)
    frames = noise(37, 33, n_frames=3)
    tiled = upscale(model, frames, (11, 11))
    assert tiled.shape == (1, 3, scale * 37, scale * 33)
    assert float((tiled - model(frames)).abs().max()) <= 1e-12


def aligned(n_feats: int = 6, n_blocks: int = 2, n_frames: int = 3) -> VSRBidirectional3x:
    """With weights that make it look far: sharp differences between similarities, and motion in all directions."""
    torch.manual_seed(4)
    model = VSRBidirectional3x(n_feats, n_blocks, n_frames, "local").double().eval().requires_grad_(False)
    nn.init.constant_(model.align.sharpness, 50.0)
    nn.init.normal_(model.align.context.weight, std=0.02)
    return model


@pytest.mark.parametrize("tile", [11, 32])
@pytest.mark.parametrize("size", SIZES)
def test_so_it_is_with_local_alignment(size: tuple[int, int], tile: int) -> None:
    model, frames = aligned(), noise(*size, n_frames=3)
    assert receptive_radius(model) == REACH + receptive_radius(VSRBidirectional3x(6, 2, 3))
    assert float((upscale(model, frames, (tile, tile)) - upscale(model, frames)).abs().max()) <= 1e-10


@pytest.mark.parametrize("odd", [0, 1])
def test_local_alignment_sees_no_farther_than_its_radius(odd: int) -> None:
    model = aligned()
    radius, size = receptive_radius(model), 2 * receptive_radius(aligned()) + 12
    frames = noise(size, size, n_frames=3)
    changed, edge = frames.clone(), size // 2 + odd
    changed[..., edge:] = 1 - changed[..., edge:]
    columns = (model(changed) - model(frames)).abs().amax(dim=(0, 1, 2)).view(-1, 3).amax(dim=1) > 1e-10
    first = int(columns.nonzero().min())
    assert edge - radius <= first < edge - 1 - model.n_frames // 2 * model.n_blocks - 2


class Residual(nn.Module):
    """What the network adds to the bilinear picture."""

    def __init__(self, inner: VSRBidirectional3x) -> None:
        super().__init__()
        self.inner, self.n_blocks, self.n_frames, self.scale = inner, inner.n_blocks, inner.n_frames, inner.scale
        self.alignment: Alignment = inner.alignment

    def forward(self, frames: Tensor) -> Tensor:
        centre = frames[:, self.n_frames // 2]
        picture: Tensor = self.inner(frames)
        return picture - F.interpolate(centre, scale_factor=3, mode="bilinear", align_corners=False)


@pytest.mark.parametrize("tile", [11, 32, 40])
@pytest.mark.parametrize("size", SIZES)
def test_so_it_is_in_single_precision(size: tuple[int, int], tile: int) -> None:
    """``interpolate`` rounds its coordinates, the more the farther from the corner: 4e-6 at 80 pixels of noise."""
    model, frames = trained(torch.float32), noise(*size, dtype=torch.float32)
    for network, tolerance in ((Residual(model), 1e-6), (model, 1e-5)):
        assert float((upscale(network, frames, (tile, tile)) - upscale(network, frames)).abs().max()) <= tolerance


@pytest.mark.parametrize("halo", [0, 1, 6])
def test_a_smaller_halo_shows_at_the_seams_only(halo: int) -> None:
    model, frames = trained(torch.float64), noise(64, 40)
    difference = (upscale(model, frames, (32, 32), halo) - upscale(model, frames)).abs().amax(dim=(0, 1))
    reach = receptive_radius(model) - halo
    seam = torch.zeros_like(difference, dtype=torch.bool)
    seam[3 * (32 - reach) : 3 * (32 + reach)] = True
    seam[:, 3 * (20 - reach) : 3 * (20 + reach)] = True
    assert float(difference[seam].max()) > 1e-9 and float(difference[~seam].max()) <= 1e-12


class Limited(nn.Module):
    """A network that fails for cut-outs of more than ``limit`` LR pixels, as a device without memory does."""

    def __init__(self, inner: VSRBidirectional3x, limit: int) -> None:
        super().__init__()
        self.inner, self.limit = inner, limit
        self.n_blocks, self.n_frames, self.scale = inner.n_blocks, inner.n_frames, inner.scale
        self.alignment: Alignment = inner.alignment
        self.asked: list[tuple[int, int]] = []
        self.error: Callable[[str], BaseException] = torch.OutOfMemoryError
        self.held: weakref.ref[Tensor] | None = None

    def forward(self, frames: Tensor) -> Tensor:
        assert self.held is None or self.held() is None, "the failed attempt still holds memory"
        height, width = frames.shape[-2:]
        self.asked.append((height, width))
        features = torch.zeros(height, width)
        self.held = weakref.ref(features)
        if height * width > self.limit:
            raise self.error(f"no room for {len(features)} rows")
        picture: Tensor = self.inner(frames)
        return picture


def test_tiles_shrink_until_they_fit_and_are_remembered() -> None:
    model, frames = trained(torch.float64), noise(150, 140)
    limited, upscaler = Limited(model, limit=70 * 70), Upscaler()
    assert float((upscaler(limited, frames) - model(frames)).abs().max()) <= 1e-12
    assert upscaler.tile == (30, 28) and upscaler.pixels == (30 + 30) * (28 + 30)
    assert limited.asked[:4] == [(150, 140), (90, 140), (90, 85), (45, 85)], "whole, strips, and the first of grids"
    limited.asked.clear()
    upscaler(limited, frames)
    assert len(limited.asked) == 25 and max(height * width for height, width in limited.asked) == upscaler.pixels


@pytest.mark.parametrize(
    ("pixels", "tile", "work"),
    [(921_600, (720, 1280), 1), (460_800, (720, 427), 1.21), (230_400, (360, 320), 1.56), (1, (32, 32), 25.03)],
)
def test_the_cheapest_cut_is_taken_strips_first(pixels: int, tile: tuple[int, int], work: float) -> None:
    """720p with the default network's halo: a strip as long as the picture has no halo at its ends."""
    cut = _cheapest((720, 1280), 67, 1, pixels)
    assert cut.tile == tile and cut.work / 921_600 == pytest.approx(work, abs=0.01)
    assert cut.largest <= pixels or pixels == 1


def test_a_picture_that_fits_is_taken_whole() -> None:
    limited, upscaler = Limited(trained(torch.float64), limit=100 * 100), Upscaler()
    upscaler(limited, noise(90, 100))
    assert limited.asked == [(90, 100)] and not upscaler.tile and not upscaler.pixels


def test_the_smallest_tile_that_does_not_fit_raises_the_device_s_error_and_is_not_remembered() -> None:
    limited, upscaler = Limited(trained(torch.float64), limit=100), Upscaler()
    with pytest.raises(torch.OutOfMemoryError, match="no room for 43 rows"):
        upscaler(limited, noise(200, 130))
    assert limited.asked[0] == (200, 130) and limited.asked[-1] == (43, 41), "the corner of a tile of 29x26"
    assert not upscaler.tile and not upscaler.pixels


def test_tiles_that_would_take_no_less_are_not_tried() -> None:
    """A halo of 15 around half of 28 pixels is all of them."""
    limited = Limited(trained(torch.float64), limit=100)
    with pytest.raises(torch.OutOfMemoryError):
        Upscaler()(limited, noise(28, 28))
    assert limited.asked == [(28, 28)]


def test_another_error_is_no_reason_for_tiles() -> None:
    limited, upscaler = Limited(trained(torch.float64), limit=100), Upscaler()
    limited.error = ValueError
    with pytest.raises(ValueError, match="150 rows"):
        upscaler(limited, noise(150, 140))
    assert limited.asked == [(150, 140)]
