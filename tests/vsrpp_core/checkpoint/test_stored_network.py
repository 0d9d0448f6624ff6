"""A network alone in a file: what is written comes back, and nothing else is taken for it."""

import json
import math
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from tests.helpers import SHAPE
from tests.vsrpp_core.network_files import write_checkpoint
from vsrpp_core import __version__
from vsrpp_core.checkpoint.stored_network import (
    StoredNetwork,
    _checksum,
    is_exported,
    read_exported,
    read_stored,
    write_exported,
)
from vsrpp_core.errors import VsrppError
from vsrpp_core.run.config import ModelConfig


@pytest.fixture
def network(tmp_path: Path) -> StoredNetwork:
    write_checkpoint(tmp_path / "a.pth")
    return read_stored(tmp_path / "a.pth")


@pytest.mark.parametrize("average", [True, False])
def test_a_checkpoint_gives_the_weights_to_use(tmp_path: Path, average: bool) -> None:
    model = write_checkpoint(tmp_path / "a.pth", average)
    network = read_stored(tmp_path / "a.pth")
    assert network.form == ModelConfig(**SHAPE)
    assert (network.step, network.quality, network.is_average) == (1234, 0.625, average)
    assert all(torch.equal(network.weights[name], weight) for name, weight in model.state_dict().items())


def test_a_name_of_bytes_is_a_name(network: StoredNetwork, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"B\xe4r.safetensors")
    write_exported(network, path)
    assert read_exported(path).weights.keys() == network.weights.keys()


def test_what_is_written_comes_back_to_the_bit(network: StoredNetwork, tmp_path: Path) -> None:
    write_exported(network, tmp_path / "n.safetensors")
    again = read_exported(tmp_path / "n.safetensors")
    assert list(again.weights) == sorted(network.weights)
    assert all(torch.equal(again.weights[name], weight) for name, weight in network.weights.items())
    assert replace(again, weights={}) == replace(network, weights={})
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".pth"] == ["n.safetensors"]


def test_the_description_says_how_to_use_it(network: StoredNetwork, tmp_path: Path) -> None:
    write_exported(network, tmp_path / "n.safetensors")
    with safe_open(tmp_path / "n.safetensors", framework="pt") as file:
        metadata = file.metadata()
    assert len(metadata.pop("sha256")) == 64
    assert metadata == {
        "format": "vsrpp-network",
        "format_version": "1",
        "vsrpp_version": __version__,
        "n_feats": "4",
        "n_blocks": "2",
        "n_frames": "3",
        "alignment": "none",
        "slope": "0.2",
        "residual_scale": "0.1",
        "scale": "3",
        "step": "1234",
        "quality": "0.625",
        "weights": "moving average",
        "input": "frames [batch, n_frames, 3, height, width], in the order of time",
        "output": "picture of the middle frame [batch, 3, 3*height, 3*width], not clamped",
        "colour_order": "RGB",
        "value_range": "0..1",
    }


def test_a_file_of_an_earlier_version_is_of_the_plain_form(network: StoredNetwork, tmp_path: Path) -> None:
    assert network.form == ModelConfig(**SHAPE), "the checkpoint does not have the settings"
    write_exported(network, tmp_path / "n.safetensors")
    later = ("alignment", "slope", "residual_scale")
    metadata = {name: value for name, value in network.metadata().items() if name not in later}
    path = rewritten(network, metadata, tmp_path / "old.safetensors")
    assert read_exported(path).form == ModelConfig(**SHAPE)


def test_a_form_of_a_later_version_is_refused(network: StoredNetwork, tmp_path: Path) -> None:
    path = rewritten(network, {**network.metadata(), "alignment": "global"}, tmp_path / "n.safetensors")
    with pytest.raises(VsrppError, match="has alignment global, which this version of VSR\\+\\+ does not know"):
        read_exported(path)


def rewritten(network: StoredNetwork, metadata: dict[str, str], path: Path) -> Path:
    """A file that passes its check."""
    weights = {name: weight.contiguous() for name, weight in network.weights.items()}
    save_file(weights, path, {**metadata, "sha256": _checksum(weights, metadata)})
    return path


