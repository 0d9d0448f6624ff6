"""Datasets from small films: what is written, where it is cut, what is refused, and what an interruption leaves."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.vsrpp_core.conftest import MakeVideo, pan
from vsrpp_core.data.check import CheckReport, check
from vsrpp_core.data.resize import downscaled
from vsrpp_core.data.stacked import SPLITS, DatasetFolder, StackGeometry, read_image, read_stack
from vsrpp_core.errors import UsageError, VsrppError
from vsrpp_core.prepare import footage, patches
from vsrpp_core.prepare.job.pipeline import prepare
from vsrpp_core.prepare.job.prepare_events import PrepareProgress
from vsrpp_core.prepare.recipe import Recipe
from vsrpp_core.video import reading

from .preparing import MAX_VAL_PAIRS, everything, files, finish, manifest, recipe, run


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


@pytest.mark.parametrize(("scale", "kind"), [(4, "clean"), (1, "real")])
def test_other_scales(two: list[Path], tmp_path: Path, scale: int, kind: str) -> None:
    report = run(two, tmp_path / "out", dataset__scale=scale, degradation__kind=kind)
    side = 36 // scale
    *_, checked = check(tmp_path / "out")
    assert isinstance(checked, CheckReport) and checked.problems == () and report.train > 3
    assert checked.geometry == report.geometry == StackGeometry(3, side, side, scale)
    pair = DatasetFolder(tmp_path / "out").pairs("train")[0]
    stem, centre, x, y = pair.name.removesuffix(".png").rsplit("_", 3)
    left, top = int(x), int(y)
    truth = list(reading.frames(next(path for path in two if path.stem == stem)))[int(centre)]
    assert np.array_equal(read_image(pair.gt), truth[top : top + 36, left : left + 36])
    if kind == "clean":
        lr = downscaled(truth, scale)[top // scale :, left // scale :][:side, :side]
        assert np.array_equal(read_stack(pair.lr, report.geometry)[1], lr)


def test_a_scale_of_one_needs_a_degradation(two: list[Path]) -> None:
    with pytest.raises(UsageError, match=r"dataset\.scale = 1 needs degradation\.kind = real"):
        recipe(two, dataset__scale=1)


def test_pairs_are_cut_from_the_whole_downscaled_frame(two: list[Path], tmp_path: Path) -> None:
    report = run(two, tmp_path / "out", dataset__patch_width=54)
    assert report.geometry == StackGeometry(3, 12, 18) and manifest(tmp_path / "out")[0]["patch_width"] == 54
    folder = DatasetFolder(tmp_path / "out")
    frames = {path.stem: list(reading.frames(path)) for path in two}
    for split in SPLITS:
        for pair in folder.pairs(split):
            stem, centre, x, y = pair.name.removesuffix(".png").rsplit("_", 3)
            left, top, n = int(x), int(y), int(centre)
            assert np.array_equal(read_image(pair.gt), frames[stem][n][top : top + 36, left : left + 54])
            lr = [downscaled(f)[top // 3 :, left // 3 :][:12, :18] for f in frames[stem][n - 1 : n + 2]]
            assert np.array_equal(read_stack(pair.lr, report.geometry), np.stack(lr))


def test_windows_never_cross_a_cut(make_video: MakeVideo, tmp_path: Path) -> None:
    white = [255 - frame // 4 for frame in pan(7, 10)]
    videos = [make_video("a.mp4", pan(1, 10) + white + pan(3, 10)), make_video("b.mp4", pan(2))]
    run(videos, tmp_path / "out", dataset__patches_per_minute=1500)
    folder = DatasetFolder(tmp_path / "out")
    names = [pair.name for split in SPLITS for pair in folder.pairs(split)]
    centres = {int(name.split("_")[1]) for name in names if name.startswith("a_")}
    assert centres == {*range(1, 9), *range(11, 19), *range(21, 29)}


def test_the_same_again_is_the_same(two: list[Path], tmp_path: Path) -> None:
    run(two, tmp_path / "one")
    run(two, tmp_path / "two")
    run(two, tmp_path / "three", dataset__seed=1)
    assert files(tmp_path / "one") == files(tmp_path / "two") != files(tmp_path / "three")


def test_whole_videos_are_kept_for_validation(make_video: MakeVideo, tmp_path: Path) -> None:
    videos = [make_video(f"v{n}.mp4", pan(n, 12)) for n in range(5)]
    report = run(videos, tmp_path / "out", validation__share=0.4)
    stems = {
        split: {pair.name.split("_")[0] for pair in DatasetFolder(tmp_path / "out").pairs(split)} for split in SPLITS
    }
    assert stems["val"] == {Path(name).stem for name in report.val_videos} and len(stems["val"]) == 2
    assert stems["train"] | stems["val"] == {f"v{n}" for n in range(5)} and not stems["train"] & stems["val"]


def test_validation_takes_few_windows_spread_out(make_video: MakeVideo, tmp_path: Path) -> None:
    videos = [make_video("a.mp4", pan(1, 80)), make_video("b.mp4", pan(2, 80))]
    report = run(videos, tmp_path / "out", dataset__patches_per_minute=1500)
    centres = [int(pair.name.split("_")[1]) for pair in DatasetFolder(tmp_path / "out").pairs("val")]
    assert 20 <= report.val == len(centres) <= MAX_VAL_PAIRS < report.train
    assert min(centres) < 5 and max(centres) > 70


def test_single_video_is_divided_at_a_scene(make_video: MakeVideo, tmp_path: Path) -> None:
    path = make_video("a.mp4", pan(1, 70) + [255 - frame // 4 for frame in pan(5, 30)])
    report = run([path], tmp_path / "out", validation__share=0.2)
    folder = DatasetFolder(tmp_path / "out")
    last, first = (f([int(p.name.split("_")[1]) for p in folder.pairs(s)]) for f, s in ((max, "train"), (min, "val")))  # type: ignore[arg-type]
    assert last <= 68 and first >= 71
    assert "a.mp4 is the only video: its last scenes" in str(report)


def test_single_scene_is_divided_with_a_gap(make_video: MakeVideo, tmp_path: Path) -> None:
    report = run([make_video("a.mp4", pan(1, 100))], tmp_path / "out", validation__share=0.2)
    folder = DatasetFolder(tmp_path / "out")
    last, first = (f([int(p.name.split("_")[1]) for p in folder.pairs(s)]) for f, s in ((max, "train"), (min, "val")))  # type: ignore[arg-type]
    assert first >= 81 and first - last >= 25
    assert "a second apart" in str(report)


def test_flat_and_still_patches_are_skipped_and_counted(make_video: MakeVideo, tmp_path: Path) -> None:
    sky = [np.full((72, 96, 3), 90 + 2 * (n % 5), np.uint8) for n in range(30)]
    videos = [make_video("a.mp4", pan(1)), make_video("b.mp4", pan(2))]
    videos += [make_video("sky.mp4", sky), make_video("still.mp4", pan(3, 1) * 30)]
    report = run(videos, tmp_path / "out")
    names = " ".join(files(tmp_path / "out"))
    assert "sky_" not in names and "still_" not in names
    assert report.skipped["flat"] >= 5 and report.skipped["repeated frame"] >= 5
    assert "flat" in str(report)


def test_textured_places_are_preferred(make_video: MakeVideo, tmp_path: Path) -> None:
    half = [frame.copy() for frame in pan(1, 40)]
    for n, frame in enumerate(half):
        frame[:, 48:] = 100 + n
    run([make_video("a.mp4", half), make_video("b.mp4", half)], tmp_path / "out", dataset__patches_per_minute=1500)
    lefts = [int(name.removesuffix(".png").split("_")[-2]) for name in files(tmp_path / "out")]
    assert np.mean(lefts) < 20  # 30 if drawn evenly


def test_unsuitable_videos_are_left_out_with_a_reason(two: list[Path], make_video: MakeVideo, tmp_path: Path) -> None:
    interlaced = {"x264-params": "interlaced=1:tff=1"}
    bad = make_video("i.mp4", pan(1, 3), pixels="yuv420p", codec_options=interlaced)
    small = make_video("small.mp4", pan(1, 3, 24, 96))
    report = run([*two, bad, small], tmp_path / "out", source__interlaced="refuse")
    assert len(report.refused) == 2
    assert "i.mp4 is interlaced" in str(report) and "small.mp4 gives frames of 96×24" in str(report)
    with pytest.raises(VsrppError, match=r"none of the videos can be used: .*interlaced.*96×24"):
        run([bad, small], tmp_path / "none", source__interlaced="refuse")


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
    original = footage.timed_frames

    def timed_frames(path: Path, *others: Any) -> Iterator[footage.TimedFrame]:
        yield from original(path, *others)
        if path == third:
            raise VsrppError("c.mp4 is interlaced; deinterlace it")

    monkeypatch.setattr(footage, "timed_frames", timed_frames)
    report = run([*two, third], tmp_path / "out")
    assert not [name for name in files(tmp_path / "out") if "c_" in name]
    assert len(files(tmp_path / "out")) == 2 * (report.train + report.val)
    assert report.refused == ("c.mp4 is interlaced; deinterlace it",)


def test_video_without_patches_is_not_the_one_to_validate_on(make_video: MakeVideo, tmp_path: Path) -> None:
    flat = [np.full((72, 96, 3), 90 + n, np.uint8) for n in range(20)]
    videos = [make_video(f"{n}.mp4", pan(n) if n < 2 else flat) for n in range(4)]
    for seed in range(3):
        assert run(videos, tmp_path / f"out{seed}", dataset__seed=seed).val_videos[0] in ("0.mp4", "1.mp4")


def test_patch_that_fits_nowhere_is_refused(two: list[Path], tmp_path: Path) -> None:
    with pytest.raises(VsrppError, match=r"none of the videos .* 96×72, .*; choose a patch of at most 72"):
        run(two, tmp_path / "out", dataset__patch=90)
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


def test_manifest_tells_where_each_patch_is_from(two: list[Path], tmp_path: Path) -> None:
    report = run(two, tmp_path / "out", dataset__frame_step=2)
    lines = manifest(tmp_path / "out")
    folder = DatasetFolder(tmp_path / "out")
    names = {(split, pair.name) for split in SPLITS for pair in folder.pairs(split)}
    assert {(line["split"], line["name"]) for line in lines} == names and len(lines) == report.train + report.val
    for line in lines:
        first, middle, last = line["frames"]
        assert (middle - first, last - middle) == (2, 2)
        assert line["seconds"] == pytest.approx([n / 25 for n in line["frames"]], abs=1e-3)
        assert line["name"] == f"{Path(line['video']).stem}_{middle:06d}_{line['x']}_{line['y']}.png"
        assert line["degradation"] == [] and line["category"] == "general"
    assert (tmp_path / "out" / "contact_sheet.png").stat().st_size > 1000
    assert "training" in (tmp_path / "out" / "report.txt").read_text()


def test_degradation_is_told_and_spares_the_ground_truth(two: list[Path], tmp_path: Path) -> None:
    run(two, tmp_path / "clean")
    run(two, tmp_path / "real", degradation__kind="real", degradation__clean_share=0, degradation__bleed_share=0.5)
    steps = {step["step"] for line in manifest(tmp_path / "real") for step in line["degradation"]}
    assert steps >= {"blur", "noise", "chroma"} and steps & {"h264", "mpeg2"}
    clean, real = everything(tmp_path / "clean"), everything(tmp_path / "real")
    truths = [name for name in clean if "GT" in name]
    assert truths and all(clean[name] == real[name] for name in truths)
    assert any(clean[name] != real[name] for name in clean if "/LR/" in name)
    sheets = [read_image(tmp_path / kind / "contact_sheet.png") for kind in ("clean", "real")]
    assert "bleed" in steps and len(sheets[1]) >= len(sheets[0]) + 128, "a row of degradations"


def test_a_limit_is_divided_by_weights_and_priorities(make_video: MakeVideo, tmp_path: Path) -> None:
    for kind in ("film", "toon"):
        (tmp_path / kind).mkdir()
        for n in range(3):
            make_video(f"{kind}/{kind}{n}.mp4", pan(n + 10 * len(kind), 40))
    values = recipe([]).model_dump()
    values["category"] = {
        "film": {"paths": [str(tmp_path / "film")], "weight": 3.0},
        "toon": {"paths": [str(tmp_path / "toon" / "*.mp4")], "weight": 1.0},
    }
    values["video"] = [{"path": "film2.mp4", "priority": 5}]
    values["dataset"] |= {"patches": 12, "patches_per_minute": 1500.0}
    report = finish(Recipe.from_mapping(values, "test"), tmp_path / "out")
    by_name = {category.name: category for category in report.categories}
    assert (report.train, by_name["film"].train, by_name["toon"].train) == (12, 9, 3)
    assert by_name["film"].val > 0 and by_name["toon"].val > 0
    trained = {line["video"] for line in manifest(tmp_path / "out") if line["split"] == "train"}
    if "film2.mp4" not in report.val_videos:
        assert {Path(name).name for name in trained if "film2" in name or "film0" in name} == {"film2.mp4"}


def test_start_and_end(two: list[Path], tmp_path: Path) -> None:
    values = recipe(two).model_dump()
    values["category"]["general"] |= {"start": "0.4", "end": "0:0.8s"}
    values["dataset"]["patches_per_minute"] = 1500.0
    finish(Recipe.from_mapping(values, "test"), tmp_path / "out")
    frames = [frame for line in manifest(tmp_path / "out") for frame in line["frames"]]
    assert min(frames) == 10 and max(frames) == 19


def test_scenes_are_never_divided(make_video: MakeVideo, tmp_path: Path) -> None:
    shots = [[255 - f // 4 if n % 2 else f // 3 for f in pan(n, 20)] for n in range(6)]
    path = make_video("a.mp4", [frame for shot in shots for frame in shot])
    run([path], tmp_path / "out", validation__by="scene", validation__share=0.3, dataset__patches_per_minute=1500)
    sides: dict[int, set[str]] = {}
    for line in manifest(tmp_path / "out"):
        sides.setdefault(line["scene"], set()).add(line["split"])
    assert len(sides) > 3 and all(len(side) == 1 for side in sides.values())
    assert {split for side in sides.values() for split in side} == {"train", "val"}


def test_the_same_film_twice_is_taken_once(make_video: MakeVideo, tmp_path: Path) -> None:
    frames = pan(1)
    videos = [make_video("a.mp4", frames), make_video("b.mp4", pan(2)), make_video("c.mp4", pan(3))]
    report = run(videos, tmp_path / "out", skip__duplicate=3.0)
    assert report.train and report.val
    copies = {"dataset__patch": 72, "skip__duplicate": 3.0}  # as high as the frame: places can be equal
    again = make_video("d.mp4", frames, codec_options={"crf": "24"})
    report = run([*videos, again], tmp_path / "twice", **copies, dataset__patches_per_minute=1500)
    assert report.skipped["duplicate patch"] > 5


def test_full_disk_ends_it_in_one_sentence(two: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(patches, "write_pair", fail)
    with pytest.raises(VsrppError, match=r"cannot be written .No space left"):
        run(two, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_progress_counts(two: list[Path], tmp_path: Path) -> None:
    steps = [step for step in prepare(recipe(two), tmp_path / "out") if isinstance(step, PrepareProgress)]
    assert [step.stage for step in steps] == sorted(
        (step.stage for step in steps), key=["looking", "cutting", "finishing"].index
    )
    last = [step for step in steps if step.stage == "cutting"][-1]
    assert (last.videos_done, last.videos, last.working, last.resumed) == (2, 2, (), 0.0)
    assert last.done == last.total == pytest.approx(2.4, abs=0.1)
    assert last.patches == len(files(tmp_path / "out")) // 2 and last.newest
