"""Views of a stack are turned back exactly, and their mean does not depend on how the stack lies."""

from typing import get_args

import numpy as np
import pytest
import torch

from tests.helpers import GOLDEN
from vsrpp_core.device.hardware import choose_hardware
from vsrpp_core.messages.kinds import Ensemble
from vsrpp_core.network.ensemble import VIEWS
from vsrpp_core.network.inference import PictureUpscaler
from vsrpp_core.network.lean import LeanVSR

HARDWARE = choose_hardware("fp32")


@pytest.fixture(scope="module")
def model() -> LeanVSR:
    network = LeanVSR(16, 6, 5)
    with np.load(GOLDEN / "weights_16x6.npz") as weights:
        network.load_state_dict({name: torch.from_numpy(weights[name]) for name in weights})
    return network.eval().requires_grad_(False).to(HARDWARE.device)


def test_each_view_is_another_one_and_is_turned_back() -> None:
    picture = torch.arange(3 * 4 * 5).reshape(1, 3, 4, 5)
    assert tuple(VIEWS) == get_args(Ensemble)
    for count, views in VIEWS.items():
        seen = [view.of(picture) for view in views]
        assert len({(tuple(one.shape), tuple(one.flatten().tolist())) for one in seen}) == count
        assert all(torch.equal(view.undone(one), picture) for view, one in zip(views, seen, strict=True))
        assert torch.equal(seen[-1], picture)


@pytest.mark.parametrize(("ensemble", "turned"), [(2, (1, 2)), (4, (1,)), (4, (2,)), (8, (1,)), (8, None)])
@pytest.mark.parametrize("tile", [0, 12])
def test_the_mean_does_not_depend_on_how_a_picture_lies(
    model: LeanVSR, ensemble: Ensemble, turned: tuple[int, ...] | None, tile: int
) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (5, 14, 20, 3), np.uint8)
    seen = frames.transpose(0, 2, 1, 3) if turned is None else np.flip(frames, turned)
    upscaler = PictureUpscaler(HARDWARE, tile, ensemble=ensemble)

    def output(stack: np.ndarray) -> np.ndarray:
        return upscaler.output(model, np.ascontiguousarray(stack))[0].permute(1, 2, 0).cpu().numpy()

    whole = output(frames)
    back = (
        output(seen).transpose(1, 0, 2) if turned is None else np.flip(output(seen), tuple(axis - 1 for axis in turned))
    )
    assert np.abs(whole - back).max() < 2e-6
    alone = PictureUpscaler(HARDWARE, tile).output(model, frames)[0].permute(1, 2, 0).cpu().numpy()
    assert 1e-4 < np.abs(whole - alone).max() < 0.5
