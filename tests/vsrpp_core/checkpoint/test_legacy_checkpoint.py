"""Checkpoints of the original VSR++: read without running anything of theirs."""

import pickle
import tempfile
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.helpers import GOLDEN
from tests.vsrpp_core.network_files import AdaptiveLRScheduler, write_later_original, write_original
from vsrpp_core.checkpoint.legacy_checkpoint import Blocks, read_original
from vsrpp_core.errors import VsrppError
from vsrpp_core.network.lean import LeanVSR
from vsrpp_core.network.model import VSRBidirectional3x
from vsrpp_core.run.config import ModelConfig


def test_weights_optimizer_and_step_come_out(tmp_path: Path) -> None:
    model = write_original(tmp_path / "old.pth")
    AdaptiveLRScheduler.made.clear()
    original = read_original(tmp_path / "old.pth")
    assert (original.step, original.form) == (25_500, ModelConfig(n_feats=8, n_blocks=4))
    assert all(torch.equal(original.weights[name], weight) for name, weight in model.state_dict().items())
    assert len(original.optimizer["state"]) == len(list(model.parameters()))
    assert AdaptiveLRScheduler.made == [], "a foreign object was brought to life"


@pytest.mark.parametrize("form", [VSRBidirectional3x, LeanVSR])
def test_a_later_version_gives_the_very_picture_that_it_gave(tmp_path: Path, form: type[VSRBidirectional3x]) -> None:
    with np.load(GOLDEN / "later_16x6.npz") as archive:
        parts = {name: torch.from_numpy(archive[name]) for name in archive}
    weights = {name.removeprefix("weights/"): part for name, part in parts.items() if name.startswith("weights/")}
    torch.save({"step": 120, "model_state_dict": weights}, tmp_path / "later.pth")
    original = read_original(tmp_path / "later.pth")
    assert (original.form.slope, original.form.residual_scale) == (0.1, 1.0)
    model = form(**original.form.model_dump())
    model.load_state_dict(original.weights)
    with torch.no_grad():
        assert (model(parts["frames"]) - parts["output"]).abs().max() <= 1e-5


@pytest.mark.parametrize("groups", [2, 3])
def test_moments_of_groups_of_weights_come_to_their_own(tmp_path: Path, groups: int) -> None:
    model, means = write_later_original(tmp_path / "later.pth", groups)
    original = read_original(tmp_path / "later.pth")
    assert len(original.rates) == groups and original.form.residual_scale == 1
    kept = original.optimizer["state"]
    for place, (name, weight) in enumerate(model.named_parameters()):
        assert torch.equal(original.weights[name], weight) and torch.equal(kept[place]["exp_avg"], means[name]), name


def test_who_knows_better_says_how_the_blocks_are(tmp_path: Path) -> None:
    write_original(tmp_path / "old.pth")
    assert read_original(tmp_path / "old.pth", Blocks(slope=0.1)).form.slope == 0.1
    with pytest.raises(VsrppError, match=r"model\.slope: must be at most 1"):
        read_original(tmp_path / "old.pth", Blocks(slope=2.0))


def test_groups_that_are_not_of_the_original_are_refused(tmp_path: Path) -> None:
    _, optimizer = write_later_original(tmp_path / "later.pth"), torch.load(tmp_path / "later.pth", weights_only=False)
    broken = optimizer["optimizer_state_dict"]
    broken["param_groups"][0]["params"].pop()
    write_later_original(tmp_path / "later.pth", optimizer_state_dict=broken)
    with pytest.raises(VsrppError, match=r"its optimizer is of 25 \+ 2 weights where the network has 28"):
        read_original(tmp_path / "later.pth")


def test_what_a_file_wants_run_is_not_run(tmp_path: Path) -> None:
    class Harm:
        def __reduce__(self) -> tuple[Any, ...]:
            return tempfile.mkdtemp, ("", "harm", str(tmp_path))

    write_original(tmp_path / "old.pth", scheduler_state_dict=Harm())
    assert read_original(tmp_path / "old.pth").step == 25_500
    assert not list(tmp_path.glob("harm*"))


def test_what_has_no_harmless_stand_in_is_refused(tmp_path: Path) -> None:
    class Harm:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "harm",)

    write_original(tmp_path / "old.pth", scheduler_state_dict=Harm())
    with pytest.raises(VsrppError, match="holds objects that no checkpoint needs"):
        read_original(tmp_path / "old.pth")
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize(
    ("changed", "phrase"),
    [
        ({"step": "many"}, "is not a checkpoint of the original"),
        ({"model_state_dict": OrderedDict()}, "is not a checkpoint of the original"),
        ({"model_state_dict": [1, 2]}, "is not a checkpoint of the original"),
    ],
)
def test_another_content_is_refused(tmp_path: Path, changed: dict[str, Any], phrase: str) -> None:
    write_original(tmp_path / "old.pth", **changed)
    with pytest.raises(VsrppError, match=phrase):
        read_original(tmp_path / "old.pth")


def test_other_files_are_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "text.pth").write_text("no checkpoint")
    (tmp_path / "pickle.pth").write_bytes(pickle.dumps({"step": 1}))
    torch.save([1, 2, 3], tmp_path / "list.pth")
    with zipfile.ZipFile(tmp_path / "zip.pth", "w") as archive:
        archive.writestr("notes.txt", "x")
    for name in ("text.pth", "pickle.pth", "list.pth", "zip.pth", "nowhere.pth"):
        with pytest.raises(VsrppError) as error:
            read_original(tmp_path / name)
        assert name in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"model_state_dict": {"feat_extract.weight": "weights"}}, "feat_extract.weight is no tensor"),
        ({"model_state_dict": {"feat_extract.weight": torch.zeros(8, 3, 3, 3)}}, "it has 0 blocks for two trunks"),
        ({"optimizer_state_dict": {"state": {0: {}}}}, "its optimizer is of 0 weights where the network has"),
        ({"optimizer_state_dict": {"state": [1]}}, "what its optimizer keeps is not of AdamW"),
    ],
)
def test_parts_that_are_not_of_the_network_are_named(tmp_path: Path, changed: dict[str, Any], told: str) -> None:
    write_original(tmp_path / "old.pth", **changed)
    with pytest.raises(VsrppError, match=f"does not hold the network of the original VSR\\+\\+: .*{told}"):
        read_original(tmp_path / "old.pth")