def test_the_quality_of_an_earlier_step_is_not_told(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "a.pth", progress={"last_quality_step": 1000})
    network = read_stored(tmp_path / "a.pth")
    assert math.isnan(network.quality) and "quality" not in network.metadata()
    write_exported(network, tmp_path / "n.safetensors")
    assert math.isnan(read_stored(tmp_path / "n.safetensors").quality)


def header_length(content: bytes | bytearray) -> int:
    return 8 + int.from_bytes(content[:8], "little")


@pytest.mark.parametrize("place", ["first weight", "last weight", "step"])
def test_a_flipped_bit_is_found(network: StoredNetwork, tmp_path: Path, place: str) -> None:
    path = tmp_path / "n.safetensors"
    write_exported(network, path)
    content = bytearray(path.read_bytes())
    places = {"first weight": header_length(content), "last weight": len(content) - 1}
    places["step"] = content.index(b"1234")
    content[places[place]] ^= 1
    path.write_bytes(content)
    with pytest.raises(VsrppError, match=r"n\.safetensors is damaged \(its content fails the check\)"):
        read_exported(path)


@pytest.mark.parametrize("keep", [0, 5, 300, -1])
def test_a_file_cut_off_is_told(network: StoredNetwork, tmp_path: Path, keep: int) -> None:
    path = tmp_path / "n.safetensors"
    write_exported(network, path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(VsrppError, match=r"n\.safetensors cannot be read"):
        read_exported(path)


def test_another_program_s_file_is_refused(network: StoredNetwork, tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    for metadata in (None, {"format": "pt"}):
        save_file({"weight": torch.zeros(2)}, path, metadata)
        with pytest.raises(VsrppError, match="was not written by vsrpp export"):
            read_exported(path)


def test_a_later_format_is_refused(network: StoredNetwork, tmp_path: Path) -> None:
    path = tmp_path / "n.safetensors"
    save_file({"weight": torch.zeros(2)}, path, {**network.metadata(), "format_version": "3"})
    with pytest.raises(VsrppError, match=r"is of format 3, which this version of VSR\+\+ does not know"):
        read_exported(path)


def test_a_file_that_does_not_exist_is_told(tmp_path: Path) -> None:
    with pytest.raises(VsrppError, match=r"nowhere\.safetensors does not exist"):
        read_stored(tmp_path / "nowhere.safetensors")


def test_the_name_tells_an_export_from_a_checkpoint() -> None:
    assert is_exported(Path("a.SafeTensors")) and not is_exported(Path("checkpoint_best.pth"))


def test_a_write_that_fails_leaves_the_earlier_file(
    network: StoredNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "n.safetensors"
    write_exported(network, path)
    before = path.read_bytes()
    monkeypatch.setattr(Path, "read_bytes", lambda self: b"something else")
    with pytest.raises(OSError, match="gave back something else"):
        write_exported(replace(network, step=5), path)
    monkeypatch.undo()
    assert (
        path.read_bytes() == before and json.loads(before[8 : header_length(before)])["__metadata__"]["step"] == "1234"
    )
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.pth", "n.safetensors"]


def test_blocks_of_another_kind_come_back_in_a_format_that_older_versions_refuse(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "a.pth", slope=0.1, residual_scale=1.0)
    network = read_stored(tmp_path / "a.pth")
    write_exported(network, tmp_path / "n.safetensors")
    assert network.metadata()["format_version"] == "2"
    assert read_exported(tmp_path / "n.safetensors").form == ModelConfig(**SHAPE, slope=0.1, residual_scale=1.0)


def test_an_export_of_another_network_than_it_says_is_told(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "a.pth")
    network = read_stored(tmp_path / "a.pth")
    write_exported(replace(network, form=ModelConfig(**{**SHAPE, "n_feats": 8})), tmp_path / "other.safetensors")
    with pytest.raises(VsrppError, match=r"is not a whole network: it has feat_extract.weight of shape \[4, 3, 3, 3\]"):
        read_exported(tmp_path / "other.safetensors")
    write_exported(
        replace(network, form=ModelConfig.model_construct(**{**SHAPE, "n_blocks": 3})), tmp_path / "none.safetensors"
    )
    with pytest.raises(VsrppError, match="does not say which network it holds"):
        read_exported(tmp_path / "none.safetensors")
