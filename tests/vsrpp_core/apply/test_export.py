"""Exported and used elsewhere, it is the same network."""

import importlib.util
import math
import os
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image

from tests.helpers import ROOT, SHAPE
from tests.vsrpp_core.network_files import write_checkpoint
from vsrpp_core.apply.evaluate import Options, evaluate
from vsrpp_core.apply.export import TOLERANCE, Exported, export
from vsrpp_core.apply.load_network import build, load_network
from vsrpp_core.checkpoint.stored_network import read_exported, read_stored, write_exported
from vsrpp_core.cli.main import main
from vsrpp_core.device.hardware import choose_hardware
from vsrpp_core.errors import UsageError, VsrppError
from vsrpp_core.network.metrics import to_8bit

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    write_checkpoint(tmp_path / "checkpoint.pth")
    return tmp_path / "checkpoint.pth"


@pytest.fixture(scope="module")
def as_onnx(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Exported]:
    folder = tmp_path_factory.mktemp("onnx")
    write_checkpoint(folder / "checkpoint.pth")
    return folder / "n.onnx", export(folder / "checkpoint.pth", folder / "n.onnx")


# safetensors


def test_an_export_is_evaluated_as_its_checkpoint_is_to_the_bit(checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / "n.safetensors"
    made = export(checkpoint, out)
    assert made.size == out.stat().st_size and math.isnan(made.difference)
    clip = tmp_path / "clip"
    clip.mkdir()
    random = np.random.default_rng(2)
    for index in range(2):
        Image.fromarray(random.integers(0, 256, (15, 18, 3), dtype=np.uint8)).save(clip / f"{index}.png")
    assert list(evaluate(out, [clip], Options())) == list(evaluate(checkpoint, [clip], Options()))
    hardware = choose_hardware("fp32")
    frames = torch.rand(2, SHAPE["n_frames"], 3, 7, 9, device=hardware.device)
    with torch.inference_mode():
        assert torch.equal(load_network(out, hardware)(frames), load_network(checkpoint, hardware)(frames))


def test_an_export_of_an_export_is_the_same(checkpoint: Path, tmp_path: Path) -> None:
    export(checkpoint, tmp_path / "a.safetensors")
    export(tmp_path / "a.safetensors", tmp_path / "b.SAFETENSORS")
    first, second = (read_stored(tmp_path / name) for name in ("a.safetensors", "b.SAFETENSORS"))
    assert first.metadata() == second.metadata()
    assert all(torch.equal(first.weights[name], second.weights[name]) for name in first.weights)


# ONNX


def test_a_network_with_local_alignment_is_exported_as_it_is(tmp_path: Path) -> None:
    model = write_checkpoint(tmp_path / "checkpoint.pth", alignment="local")
    made = export(tmp_path / "checkpoint.pth", tmp_path / "n.safetensors")
    assert made.network.metadata()["alignment"] == "local"
    frames = torch.rand(1, SHAPE["n_frames"], 3, 9, 12)
    with torch.inference_mode():
        picture = load_network(tmp_path / "n.safetensors")(frames).cpu()
        assert float((picture - model(frames)).abs().max()) <= 1e-5
    made = export(tmp_path / "checkpoint.pth", tmp_path / "n.onnx")
    assert 0 < made.difference < 1e-5, "what export itself compares: onnxruntime and torch"


@pytest.mark.parametrize("batch", [1, 2, 5])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (8, 10), (33, 20)])
def test_onnxruntime_computes_what_torch_does(
    as_onnx: tuple[Path, Exported], batch: int, height: int, width: int
) -> None:
    path, made = as_onnx
    frames = torch.rand(batch, SHAPE["n_frames"], 3, height, width)
    with torch.inference_mode():
        expected = build(made.network)(frames)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (picture,) = session.run(None, {"frames": frames.numpy()})
    assert picture.shape == (batch, 3, 3 * height, 3 * width)
    assert np.abs(picture - expected.numpy()).max() < TOLERANCE


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_other_scales_are_exported(tmp_path: Path, scale: int) -> None:
    write_checkpoint(tmp_path / "run.pth", scale=scale)
    assert export(tmp_path / "run.pth", tmp_path / "n.onnx").difference < 1e-5
    network = export(tmp_path / "run.pth", tmp_path / "n.safetensors").network
    assert network.metadata()["scale"] == str(scale) and network.metadata()["format_version"] == "2"
    frames = torch.rand(1, SHAPE["n_frames"], 3, 6, 5)
    picture = build(read_exported(tmp_path / "n.safetensors"))(frames)
    assert picture.shape == (1, 3, 6 * scale, 5 * scale) and torch.equal(picture, build(network)(frames))


def test_the_difference_was_measured_and_is_rounding(as_onnx: tuple[Path, Exported]) -> None:
    path, made = as_onnx
    assert 0 < made.difference < 1e-5 and made.size == path.stat().st_size


