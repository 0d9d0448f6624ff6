"""Datasets from small films: what is written, where it is cut, what is refused, and what an interruption leaves."""

import os
from pathlib import Path

import numpy as np
import pytest

from vsrpp_core.data import patches, video
from vsrpp_core.data.check import CheckReport, check
from vsrpp_core.data.degrade import downscale3
from vsrpp_core.data.prepare import PrepareProgress, PrepareReport, prepare
from vsrpp_core.data.recipe import PrepareSettings
from vsrpp_core.data.stacked import SPLITS, DatasetFolder, StackGeometry, read_image, read_stack
from vsrpp_core.data.windows import MAX_VAL_PAIRS
from vsrpp_core.errors import UsageError, VsrppError

from .conftest import MakeVideo, pan

SETTINGS = {"patch": 36, "patches_per_minute": 300, "n_frames": 3}


def run(videos: list[Path], out: Path, **settings: object) -> PrepareReport:
    *_, report = prepare(videos, out, PrepareSettings(**{**SETTINGS, **settings}))  # type: ignore[arg-type]
    assert isinstance(report, PrepareReport)
    return report


def files(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*.png"))}


@pytest.fixture
def two(make_video: MakeVideo) -> list[Path]:
    return [make_video("a.mp4", pan(1)), make_video("b.mp4", pan(2))]


def test_dataset_is_whole_and_sound(two: list[Path], tmp_path: Path) -> None:
    report = run(two, tmp_path / "out")
    *_, checked = check(tmp_path / "out")
    assert isinstance(checked, CheckReport) and checked.problems == ()
    assert (checked.train, checked.val, checked.geometry) == (report.train, report.val, StackGeometry(3, 12, 12))
    assert report.train > 3 and report.val > 3 and len(report.val_videos) == 1
    assert "training" in str(report) and report.val_videos[0] in str(report)


def test_pairs_are_cut_from_the_whole_downscaled_frame(two: list[Path], tmp_path: Path) -> None:
    run(two, tmp_path / "out")
    folder = DatasetFolder(tmp_path / "out")
    frames = {path.stem: list(video.frames(path)) for path in two}
    for split in SPLITS:
        for pair in folder.pairs(split):
            stem, centre, x, y = pair.name.removesuffix(".png").rsplit("_", 3)
            left, top, n = int(x), int(y), int(centre)
            assert np.array_equal(read_image(pair.gt), frames[stem][n][top : top + 36, left : left + 36])
            lr = [downscale3(f)[top // 3 :, left // 3 :][:12, :12] for f in frames[stem][n - 1 : n + 2]]
            assert np.array_equal(read_stack(pair.lr, StackGeometry(3, 12, 12)), np.stack(lr))


def test_windows_never_cross_a_cut(make_video: MakeVideo, tmp_path: Path) -> None:
    white = [255 - frame // 4 for frame in pan(7, 10)]
    videos = [make_video("a.mp4", pan(1, 10) + white + pan(3, 10)), make_video("b.mp4", pan(2))]
    run(videos, tmp_path / "out", patches_per_minute=1500)
    folder = DatasetFolder(tmp_path / "out")
    names = [pair.name for split in SPLITS for pair in folder.pairs(split)]
    centres = {int(name.split("_")[1]) for name in names if name.startswith("a_")}
    assert centres == {*range(1, 9), *range(11, 19), *range(21, 29)}


def test_the_same_again_is_the_same(two: list[Path], tmp_path: Path) -> None:
    run(two, tmp_path / "one")
    run(two, tmp_path / "two")
    run(two, tmp_path / "three", seed=1)
    assert files(tmp_path / "one") == files(tmp_path / "two") != files(tmp_path / "three")


def test_whole_videos_are_kept_for_validation(make_video: MakeVideo, tmp_path: Path) -> None:
    videos = [make_video(f"v{n}.mp4", pan(n, 12)) for n in range(5)]
    report = run(videos, tmp_path / "out", val_share=0.4)
    stems = {
        split: {pair.name.split("_")[0] for pair in DatasetFolder(tmp_path / "out").pairs(split)} for split in SPLITS
    }
    assert stems["val"] == {Path(name).stem for name in report.val_videos} and len(stems["val"]) == 2
    assert stems["train"] | stems["val"] == {f"v{n}" for n in range(5)} and not stems["train"] & stems["val"]


def test_validation_takes_few_windows_spread_out(make_video: MakeVideo, tmp_path: Path) -> None:
    videos = [make_video("a.mp4", pan(1, 80)), make_video("b.mp4", pan(2, 80))]
    report = run(videos, tmp_path / "out", patches_per_minute=1500)
    centres = [int(pair.name.split("_")[1]) for pair in DatasetFolder(tmp_path / "out").pairs("val")]
    assert 20 <= report.val == len(centres) <= MAX_VAL_PAIRS < report.train
    assert min(centres) < 5 and max(centres) > 70


def test_single_video_is_divided_at_a_scene(make_video: MakeVideo, tmp_path: Path) -> None:
    path = make_video("a.mp4", pan(1, 70) + [255 - frame // 4 for frame in pan(5, 30)])
    report = run([path], tmp_path / "out", val_share=0.2)
    folder = DatasetFolder(tmp_path / "out")
    last, first = (f([int(p.name.split("_")[1]) for p in folder.pairs(s)]) for f, s in ((max, "train"), (min, "val")))  # type: ignore[arg-type]
    assert last <= 68 and first >= 71
    assert "a.mp4 is the only video: its last scenes" in str(report)


def test_single_scene_is_divided_with_a_gap(make_video: MakeVideo, tmp_path: Path) -> None:
    report = run([make_video("a.mp4", pan(1, 100))], tmp_path / "out", val_share=0.2)
    folder = DatasetFolder(tmp_path / "out")
    last, first = (f([int(p.name.split("_")[1]) for p in folder.pairs(s)]) for f, s in ((max, "train"), (min, "val")))  # type: ignore[arg-type]
    assert first >= 81 and first - last >= 25
    assert "a second apart" in str(report)


def test_flat_and_still_patches_are_skipped_and_counted(make_video: MakeVideo, tmp_path: Path) -> None:
    sky = [np.full((72, 96, 3), 90 + n, np.uint8) for n in range(30)]
    videos = [make_video("a.mp4", pan(1)), make_video("b.mp4", pan(2))]
    videos += [make_video("sky.mp4", sky), make_video("still.mp4", pan(3, 1) * 30)]
    report = run(videos, tmp_path / "out")
    names = " ".join(files(tmp_path / "out"))
    assert "sky_" not in names and "still_" not in names
    assert report.skipped["too little texture"] >= 5 and report.skipped["no motion"] >= 5
    assert "too little texture" in str(report)


def test_textured_places_are_preferred(make_video: MakeVideo, tmp_path: Path) -> None:
    half = [frame.copy() for frame in pan(1, 40)]
    for n, frame in enumerate(half):
        frame[:, 48:] = 100 + n
    run([make_video("a.mp4", half), make_video("b.mp4", half)], tmp_path / "out", patches_per_minute=1500)
    lefts = [int(name.removesuffix(".png").split("_")[-2]) for name in files(tmp_path / "out")]
    assert np.mean(lefts) < 20  # 30 if drawn evenly


def test_unsuitable_videos_are_left_out_with_a_reason(two: list[Path], make_video: MakeVideo, tmp_path: Path) -> None:
    interlaced = {"x264-params": "interlaced=1:tff=1"}
    bad = make_video("i.mp4", pan(1, 3), pixels="yuv420p", codec_options=interlaced)
    small = make_video("small.mp4", pan(1, 3, 24, 96))
    report = run([*two, bad, small], tmp_path / "out")
    assert len(report.refused) == 2
    assert "i.mp4 is interlaced" in str(report) and "small.mp4 gives frames of 96×24" in str(report)
    with pytest.raises(VsrppError, match=r"none of the videos can be used: .*interlaced.*96×24"):
        run([bad, small], tmp_path / "none")


def test_truncated_video_is_used_as_far_as_it_goes(make_video: MakeVideo, tmp_path: Path) -> None:
    videos = [make_video(f"{name}.mp4", pan(n, 90), muxer={"movflags": "faststart"}) for n, name in enumerate("ab")]
    for path in videos:
        path.write_bytes(path.read_bytes()[: int(0.8 * path.stat().st_size)])
    report = run(videos, tmp_path / "out")
    assert report.train > 2 and report.val > 2
    assert len(report.notes) == 2 and "the frames before that were used" in str(report)


def test_video_that_becomes_unusable_is_taken_back(
    two: list[Path], make_video: MakeVideo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    third = make_video("c.mp4", pan(3))
    original = video.frames

    def frames(path: Path):  # type: ignore[no-untyped-def]
        yield from original(path)
        if path == third:
            raise VsrppError("c.mp4 is interlaced; deinterlace it")

    monkeypatch.setattr(video, "frames", frames)
    report = run([*two, third], tmp_path / "out")
    assert not [name for name in files(tmp_path / "out") if "c_" in name]
    assert len(files(tmp_path / "out")) == 2 * (report.train + report.val)
    assert report.refused == ("c.mp4 is interlaced; deinterlace it",)


def test_video_without_patches_is_not_the_one_to_validate_on(make_video: MakeVideo, tmp_path: Path) -> None:
    flat = [np.full((72, 96, 3), 90 + n, np.uint8) for n in range(20)]
    videos = [make_video(f"{n}.mp4", pan(n) if n < 2 else flat) for n in range(4)]
    for seed in range(3):
        assert run(videos, tmp_path / f"out{seed}", seed=seed).val_videos[0] in ("0.mp4", "1.mp4")


def test_patch_that_fits_nowhere_is_refused(two: list[Path], tmp_path: Path) -> None:
    with pytest.raises(VsrppError, match=r"a patch of 90 fits into none .* 96×72; choose a patch of at most 72"):
        run(two, tmp_path / "out", patch=90)
    assert not (tmp_path / "out").exists()


def test_missing_videos_are_told_at_once(two: list[Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no such video: .*x\.mp4, .*y\.mp4"):
        run([two[0], tmp_path / "x.mp4", tmp_path / "y.mp4"], tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"no video files in .*empty"):
        run([tmp_path / "empty"], tmp_path / "out")


def test_output_that_holds_something_is_left_alone(two: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(two, out)
    before = files(out)
    with pytest.raises(VsrppError, match=r"out already holds \d+ pairs; name another folder"):
        run(two, out)
    assert files(out) == before
    with pytest.raises(VsrppError, match="is a file"):
        run(two, two[0])


def test_empty_output_folder_is_used(two: list[Path], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert run(two, tmp_path / "out").train


@pytest.mark.parametrize("kill", ["close", "throw"])
def test_interruption_leaves_nothing(two: list[Path], tmp_path: Path, kill: str) -> None:
    out = tmp_path / "deep" / "out"
    steps = prepare(two, out, PrepareSettings(**SETTINGS))  # type: ignore[arg-type]
    assert any(isinstance(step, PrepareProgress) and step.patches for step in steps)
    assert list(out.parent.glob(".tmp-prepare-*/Patches/*/*.png")) or list(out.parent.glob(".tmp-prepare-*/Val/*/*"))
    if kill == "close":
        steps.close()
    else:
        with pytest.raises(KeyboardInterrupt):
            steps.throw(KeyboardInterrupt())
    assert list(out.parent.iterdir()) == []


def test_drafts_of_killed_processes_are_removed_and_no_others(two: list[Path], tmp_path: Path) -> None:
    gone, parent = 2**22 + 1, os.getppid()  # Linux counts processes up to 2**22
    names = [f"{gone}-out", f"{gone}-more", f"{gone}", f"{parent}-out"]
    for name in names:
        (tmp_path / f".tmp-prepare-{name}" / "Patches").mkdir(parents=True)
    run(two, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.glob(".tmp*")) == sorted(f".tmp-prepare-{name}" for name in names[1:])


def test_full_disk_ends_it_in_one_sentence(two: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(patches, "write_pair", fail)
    with pytest.raises(VsrppError, match=r"cannot be written .No space left"):
        run(two, tmp_path / "out")
    assert not (tmp_path / "out").exists() and not list(tmp_path.glob(".tmp*"))


def test_progress_counts(two: list[Path], tmp_path: Path) -> None:
    steps = [s for s in prepare(two, tmp_path / "out", PrepareSettings(**SETTINGS)) if isinstance(s, PrepareProgress)]  # type: ignore[arg-type]
    assert [(s.video_index, s.videos) for s in (steps[0], steps[-1])] == [(1, 2), (2, 2)]
    assert steps[-1].frames_done == steps[-1].frames_total == 30
    assert steps[-1].patches == len(files(tmp_path / "out")) // 2
    assert [s.patches for s in steps] == sorted(s.patches for s in steps)
