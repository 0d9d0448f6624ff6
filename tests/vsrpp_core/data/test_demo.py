from pathlib import Path

import numpy as np
import pytest

from vsrpp_core.data import demo
from vsrpp_core.data.check import CheckReport, check
from vsrpp_core.data.stacked import DatasetFolder, load_pair, summarize


@pytest.fixture
def few_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "CLIPS", {"train": 8, "val": 4})


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*.png"))}


@pytest.mark.usefixtures("few_clips")
def test_the_same_pictures_every_time(tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert [p.done for p in demo.make_demo_dataset(tmp_path / name)] == list(range(1, 13))
    assert contents(tmp_path / "a") == contents(tmp_path / "b") and len(contents(tmp_path / "a")) == 24
    assert list(demo.make_demo_dataset(tmp_path / "a")) == []


@pytest.mark.usefixtures("few_clips")
def test_it_is_a_dataset_without_fault(tmp_path: Path) -> None:
    list(demo.make_demo_dataset(tmp_path / "demo"))
    report = list(check(tmp_path / "demo"))[-1]
    assert isinstance(report, CheckReport) and not report.problems
    assert str(summarize(tmp_path / "demo").geometry) == "5 × 48×48 → 144×144"


def test_no_photograph_is_on_both_sides() -> None:
    train, val = demo.PHOTOGRAPHS["train"], demo.PHOTOGRAPHS["val"]
    assert not set(train) & set(val) and demo.CLIPS["val"] >= len(val)


@pytest.mark.usefixtures("few_clips")
def test_the_camera_moves_in_every_clip(tmp_path: Path) -> None:
    list(demo.make_demo_dataset(tmp_path / "demo"))
    geometry = summarize(tmp_path / "demo").geometry
    assert geometry
    for pair in DatasetFolder(tmp_path / "demo").pairs("train"):
        frames, _ = load_pair(pair, geometry)
        steps = np.abs(np.diff(frames.astype(float), axis=0)).mean(axis=(1, 2, 3))
        assert steps.min() > 0.1, pair.name


@pytest.mark.usefixtures("few_clips")
def test_giving_up_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    progress = demo.make_demo_dataset(tmp_path / "demo")
    next(progress)
    progress.close()  # type: ignore[attr-defined]
    assert list(tmp_path.iterdir()) == []
