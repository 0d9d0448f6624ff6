"""A finished dataset and the same command once more, or one that is not quite the same."""

import codecs
import json
import os
from pathlib import Path

import pytest

from tests.vsrpp_core.conftest import MakeVideo, pan
from vsrpp_core.data.stacked import DatasetFolder
from vsrpp_core.errors import UsageError, VsrppError
from vsrpp_core.prepare.job.existing import Finished, finished
from vsrpp_core.prepare.job.work_folder import PrepareFolder
from vsrpp_core.prepare.recipe import Category, Recipe
from vsrpp_core.prepare.sources import named_videos

from .preparing import everything, finish, recipe, run


@pytest.fixture
def two(make_video: MakeVideo) -> list[Path]:
    return [make_video("a.mp4", pan(1, 20)), make_video("b.mp4", pan(2, 20))]


def test_the_same_again_is_told_and_nothing_is_touched(two: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert finished(recipe(two), out) is None
    report = run(two, out)
    before = everything(out)
    os.utime(two[0])  # a time of day decides nothing
    assert finished(recipe(two, work__workers=7), out) == Finished(out, report.train, report.val)
    assert everything(out) == before and list(tmp_path.glob(".out*")) == []
    for name in ("manifest.jsonl", "videos.jsonl", "recipe.toml"):  # as some editors save them
        (out / name).write_bytes(codecs.BOM_UTF8 + (out / name).read_bytes())
    assert finished(recipe(two), out) == Finished(out, report.train, report.val)


def test_names_of_bytes_are_written_and_known_again(two: list[Path], tmp_path: Path) -> None:
    odd = two[0].rename(tmp_path / os.fsdecode(b"B\xe4r [1].mp4"))
    out, videos = tmp_path / "out", [odd, two[1]]
    report = run(videos, out)
    assert [json.loads(line)["video"] for line in (out / "videos.jsonl").read_text().splitlines()] == [
        str(path) for path in videos
    ]
    assert finished(recipe(videos), out) == Finished(out, report.train, report.val)
    written = Recipe.load(out / "recipe.toml")
    assert [named.path for named in named_videos(written)] == videos


def test_what_differs_is_told(two: list[Path], make_video: MakeVideo, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(two, out)
    words = r"out already holds \d+ pairs, made with another "
    with pytest.raises(VsrppError, match=words + r"dataset\.seed \(0, not 3\); name another folder"):
        finished(recipe(two, dataset__seed=3), out)
    many = recipe(two, dataset__seed=3, skip__flat=1, skip__text=False, skip__still=1, skip__black=1)
    with pytest.raises(VsrppError, match=r"dataset\.seed .*, skip\.black .*, skip\.flat .* and 2 more; name"):
        finished(many, out)
    third = make_video("c.mp4", pan(3, 5))
    with pytest.raises(VsrppError, match=words + r"category\.general\.paths, set of videos \(1 more\); name"):
        finished(recipe([*two, third]), out)


def test_a_dataset_of_an_earlier_version_is_told(two: list[Path], tmp_path: Path) -> None:
    """It is not what the same command would make now, and pairs of both must not be mixed."""
    out, resumed = tmp_path / "out", tmp_path / "resumed"
    run(two, out)
    videos = out / "videos.jsonl"
    videos.write_text(videos.read_text().replace(', "version": 2', ""))
    with pytest.raises(VsrppError, match=r"made with another version of vsrpp prepare \(1, not 2\); name another"):
        finished(recipe(two), out)
    work = PrepareFolder(resumed)
    with work:
        work.begin(recipe(two), named_videos(recipe(two)), fresh=False)
        (work.path / "journal" / "a.jsonl").touch()
        job = json.loads((work.path / "job.json").read_text())
        (work.path / "job.json").write_text(json.dumps({k: v for k, v in job.items() if "version" not in k}))
    with pytest.raises(UsageError, match=r"made with another version of vsrpp prepare; .*--fresh"):
        run(two, resumed)


def test_videos_of_a_folder_are_told_by_their_bytes(two: list[Path], make_video: MakeVideo, tmp_path: Path) -> None:
    out, films = tmp_path / "out", tmp_path / "films"
    films.mkdir()
    for path in two:
        path.rename(films / path.name)
    run([films], out)
    (films / "broken.mp4").write_bytes(b"none")
    with pytest.raises(VsrppError, match=r"another set of videos \(1 more\)"):
        finished(recipe([films]), out)
    (films / "broken.mp4").unlink()
    make_video("films/b.mp4", pan(9, 20))
    with pytest.raises(VsrppError, match=r"another set of videos \(1 changed\)"):
        finished(recipe([films]), out)
    (films / "b.mp4").unlink()
    with pytest.raises(VsrppError, match=r"another set of videos \(1 fewer\)"):
        finished(recipe([films]), out)
    (films / "a.mp4").unlink()
    with pytest.raises(UsageError, match="no video files"):
        finished(recipe([films]), out)


def test_a_video_that_gave_nothing_is_one_of_them(two: list[Path], tmp_path: Path) -> None:
    out, broken = tmp_path / "out", tmp_path / "broken.mp4"
    broken.write_bytes(b"none")
    assert run([*two, broken], out).refused
    assert finished(recipe([*two, broken]), out)


def test_another_order_of_categories_is_another_dataset(two: list[Path], make_video: MakeVideo, tmp_path: Path) -> None:
    more = [make_video("c.mp4", pan(3, 20)), make_video("d.mp4", pan(4, 20))]
    parts = {name: Category(paths=[str(path) for path in paths]) for name, paths in (("film", two), ("toon", more))}
    one = recipe(two).model_copy(update={"category": parts})
    other = one.model_copy(update={"category": dict(reversed(parts.items()))})
    out = tmp_path / "out"
    finish(one, out)
    assert finished(one, out)
    with pytest.raises(VsrppError, match="another order of categories"):
        finished(other, out)


def test_pairs_that_are_gone_are_told(two: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    report = run(two, out)
    DatasetFolder(out).pairs("train")[0].gt.unlink()
    with pytest.raises(VsrppError, match=rf"but 1 of its {report.train + report.val} pairs are gone; restore them"):
        finished(recipe(two), out)


@pytest.mark.parametrize("torn", ["manifest.jsonl", "videos.jsonl", "recipe.toml"])
def test_a_dataset_that_does_not_tell_is_refused(two: list[Path], tmp_path: Path, torn: str) -> None:
    out = tmp_path / "out"
    run(two, out)
    (out / torn).write_text("[torn")
    with pytest.raises(VsrppError, match=r"already holds \d+ pairs; name another folder"):
        finished(recipe(two), out)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(VsrppError, match="is not empty; name another folder"):
        finished(Recipe.of(["a.mp4"]), tmp_path)


def test_a_kill_after_the_last_rename_leaves_nothing_to_do(
    two: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vsrpp_core.prepare.job.work_folder import PrepareFolder

    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(PrepareFolder, "remove", lambda _: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            run(two, out)
    assert out.is_dir() and (tmp_path / ".out.prepare").is_dir()
    assert finished(recipe(two), out)
    assert not (tmp_path / ".out.prepare").exists()


def test_work_of_a_version_with_fewer_settings_goes_on(tmp_path: Path) -> None:
    known = Recipe().model_dump()["degradation"]
    before = {name: value for name, value in known.items() if not name.startswith(("bleed", "dots"))}
    work = PrepareFolder(tmp_path / "out")
    assert work.is_same("[degradation]", known, before)
    assert not work.is_same("[degradation]", {**known, "bleed_share": 0.5}, before)
