"""The pair format: which sizes fit, and that a pair appears whole or not at all."""

import os
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import MakeDataset
from vsrpp_core.data.disk_cache import source_fingerprint
from vsrpp_core.data.stacked import (
    DatasetFolder,
    StackGeometry,
    clip_of,
    fingerprint,
    geometry_of,
    measure,
    read_image,
    read_stack,
    summarize,
    write_pair,
)
from vsrpp_core.errors import VsrppError

GROUND_TRUTH = np.arange(12 * 18 * 3, dtype=np.uint8).reshape(12, 18, 3)
FRAMES = [np.full((4, 6, 3), 50 * n, dtype=np.uint8) for n in range(5)]


@pytest.mark.parametrize("n_frames", [3, 5, 7, 17])
def test_a_geometry_is_read_from_the_sizes(n_frames: int) -> None:
    assert geometry_of((6, 4 * n_frames), (18, 12)) == StackGeometry(n_frames, 4, 6)
    for scale in (1, 2, 4):
        found = geometry_of((6, 4 * n_frames), (6 * scale, 4 * scale))
        assert found == StackGeometry(n_frames, 4, 6, scale) and found.gt_height == 4 * scale


@pytest.mark.parametrize(
    ("lr", "gt", "phrase"),
    [
        ((6, 20), (18, 13), "height 13 is not a multiple of 3"),
        ((5, 20), (18, 12), "width 18 is not 1, 2, 3 or 4 times that of the LR stack, 5"),
        ((6, 16), (18, 12), "height 16 is not an odd number"),
        ((6, 4), (18, 12), "height 4 is not an odd number, 3 or more"),
        ((6, 21), (18, 12), "height 21 is not an odd number"),
    ],
)
def test_sizes_that_make_no_pair_are_told(lr: tuple[int, int], gt: tuple[int, int], phrase: str) -> None:
    with pytest.raises(ValueError, match=phrase):
        geometry_of(lr, gt)


def test_a_pair_comes_back_as_it_was(tmp_path: Path) -> None:
    folder = DatasetFolder(tmp_path)
    write_pair(folder, "val", "a.png", FRAMES, GROUND_TRUTH)
    (pair,) = folder.pairs("val")
    assert np.array_equal(read_image(pair.gt), GROUND_TRUTH)
    assert np.array_equal(read_stack(pair.lr, measure(pair)), np.stack(FRAMES))


def test_a_pair_appears_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace = os.replace

    def full_at_the_second(source: Path, target: Path) -> None:
        if target.parent.name == "GT":
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", full_at_the_second)
    with pytest.raises(OSError, match="No space left"):
        write_pair(DatasetFolder(tmp_path), "train", "a.png", FRAMES, GROUND_TRUTH)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_an_image_without_its_partner_is_no_pair(make_dataset: MakeDataset) -> None:
    root = make_dataset(n_train=3)
    (root / "Patches" / "GT" / "s001.png").unlink()
    Image.new("RGB", (4, 4)).save(root / "Patches" / "LR" / ".hidden.png")
    assert [pair.name for pair in DatasetFolder(root).pairs("train")] == ["s000.png", "s002.png"]


def test_names_that_differ_in_the_case_of_their_suffix_make_a_pair(make_dataset: MakeDataset) -> None:
    root = make_dataset(n_train=3)
    lr = root / "Patches" / "LR"
    (lr / "s001.png").rename(lr / "s001.PNG")
    (lr / "s003.png").write_bytes(b"")
    (lr / "s003.Png").write_bytes(b"")
    (root / "Patches" / "GT" / "s003.png").write_bytes(b"")
    listing = DatasetFolder(root).listing("train")
    assert [(pair.name, pair.lr.name, pair.gt.name) for pair in listing.pairs] == [
        ("s000.png", "s000.png", "s000.png"),
        ("s001.png", "s001.PNG", "s001.png"),
        ("s002.png", "s002.png", "s002.png"),
        ("s003.png", "s003.png", "s003.png"),
    ]
    assert listing.unpaired == [lr / "s003.Png"]


