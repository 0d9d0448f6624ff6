"""The verb on a tiny run, its long measurements made short."""

import json
import math
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import MakeDataset
from tests.helpers import TINY
from tests.vsrpp_core.tune.cards import UNKNOWN as CARD
from vsrpp_core.bench import bench
from vsrpp_core.bench.results import Step
from vsrpp_core.cli.main import main
from vsrpp_core.data.stacked import SPLITS, StackGeometry
from vsrpp_core.remote.recent_runs import list_path
from vsrpp_core.run.config import RunConfig
from vsrpp_core.tune.search import Measurement


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vsrpp_core.device.speed.CALIBRATION_SECONDS", 0.0)
    monkeypatch.setattr("vsrpp_core.device.speed.CALIBRATION_SIDE", 8)
    monkeypatch.setattr(bench, "measure_steps", lambda config, hardware, geometry: Measurement(0.5, 3 * 2**20))
    monkeypatch.setattr(bench, "READING_SECONDS", 0.0)
    monkeypatch.setattr(bench, "BUSY_SECONDS", 0.01)
    monkeypatch.setattr(bench, "SESSION_SECONDS", 0.0)
    monkeypatch.setattr(bench, "FRAMES", ((16, 8),))


def own_run(folder: Path, **settings: Any) -> Path:
    """With its settings, and nothing trained."""
    folder.mkdir()
    RunConfig().with_overrides({**TINY, **settings}).save(folder / "config.toml")
    return folder


def test_every_part_is_in_the_line_and_nothing_of_the_user_s(
    make_dataset: MakeDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = {"hooks.on_finished": f"touch {tmp_path / 'told'}", "training.init": str(tmp_path / "gone.pth")}
    run, data = own_run(tmp_path / "run", **own), make_dataset(n_train=6, n_val=3)
    assert main(["bench", str(run), "--data", str(data), "--json"]) == 0
    assert not (tmp_path / "told").exists() and not list_path().exists()
    (line,) = capsys.readouterr().out.splitlines()
    found = json.loads(line)
    assert str(tmp_path) not in line and list(run.iterdir()) == [run / "config.toml"]
    assert list(found) == ["vsrpp_bench", "steps", "reading", "machine", "loop", "upscaling"]
    *rungs, own = found["steps"]
    assert (own["rung"], own["n_feats"], own["seconds"], own["width"]) == (0, 4, 0.5, 16) and own["share"] > 0
    assert [rung["rung"] for rung in rungs] == list(range(1, 9))
    assert [(reading["readers"], reading["is_made_up"]) for reading in found["reading"]] == [(0, False)]
    loop = found["loop"]
    assert (loop["steps"], loop["validation_pairs"]) == (bench.LEAST_STEPS - 1, 3)
    assert loop["seconds"] > 0 and loop["checkpoint_size"] > 0 and found["upscaling"]["width"] == 16
    assert found["machine"]["kind"] == "cpu" and found["machine"]["threads"] >= 1


def test_without_a_run_and_a_dataset_pictures_are_made_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "assumed_geometry", lambda known: StackGeometry(3, 12, 12, scale=2))
    monkeypatch.setattr(bench, "default_config", lambda device, side: RunConfig().with_overrides(TINY))
    assert main(["bench", str(tmp_path / "none")]) == 0
    *table, blank, line = capsys.readouterr().out.splitlines()
    assert not blank and json.loads(line)["reading"][0]["is_made_up"] and not list(tmp_path.iterdir())
    assert any(row.startswith("own ") for row in table) and any("of pictures made up" in row for row in table)
    assert table[-1].startswith("upscaling") and table[-2].startswith("checkpoint")


def test_on_a_card_a_new_run_gets_the_largest_network_that_passes(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The defaults may not fit; a card of which nothing is known is measured by its rungs."""
    card = replace(CARD, device=torch.device("cuda"), precision="fp32")
    monkeypatch.setattr(bench, "choose_hardware", lambda precision: card)
    monkeypatch.setattr(bench, "driver_view", lambda: None)
    monkeypatch.setattr(bench, "convolution_flops", lambda device, precision, n_feats: 1e12)
    parts = islice(bench.bench(tmp_path / "none", make_dataset()), 10)
    *rungs, own = (part for part in parts if isinstance(part, Step))
    first = next(rung for rung in rungs if math.isfinite(rung.seconds))
    assert own.rung == 0
    assert (own.n_feats, own.n_blocks, own.batch_size) == (first.n_feats, first.n_blocks, first.batch_size)


def test_what_cannot_be_measured_ends_in_a_sentence(
    make_dataset: MakeDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", str(tmp_path / "none"), "--data", str(tmp_path / "nowhere")]) == 1
    assert "nowhere" in capsys.readouterr().err
    run = own_run(tmp_path / "run", **{"data.crop": 64})
    assert main(["bench", str(run), "--data", str(make_dataset())]) == 1
    assert "data.crop" in capsys.readouterr().err


def test_pairs_of_one_name_in_several_folders_are_all_measured(make_dataset: MakeDataset, tmp_path: Path) -> None:
    for category in ("films", "toons"):
        make_dataset(tmp_path / "data" / category, n_train=2, n_val=1)
    found = bench._dataset(tmp_path / "data", tmp_path / "links", StackGeometry(5, 16, 16))
    assert [len(found.pairs(split)) for split in SPLITS] == [4, 2]
