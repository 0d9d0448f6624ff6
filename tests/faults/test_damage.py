"""Short forms of the campaigns about damage, and that each of them sees what it is for."""

import contextlib
import random
from pathlib import Path
from unittest import mock

import pytest

from tests.faults import checkpoint_files, damaged_films, deletions, foreign_checkpoints, fuzz
from tests.helpers import make_state
from vsrpp_core.checkpoint import checkpoints
from vsrpp_core.errors import VsrppError
from vsrpp_core.run.folder import RunFolder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = RunFolder(tmp_path / "run")
    folder.create()
    return folder.path


def test_damaged_checkpoints_are_noticed(run: Path) -> None:
    assert checkpoint_files.damaged(run, 30).wrong == []


def test_a_reader_that_does_not_check_is_seen(run: Path) -> None:
    with mock.patch.object(checkpoints, "_damage", lambda file: ""):
        assert checkpoint_files.damaged(run, 60).wrong


def test_a_full_disk_leaves_what_was_there(run: Path) -> None:
    assert checkpoint_files.full_disks(run, 10).wrong == []


def test_after_a_crash_the_newest_acknowledged_checkpoint_loads(tmp_path: Path) -> None:
    assert checkpoint_files.crashes(tmp_path, 20).wrong == []


def test_a_save_that_flushes_nothing_is_seen(run: Path) -> None:
    done = [("write", ".tmp", b"whole"), ("rename", "a.pth", b".tmp"), ("acknowledge", "1", b"")]
    left = set()
    for number in range(60):
        (run / str(number)).mkdir()
        checkpoint_files.crash(done, random.Random(number), run / str(number))
        left |= {path.read_bytes() for path in (run / str(number)).glob("a.pth")} or {b"missing"}
    assert {b"missing", b"", b"wh", bytes(5)} <= left


def test_hostile_and_foreign_files_are_neither_run_nor_taken(tmp_path: Path) -> None:
    with mock.patch.object(foreign_checkpoints, "torch_files", few):
        assert foreign_checkpoints.campaign(tmp_path, 3).wrong == []


def few() -> list[tuple[str, bytes]]:
    return [("bomb", foreign_checkpoints.saved(next(foreign_checkpoints.bombs())))]


def test_a_whole_checkpoint_of_something_else_s_name_is_seen(tmp_path: Path) -> None:
    with (
        mock.patch.object(foreign_checkpoints, "torch_files", lambda: [("foreign", saved())]),
        mock.patch.object(foreign_checkpoints, "other_files", list),
        mock.patch.object(foreign_checkpoints, "tensor_files", list),
    ):
        assert len(foreign_checkpoints.campaign(tmp_path, 0).wrong) == 2


def saved() -> bytes:
    return foreign_checkpoints.saved(make_state())


def test_deleting_changes_nothing_outside(tmp_path: Path) -> None:
    assert deletions.campaign(tmp_path, 40).wrong == []


@pytest.mark.parametrize("name", fuzz.READERS)
def test_what_no_program_wrote_is_refused_in_a_sentence(name: str) -> None:
    assert fuzz.wrong_with(name, examples=15, start=3) == ""


@pytest.mark.parametrize("content", [*fuzz.DEEP, b"9" * 5000, b"0", b"null", b'{"ending": null}\n', b"\xff"])
@pytest.mark.parametrize("name", fuzz.READERS)
def test_what_was_misread_once_is_not_again(tmp_path: Path, name: str, content: bytes) -> None:
    reader, _ = fuzz.READERS[name]
    (tmp_path / name).write_bytes(content)
    with contextlib.suppress(VsrppError):
        reader(tmp_path / name)


def test_a_damaged_film_is_done_or_refused_in_a_sentence(tmp_path: Path) -> None:
    tally = damaged_films.campaign(tmp_path, 2, verbs=("upscale by force",))
    assert (tally.tried, tally.wrong) == (2, [])
