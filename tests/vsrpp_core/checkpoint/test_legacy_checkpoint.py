"""Checkpoints of the original VSR++: read without running anything of theirs."""

import pickle
import tempfile
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.vsrpp_core.network_files import AdaptiveLRScheduler, write_original
from vsrpp_core.checkpoint.legacy_checkpoint import read_original
from vsrpp_core.errors import VsrppError


def test_weights_optimizer_and_step_come_out(tmp_path: Path) -> None:
    model = write_original(tmp_path / "old.pth")
    AdaptiveLRScheduler.made.clear()
    original = read_original(tmp_path / "old.pth")
    assert (original.step, original.n_feats, original.n_blocks) == (25_500, 8, 4)
    assert all(torch.equal(original.weights[name], weight) for name, weight in model.state_dict().items())
    assert len(original.optimizer["state"]) == len(list(model.parameters()))
    assert AdaptiveLRScheduler.made == [], "a foreign object was brought to life"


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
        ({"optimizer_state_dict": {"state": {0: {}}}}, "its optimizer is of 1 weights where the network has"),
        ({"optimizer_state_dict": {"state": [1]}}, "what its optimizer keeps is not of AdamW"),
    ],
)
def test_parts_that_are_not_of_the_network_are_named(tmp_path: Path, changed: dict[str, Any], told: str) -> None:
    write_original(tmp_path / "old.pth", **changed)
    with pytest.raises(VsrppError, match=f"does not hold the network of the original VSR\\+\\+: .*{told}"):
        read_original(tmp_path / "old.pth")
