"""The trash of a run: what is moved there whole, and comes back whole or not at all."""

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from tests.helpers import make_info
from vsrpp_core.errors import VsrppError
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.run.sidecar import info_path, write_checkpoint_info


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "run")
    folder.create()
    return folder


def fill(folder: RunFolder, step: int, *also: str) -> None:
    """A run with one checkpoint, a link that names it the best, and some files more."""
    folder.checkpoint(step).write_bytes(b"x" * 100)
    write_checkpoint_info(folder.path, make_info(step, size=100))
    (folder.path / "checkpoint_best.pth").unlink(missing_ok=True)
    (folder.path / "checkpoint_best.pth").symlink_to(folder.checkpoint(step).name)
    for name in also:
        (folder.path / name).parent.mkdir(exist_ok=True)
        (folder.path / name).write_text(f"{name} of step {step}")


def trashed(folder: RunFolder) -> Path:
    place = folder.move_to_trash()
    assert place is not None
    return place


def listing(folder: Path) -> dict[str, str | bytes]:
    """Every file and link under ``folder`` with what it holds."""
    paths = (path for path in folder.rglob("*") if path.is_symlink() or path.is_file())
    return {str(p.relative_to(folder)): str(p.readlink()) if p.is_symlink() else p.read_bytes() for p in paths}


def fail_at(monkeypatch: pytest.MonkeyPatch, fails: Callable[[Path, Path], bool]) -> None:
    """Let renaming fail as on a broken disk where ``fails`` says so."""
    rename = Path.rename

    def broken(self: Path, target: Path) -> Path:
        if fails(self, Path(target)):
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", broken)


def test_what_was_deleted_is_listed_with_its_time_size_and_step(folder: RunFolder) -> None:
    before = int(time.time())
    fill(folder, 7, "training.log")
    first = trashed(folder)
    fill(folder, 1200)
    second = trashed(folder)
    (folder.trash / "empty").mkdir()
    newer, older = folder.trashed()
    assert (newer.path, older.path, newer.step, older.step) == (second, first, 1200, 7)
    assert before <= older.moved_at <= newer.moved_at <= time.time()
    assert older.n_files == 4 and older.size == sum(p.lstat().st_size for p in first.iterdir())


def test_what_cannot_be_told_of_a_deletion_is_left_open(folder: RunFolder) -> None:
    (folder.trash / "by hand").mkdir(parents=True)
    (folder.trash / "by hand" / "training.log").write_text("a line")
    (one,) = folder.trashed()
    assert (one.step, one.n_files, one.size) == (0, 1, 6)
    assert abs(one.moved_at - datetime.now().timestamp()) < 60


def test_a_trash_that_is_a_link_is_not_followed(folder: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "precious" / "2026-01-01_00-00-00").mkdir(parents=True)
    (tmp_path / "precious" / "2026-01-01_00-00-00" / "film.mp4").write_text("mine")
    folder.trash.symlink_to(tmp_path / "precious")
    assert folder.trashed() == []
    with pytest.raises(VsrppError, match="is no folder of"):
        folder.restore_from_trash(folder.trash / "2026-01-01_00-00-00")


def test_a_run_comes_back_as_it_was(folder: RunFolder, tmp_path: Path) -> None:
    fill(folder, 5, "training.log", "logs/events", "pictures/a.png")
    (tmp_path / "precious").mkdir()
    (folder.path / "pictures" / "more").symlink_to(tmp_path / "precious")
    before = listing(folder.path)
    place = trashed(folder)
    assert folder.contents() == []
    assert folder.restore_from_trash(place) == 6
    (folder.path / ".lock").unlink(missing_ok=True)
    assert listing(folder.path) == before
    assert not folder.trash.exists() and folder.owner() == 0


