"""Datasets of the original are read where they are: folders by category and size, stacks by frames, BMP as well."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import MakeDataset
from vsrpp_core.cli.main import main
from vsrpp_core.data.check import CheckReport, check
from vsrpp_core.data.layouts import Place, places
from vsrpp_core.data.resize import downscaled
from vsrpp_core.data.stacked import DatasetFolder, load_pair, measure, summarize
from vsrpp_core.data.survey import survey


@pytest.fixture
def theirs(make_dataset: MakeDataset, tmp_path: Path) -> Path:
    """Two categories, two sizes in one of them, stacks of five and of seven; validation in GT alone, by size."""
    root = tmp_path / "theirs"
    for category, size, shape in (
        ("master", "48", {"side": 16}),
        ("master", "48_27", {"side": 16, "height": 9}),
        ("toon", "48", {"side": 16}),
    ):
        made = make_dataset(tmp_path / category / size, n_train=3, n_val=0, **shape) / "Patches"
        place = root / category / "patches" / size
        place.parent.mkdir(parents=True, exist_ok=True)
        made.rename(place)
        (place / "LR").rename(place / "LR_5frames")
        (place / "LR_7frames").mkdir()
        for stack in (place / "LR_5frames").iterdir():
            with Image.open(stack) as image:
                pixels = np.asarray(image)
            frame = len(pixels) // 5
            seven = np.concatenate([pixels[:frame], pixels, pixels[-frame:]])
            Image.fromarray(seven).save(place / "LR_7frames" / stack.name)
        val = root / category / "val" / "GT" / size
        val.mkdir(parents=True)
        (place / "GT" / "s000.png").rename(val / "s000.png")
    return root


def test_every_pair_is_found_in_its_folder(theirs: Path) -> None:
    found = survey(theirs)
    assert [pair.name for pair in found.train] == [
        "master/patches/48/s001.png", "master/patches/48/s002.png",
        "master/patches/48_27/s001.png", "master/patches/48_27/s002.png",
        "toon/patches/48/s001.png", "toon/patches/48/s002.png",
    ]  # fmt: skip
    assert [pair.name for pair in found.val] == [
        "master/val/GT/48/s000.png", "master/val/GT/48_27/s000.png", "toon/val/GT/48/s000.png",
    ]  # fmt: skip
    assert {str(pair.geometry) for pair in found.train} == {"5 × 16×16 → 48×48", "5 × 16×9 → 48×27"}
    summary = summarize(theirs)
    assert (summary.train, summary.val, summary.problem) == (6, 3, "")
    for pair in (*found.train, *found.val):
        load_pair(pair, measure(pair))


def test_stacks_of_the_frames_asked_for_are_used(theirs: Path) -> None:
    assert {pair.geometry.n_frames for pair in survey(theirs, 7).train if pair.geometry} == {7}


def test_check_reads_it_too(theirs: Path) -> None:
    *_, report = check(theirs)
    assert isinstance(report, CheckReport) and (report.train, report.val, report.sizes) == (6, 3, 2)
    assert not report.problems


def test_what_is_validated_on_is_not_trained_on(theirs: Path) -> None:
    val = theirs / "toon/val/GT/48/s000.png"
    (theirs / "toon/patches/48/GT/s000.png").write_bytes(val.read_bytes())  # copied there, as the original had it
    assert "toon/patches/48/s000.png" not in [pair.name for pair in DatasetFolder(theirs).pairs("train")]


def test_the_sizes_of_one_category_lie_beside_each_other(make_dataset: MakeDataset, tmp_path: Path) -> None:
    root = make_dataset(n_train=2, n_val=1)
    make_dataset(tmp_path / "other", n_train=1, n_val=0, height=9)
    (tmp_path / "other" / "Patches").rename(root / "Patches_Medium169")
    (root / "Patches_Medium169" / "LR").rename(root / "Patches_Medium169" / "LR_5frames")
    assert [pair.name for pair in DatasetFolder(root).pairs("train")] == [
        "Patches_Medium169/s000.png", "s000.png", "s001.png",
    ]  # fmt: skip
    assert len(DatasetFolder(root).pairs("val")) == 1


def test_a_dataset_of_our_own_is_not_looked_through(make_dataset: MakeDataset) -> None:
    root = make_dataset()
    own = Place(root / "Patches/GT", root / "Patches/LR")
    (root / "old" / "GT").mkdir(parents=True)
    assert places(root, own, False, 0) == [own]


def test_bitmaps_are_read(make_dataset: MakeDataset) -> None:
    root = make_dataset(n_train=2)
    before = [load_pair(pair, measure(pair)) for pair in DatasetFolder(root).pairs("train")]
    for path in (root / "Patches" / "GT").iterdir():
        with Image.open(path) as image:
            image.save(path.with_suffix(".BMP"), format="BMP")
        path.unlink()
    after = [load_pair(pair, measure(pair)) for pair in DatasetFolder(root).pairs("train")]
    assert all(
        np.array_equal(a, b) for one, two in zip(before, after, strict=True) for a, b in zip(one, two, strict=True)
    )
    *_, report = check(root)
    assert isinstance(report, CheckReport) and not report.problems


def test_ground_truths_alone_are_completed(make_dataset: MakeDataset, capsys: pytest.CaptureFixture[str]) -> None:
    root = make_dataset(n_train=2, n_val=2)
    shutil.rmtree(root / "Val" / "LR")
    assert f"`vsrpp check {root} --complete BI`" in summarize(root).problem
    assert main(["check", str(root), "--complete", "BI"]) == 0
    assert "2 LR stacks made in Val" in capsys.readouterr().out and not summarize(root).problem
    (first, _) = DatasetFolder(root).pairs("val")
    frames, truth = load_pair(first, measure(first))
    assert np.array_equal(frames[2], downscaled(truth)) and not np.array_equal(frames[1], frames[2])
    before = first.lr.stat().st_mtime_ns
    assert main(["check", str(root), "--complete", "BD"]) == 0 and first.lr.stat().st_mtime_ns == before


def test_nothing_is_completed_that_would_teach_nothing_or_was_only_asked_about(
    make_dataset: MakeDataset, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_dataset(n_train=1, n_val=1, scale=1)
    shutil.rmtree(root / "Val" / "LR")
    assert main(["check", str(root), "--complete", "BI"]) == 1 and "copies of it; use BD" in capsys.readouterr().err
    assert main(["check", str(root), "--complete", "BD", "--fix", "--dry-run"]) == 2
    assert not (root / "Val" / "LR").exists()