def test_what_is_in_no_pair_is_told_by_name(make_dataset: MakeDataset) -> None:
    root = make_dataset(n_train=3)
    assert summarize(root).left_out == ""
    (root / "Patches" / "LR" / "s001.png").unlink()
    Image.new("RGB", (4, 4)).save(root / "Val" / "GT" / "s000.jpg")
    (root / "Patches" / "GT" / "more").mkdir()
    for name in ("Thumbs.db", "desktop.ini", "._s000.png", "notes.txt"):
        (root / "Patches" / "GT" / name).write_bytes(b"")
    assert summarize(root).left_out == (
        f"left out of {root}: 1 image without a partner (Patches/GT/s001.png) and "
        f"1 image of another format (Val/GT/s000.jpg); `vsrpp check {root}` lists all of them"
    )


def test_names_of_bytes_identify_a_set_of_pairs(make_dataset: MakeDataset) -> None:
    root, name = make_dataset(n_train=1), os.fsdecode(b"B\xe4r.png")
    for side in ("LR", "GT"):
        (root / "Patches" / side / "s000.png").rename(root / "Patches" / side / name)
    pairs = DatasetFolder(root).pairs("train")
    assert fingerprint(pairs) and source_fingerprint(pairs)


def test_a_summary_counts_and_says_what_is_missing(make_dataset: MakeDataset, tmp_path: Path) -> None:
    summary = summarize(make_dataset(n_train=3, n_val=2))
    assert (summary.train, summary.val, summary.problem) == (3, 2, "") and summary.geometry is not None
    assert "no validation pairs" in summarize(make_dataset(n_train=1, n_val=0, root=tmp_path / "b")).problem
    assert "no training pairs" in summarize(make_dataset(n_train=0, n_val=1, root=tmp_path / "c")).problem
    assert "is not a folder" in summarize(tmp_path / "nowhere").problem


@pytest.mark.parametrize(
    ("name", "clip"),
    [
        ("edgetam_06_pingpong_000002_474_165.png", "edgetam_06_pingpong"),
        ("edgetam_06_000002_474_165.png", "edgetam_06"),
        ("holiday-2_1048576_0_2001.png", "holiday-2"),
        ("2024_000002_474_165.png", "2024"),
        ("v1.5_final_000002_474_165.png", "v1.5_final"),
        ("film_00042.png", "film"),
        ("film-00042.PNG", "film"),
        ("film 7.png", "film"),
        ("film_f7_x30_y60.png", "film"),
        ("general_scene12_f0031.png", "general_scene12"),
        ("000_00000012.png", "000"),
        ("s007.png", "s"),
        ("scene12.png", "scene"),
        ("0001.png", ""),
        ("walk.png", "walk"),
        ("walk_left.png", "walk_left"),
        ("take_f7_left.png", "take_f7_left"),
        ("_0001.png", ""),
        ("", ""),
    ],
)
def test_a_sample_s_clip_is_its_name_without_the_position(name: str, clip: str) -> None:
    assert clip_of(name) == clip


@pytest.mark.parametrize("label", ["film", "edgetam_06", "holiday-2", "2024", "a_1_2_3", "x.1"])
def test_every_label_of_a_preparation_comes_back(label: str) -> None:
    assert clip_of(f"{label}_{12:06d}_{474}_{165}.png") == label


def test_a_stack_of_another_size_is_named(make_dataset: MakeDataset) -> None:
    (pair,) = DatasetFolder(make_dataset(n_train=1)).pairs("train")
    with pytest.raises(VsrppError, match=r"s000\.png is 16x80, not 16x112 like the dataset"):
        read_stack(pair.lr, StackGeometry(7, 16, 16))


def test_the_command_that_lists_what_is_left_out_can_be_pasted(tmp_path: Path) -> None:
    root = tmp_path / "My films [1] & it's"
    write_pair(
        DatasetFolder(root), "train", "a.png", [np.zeros((4, 4, 3), np.uint8)] * 3, np.zeros((12, 12, 3), np.uint8)
    )
    (root / "Patches" / "GT" / "alone.png").touch()
    told = summarize(root).left_out
    pasted = told[told.index("`") + 1 : told.rindex("`")]
    assert shlex.split(pasted) == ["vsrpp", "check", str(root)]
