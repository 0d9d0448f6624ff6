"""A network's weights in a run of another form."""

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.helpers import SHAPE
from vsrpp_core.checkpoint.start_weights import carried
from vsrpp_core.checkpoint.stored_network import StoredNetwork
from vsrpp_core.errors import VsrppError
from vsrpp_core.network.model import VSRBidirectional3x
from vsrpp_core.run.config import ModelConfig

SOURCE = Path("film.pth")


def started(before: dict[str, Any], form: dict[str, Any]) -> tuple[VSRBidirectional3x, VSRBidirectional3x, str]:
    """The network as it was, the one that begins with its weights, and what the user is told after the first line."""
    torch.manual_seed(2)
    old, new = (VSRBidirectional3x(**{**SHAPE, **changed}) for changed in (before, form))
    network = StoredNetwork(
        weights=old.state_dict(), form=ModelConfig(**{**SHAPE, **before}), step=12, quality=0.5, is_average=True
    )
    weights, notes = carried(network, SOURCE, ModelConfig(**{**SHAPE, **form}), new.state_dict())
    new.load_state_dict(weights)
    assert (
        notes[0] == "training begins with the moving average of the weights of film.pth, step 12, and a fresh optimizer"
    )
    return old, new, "; ".join(notes[1:])


def test_another_residual_scale_gives_the_same_picture() -> None:
    old, new, told = started({"residual_scale": 1.0, "slope": 0.1}, {"slope": 0.1})
    frames = torch.rand(1, SHAPE["n_frames"], 3, 8, 9)
    with torch.inference_mode():
        assert float((old(frames) - new(frames)).abs().max()) < 1e-6
    assert told.startswith("the residual scale 1 of film.pth became 0.1")
    assert "slope" not in told and "slope 0.1: with 0.2" in started({"slope": 0.1}, {})[2]


def test_another_number_of_frames_has_the_same_weights() -> None:
    old, new, told = started({}, {"n_frames": 7})
    assert all(torch.equal(weight, new.state_dict()[name]) for name, weight in old.state_dict().items())
    assert told == "film.pth was trained on 3 frames: with 7 its weights take 3 steps to each side in place of 1"


def test_what_does_not_come_along_is_told() -> None:
    told = started({}, {"alignment": "local", "n_blocks": 4})[2]
    assert told == "not in film.pth, and untrained: align, backward_trunk.1, forward_trunk.1"
    assert started({"alignment": "local"}, {})[2] == "without a place in the run, and left out: align of film.pth"


def test_another_width_is_refused() -> None:
    with pytest.raises(VsrppError, match=r"film\.pth has 4 feature maps and the run 8; set model\.n_feats = 4"):
        started({}, {"n_feats": 8})