@pytest.mark.parametrize("held", ["training.log", "logs/events", "checkpoint_step_5.pth"])
def test_what_is_there_now_is_never_overwritten(folder: RunFolder, held: str) -> None:
    fill(folder, 5, "training.log", "logs/events")
    place = trashed(folder)
    (folder.path / held).parent.mkdir(exist_ok=True)
    (folder.path / held).write_text("new")
    before = listing(folder.path)
    with pytest.raises(VsrppError, match=f"holds {held.split('/')[0]} now, which would be overwritten"):
        folder.restore_from_trash(place)
    (folder.path / ".lock").unlink(missing_ok=True)
    assert listing(folder.path) == before


def test_all_that_is_in_the_way_is_counted(folder: RunFolder) -> None:
    fill(folder, 5)
    place = trashed(folder)
    fill(folder, 5)
    with pytest.raises(VsrppError, match=r"holds checkpoint_step_5\.json and 1 more now"):
        folder.restore_from_trash(place)


def test_the_link_to_the_best_gives_way(folder: RunFolder) -> None:
    """It is no data: where later checkpoints come back, the best of them is the best again."""
    fill(folder, 9)
    place = trashed(folder)
    fill(folder, 5)
    folder.restore_from_trash(place)
    assert str((folder.path / "checkpoint_best.pth").readlink()) == "checkpoint_step_9.pth"
    assert [info.step for info in folder.checkpoint_infos()] == [9, 5]


@pytest.mark.parametrize("back", [False, True])
def test_a_failure_in_between_moves_everything_back(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, back: bool
) -> None:
    fill(folder, 9, "training.log", "logs/events")
    place = trashed(folder) if back else None
    if back:
        fill(folder, 5)  # whose link to the best is replaced first, and must be what it was again
    before = listing(folder.path)
    fail_at(monkeypatch, lambda source, target: source.name == "training.log")
    with pytest.raises(VsrppError, match=r"training\.log cannot be moved .* \(Input/output error\); nothing was moved"):
        if place:
            folder.restore_from_trash(place)
        else:
            folder.move_to_trash()
    (folder.path / ".lock").unlink(missing_ok=True)
    assert listing(folder.path) == before
    assert len(folder.trashed()) == int(back)


def test_what_cannot_be_moved_back_either_is_told(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(folder, 9, "training.log")
    fail_at(monkeypatch, lambda source, target: source.name == "training.log" or target.parent == folder.path)
    with pytest.raises(VsrppError, match="only a part of the files could be moved"):
        folder.move_to_trash()
    assert (folder.path / "training.log").is_file()


def test_a_restoration_that_was_killed_can_be_completed(folder: RunFolder) -> None:
    fill(folder, 5, "training.log")
    place = trashed(folder)
    (place / "training.log").rename(folder.path / "training.log")  # as far as it came
    folder.restore_from_trash(place)
    assert {p.name for p in folder.contents()} == {
        "checkpoint_best.pth", "checkpoint_step_5.pth", "checkpoint_step_5.json", "training.log",
    }  # fmt: skip
    assert folder.summary().newest == make_info(5, size=100)


def test_a_run_in_use_is_left_alone(folder: RunFolder) -> None:
    fill(folder, 5)
    place = trashed(folder)
    with folder.lock(), pytest.raises(VsrppError, match="is being trained by another process"):
        folder.restore_from_trash(place)
    assert info_path(place / "checkpoint_step_5.pth").is_file()


@pytest.mark.parametrize("name", ["2026-01-01_00-00-00", "file", "link", ".."])
def test_only_a_folder_of_the_trash_is_restored(folder: RunFolder, tmp_path: Path, name: str) -> None:
    folder.trash.mkdir()
    (folder.trash / "file").write_text("")
    (folder.trash / "link").symlink_to(tmp_path)
    with pytest.raises(VsrppError):
        folder.restore_from_trash(folder.trash / name)
    with pytest.raises(VsrppError, match="is no folder of"):
        folder.restore_from_trash(tmp_path)


def test_a_trash_that_cannot_be_made_is_told(folder: RunFolder) -> None:
    fill(folder, 5)
    folder.trash.write_text("a file in its place")
    with pytest.raises(VsrppError, match=r"cannot be made \(.*\); nothing was moved"):
        folder.move_to_trash()
