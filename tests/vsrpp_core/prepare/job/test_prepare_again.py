"""What an interruption leaves, and that the same command makes of it what it would have made undisturbed."""

import errno
import json
from pathlib import Path
from typing import Any

import pytest

from tests.vsrpp_core.conftest import MakeVideo, pan
from vsrpp_core.errors import UsageError, VsrppError
from vsrpp_core.prepare.job import pipeline
from vsrpp_core.prepare.job.pipeline import interrupted_work, prepare
from vsrpp_core.prepare.job.prepare_events import PrepareProgress

from .preparing import everything, finish, recipe, run


@pytest.fixture
def two(make_video: MakeVideo) -> list[Path]:
    return [make_video("a.mp4", pan(1)), make_video("b.mp4", pan(2))]


@pytest.mark.parametrize("kill", ["close", "throw"])
def test_interruption_leaves_a_draft_that_goes_on(two: list[Path], tmp_path: Path, kill: str) -> None:
    whole, out = tmp_path / "whole", tmp_path / "deep" / "out"
    run(two, whole)
    steps = prepare(recipe(two), out)
    assert any(isinstance(step, PrepareProgress) and step.stage == "cutting" for step in steps)
    if kill == "close":
        steps.close()
    else:
        with pytest.raises(KeyboardInterrupt):
            steps.throw(KeyboardInterrupt())
    assert not out.exists() and interrupted_work(out)
    run(two, out)
    assert everything(out) == everything(whole)
    assert interrupted_work(out) is None and list(out.parent.iterdir()) == [out]


def test_another_recipe_is_refused_until_fresh(two: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    steps = prepare(recipe(two), out)
    assert any(isinstance(step, PrepareProgress) and step.stage == "cutting" for step in steps)
    steps.close()
    with pytest.raises(
        UsageError, match=r"another \[category\], \[skip\], set of videos; use the same again .* or --fresh"
    ):
        run(two[:1], out, skip__flat=2.0)
    run(two, out, work__workers=2)
    with_texture = tmp_path / "texture"
    steps = prepare(recipe(two), with_texture)
    assert any(isinstance(step, PrepareProgress) and step.stage == "cutting" for step in steps)
    steps.close()
    assert finish(recipe(two, skip__flat=2.0), with_texture, fresh=True).train


def test_torn_line_and_missing_pair_are_made_again(two: list[Path], tmp_path: Path) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    run(two, whole)
    steps = prepare(recipe(two), out)
    assert any(isinstance(step, PrepareProgress) and step.videos_done == 2 for step in steps)
    steps.close()
    draft = interrupted_work(out)
    assert draft
    first, second = sorted((draft / "journal").iterdir())
    first.write_bytes(first.read_bytes()[:-20])
    lines = [json.loads(line) for line in second.read_text().splitlines()]
    name = next(line["name"] for line in lines if line.get("name"))
    (draft / "cut" / "Patches" / "GT" / name).write_bytes(b"torn")
    run(two, out)
    assert everything(out) == everything(whole)


def test_kill_while_pairs_are_moved(two: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vsrpp_core.prepare.job import pipeline

    whole, out, moved = tmp_path / "whole", tmp_path / "out", list[tuple[Any, ...]]()
    run(two, whole)
    original = pipeline._move

    def move(*parts: Any) -> None:
        if len(moved) == 5:
            raise KeyboardInterrupt
        moved.append(parts)
        original(*parts)

    monkeypatch.setattr(pipeline, "_move", move)
    with pytest.raises(KeyboardInterrupt):
        run(two, out)
    monkeypatch.setattr(pipeline, "_move", original)
    run(two, out)
    assert everything(out) == everything(whole)


def test_workers_change_nothing(make_video: MakeVideo, tmp_path: Path) -> None:
    videos = [make_video(f"v{n}.mp4", pan(n, 20)) for n in range(3)]
    real = {"degradation__kind": "real"}
    run(videos, tmp_path / "one", **real)
    run(videos, tmp_path / "three", work__workers=3, **real)
    assert everything(tmp_path / "one") == everything(tmp_path / "three")


def test_a_video_taken_away_at_the_end_is_told_and_the_draft_goes_on(two: list[Path], tmp_path: Path) -> None:
    whole, out, away = tmp_path / "whole", tmp_path / "out", tmp_path / "away.mp4"
    run(two, whole)
    with pytest.raises(VsrppError, match=r"a\.mp4 cannot be read .* run the same command again"):
        for step in prepare(recipe(two), out):
            if isinstance(step, PrepareProgress) and step.stage == "finishing":
                two[0].rename(away)
    assert not out.exists() and interrupted_work(out)
    away.rename(two[0])
    run(two, out)
    assert everything(out) == everything(whole)


def test_a_full_disk_at_the_end_is_told_and_the_draft_goes_on(
    two: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    run(two, whole)

    def full(path: Path, write: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "write_atomically", full)
        with pytest.raises(VsrppError, match=r"contact_sheet\.png cannot be .* \(No space left on device\)"):
            run(two, out)
    assert not out.exists() and interrupted_work(out)
    run(two, out)
    assert everything(out) == everything(whole)