def test_the_graph_is_whole_described_and_says_nothing_of_this_machine(as_onnx: tuple[Path, Exported]) -> None:
    path, made = as_onnx
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    described = {prop.key: prop.value for prop in model.metadata_props}
    assert described.pop("card").startswith("# network\n") and described.pop("licence") == "not stated"
    assert described == made.network.metadata()
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 17)]
    sizes = [dim.dim_param or dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim]
    assert sizes == ["batch", 3, 3, "height", "width"]
    assert str(ROOT).encode() not in path.read_bytes()
    assert [file.name for file in path.parent.iterdir() if file.suffix == ".onnx"] == ["n.onnx"], "one file holds all"
    assert (path.parent / "n.onnx.md").read_text(encoding="utf-8").startswith("# n\n")


@pytest.mark.parametrize("difference", [2 * TOLERANCE, math.nan])
def test_a_file_that_computes_something_else_is_not_written(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, difference: float
) -> None:
    out = tmp_path / "n.onnx"
    out.write_bytes(b"the earlier one")
    monkeypatch.setattr("vsrpp_core.apply.export.largest_difference", lambda model, path: difference)
    with pytest.raises(VsrppError, match=r"n\.onnx would differ from torch by .*and is not written"):
        export(checkpoint, out, overwrite=True)
    assert out.read_bytes() == b"the earlier one"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["checkpoint.pth", "n.onnx"]


@pytest.mark.parametrize("missing", ["onnx", "onnxruntime"])
def test_without_its_packages_the_verb_says_what_to_install(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture, missing: str
) -> None:
    def find_spec(name: str) -> object:
        return None if name == missing else importlib.util.find_spec(name)

    monkeypatch.setattr("vsrpp_core.apply.export.find_spec", find_spec)
    assert main(["export", str(checkpoint), str(tmp_path / "n.onnx")]) == 1
    told = capsys.readouterr().err
    assert f"needs {missing}; install with: pip install 'vsrpp[onnx]'" in told and told.count("\n") == 1
    assert main(["export", str(checkpoint), str(tmp_path / "n.safetensors")]) == 0


# the document


def test_the_code_in_the_document_upscales(
    as_onnx: tuple[Path, Exported], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / "docs" / "using-the-network.md").read_text(encoding="utf-8")
    by_onnxruntime, by_torch = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    shutil.copy(as_onnx[0], tmp_path / "film.onnx")
    write_exported(as_onnx[1].network, tmp_path / "film.safetensors")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(by_onnxruntime, names)
    exec(by_torch, names)
    video = np.random.default_rng(3).integers(0, 256, (4, 9, 7, 3), dtype=np.uint8)
    for index, window in enumerate(([0, 0, 1], [0, 1, 2], [1, 2, 3], [2, 3, 3])):
        with torch.inference_mode():
            frames = torch.from_numpy(video[window]).permute(0, 3, 1, 2)[None].float() / 255
            picture = to_8bit(names["model"](frames))[0].permute(1, 2, 0).numpy()
        difference = np.abs(names["upscale"](video, index).astype(int) - picture)
        assert difference.max() <= 1 and (difference > 0).mean() < 0.01, "rounding to 8 bit may fall either way"


# what is refused


@pytest.mark.parametrize("name", ["n.pt", "n", "n.onnx.txt"])
def test_another_extension_is_wrong_usage(checkpoint: Path, tmp_path: Path, capsys: Capture, name: str) -> None:
    assert main(["export", str(checkpoint), str(tmp_path / name)]) == 2
    assert f"{name}: the extension decides what is written; name it .safetensors or .onnx" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["n.safetensors", "n.onnx"])
def test_nothing_is_replaced_unasked(checkpoint: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(UsageError, match=r"already exists; .*--overwrite"):
        export(checkpoint, tmp_path / name)
    assert (tmp_path / name).read_bytes() == b"x"


def test_it_is_replaced_when_asked(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "n.safetensors").write_bytes(b"x")
    export(checkpoint, tmp_path / "n.safetensors", overwrite=True)
    assert read_stored(tmp_path / "n.safetensors").step == 1234


def test_names_that_are_bytes_of_no_encoding_are_written_too(checkpoint: Path, tmp_path: Path) -> None:
    out = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.onnx"))
    assert export(checkpoint, out).difference < TOLERANCE and out.exists()


def test_a_folder_that_does_not_exist_is_told(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(VsrppError, match="there is not a folder; make it first"):
        export(checkpoint, tmp_path / "there" / "n.safetensors")


def test_a_full_disk_is_told_in_a_sentence(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(VsrppError, match=r"n\.safetensors could not be written \(No space left on device\)"):
        export(checkpoint, tmp_path / "n.safetensors")
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pth"]


def test_the_verb_tells_what_it_wrote(checkpoint: Path, tmp_path: Path, capsys: Capture) -> None:
    assert main(["export", str(checkpoint), str(tmp_path / "n.safetensors")]) == 0
    told = capsys.readouterr().out
    assert "4 feature maps, 2 blocks, 3 frames, the moving average of the weights at step 1,234" in told
    assert main(["export", str(checkpoint), str(tmp_path / "n.onnx")]) == 0
    assert "onnxruntime and torch agree: largest difference" in capsys.readouterr().out
