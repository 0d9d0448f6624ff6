import errno
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Timer

import pytest
from filelock import FileLock

from tests.helpers import files_of_at_most, make_info
from vsrpp_core.errors import VsrppError
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.run.sidecar import info_path, write_checkpoint_info

HOLD = """
import sys, time
from pathlib import Path
from vsrpp_core.run.folder import RunFolder
with RunFolder(Path(sys.argv[1])).lock():
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "run")
    folder.create()
    return folder


def add_checkpoint(folder: RunFolder, step: int, size: int = 10) -> None:
    folder.checkpoint(step).write_bytes(b"x" * size)
    write_checkpoint_info(folder.path, make_info(step, size=size))


@contextmanager
def holder(folder: RunFolder) -> Iterator["subprocess.Popen[str]"]:
    """Another process that holds the run's lock."""
    command = [sys.executable, "-c", HOLD, str(folder.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_naming_a_run_touches_nothing(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    summary = folder.summary()
    assert not folder.path.exists() and not summary.exists and summary.newest is None
    assert folder.move_to_trash() is None and folder.owner() == 0


def test_a_run_cannot_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(VsrppError, match="is a file"):
        RunFolder(tmp_path / "run").create()


def test_the_summary_tells_what_a_run_holds(folder: RunFolder) -> None:
    for step in (5, 20, 10):
        add_checkpoint(folder, step, size=100)
    (folder.path / "logs").mkdir()
    (folder.path / "logs" / "events").write_bytes(b"x" * 50)
    RunConfig().with_overrides({"data.root": "/clips"}).save(folder.config)
    summary = folder.summary()
    assert [info.step for info in summary.checkpoints] == [20, 10, 5]
    assert summary.newest == make_info(20, size=100)
    sidecars = sum(info_path(folder.checkpoint(step)).stat().st_size for step in (5, 10, 20))
    assert (summary.n_files, summary.size) == (7, 350 + sidecars)
    assert (summary.data_root, summary.locked_by, summary.exists) == ("/clips", 0, True)


def test_settings_alone_are_no_run(folder: RunFolder) -> None:
    RunConfig().save(folder.config)
    assert not folder.summary().exists and folder.contents() == []


def test_a_summary_stands_settings_that_cannot_be_read(folder: RunFolder) -> None:
    folder.config.write_text("[[[")
    assert folder.summary().data_root == ""


def test_a_checkpoint_without_a_description_is_listed_by_its_name(folder: RunFolder) -> None:
    add_checkpoint(folder, 5)
    for name in ("checkpoint_step_9.pth", "checkpoint_recovery.pth", "checkpoint_emergency.pth"):
        (folder.path / name).write_bytes(b"xyz")
    (folder.path / "checkpoint_mine.pth").write_bytes(b"under a name no checkpoint is saved under")
    infos = folder.checkpoint_infos()
    assert [(info.step, info.kind) for info in infos[:2]] == [(9, "manual"), (5, "regular")]
    assert {(info.step, info.kind) for info in infos[2:]} == {(0, "recovery"), (0, "emergency")}
    assert [(info.size, info.crc) for info in infos if not info.is_described] == [(3, "unknown")] * 3


def test_a_description_without_its_checkpoint_is_skipped(folder: RunFolder) -> None:
    add_checkpoint(folder, 5)
    folder.checkpoint(5).unlink()
    assert folder.checkpoint_infos() == []


def test_a_best_one_is_no_checkpoint_of_its_own(folder: RunFolder) -> None:
    add_checkpoint(folder, 5)
    (folder.path / "checkpoint_best.pth").symlink_to("checkpoint_step_5.pth")
    (folder.path / "checkpoint_best_old.pth").write_bytes(b"a copy whose description is gone")
    assert [info.name for info in folder.checkpoint_infos()] == ["checkpoint_step_5.pth"]


def test_the_newest_one_is_not_damaged(folder: RunFolder) -> None:
    for step in (5, 9, 12):
        add_checkpoint(folder, step)
    write_checkpoint_info(folder.path, make_info(12, crc="damaged"))
    folder.checkpoint(9).write_bytes(b"shorter")
    summary = folder.summary()
    assert [(info.step, info.crc) for info in summary.checkpoints] == [(12, "damaged"), (9, "damaged"), (5, "unknown")]
    assert summary.newest == make_info(5) and summary.n_damaged == 2
    write_checkpoint_info(folder.path, make_info(5, crc="damaged"))
    assert folder.summary().newest is None and not folder.summary().is_complete


def test_the_trash_takes_everything_but_the_settings(folder: RunFolder) -> None:
    add_checkpoint(folder, 5)
    RunConfig().save(folder.config)
    (folder.path / "pictures").mkdir()
    (folder.path / "pictures" / "a.png").write_text("picture")
    trashed = folder.move_to_trash()
    assert trashed is not None and trashed.parent == folder.trash
    assert (trashed / "pictures" / "a.png").read_text() == "picture" and (trashed / "checkpoint_step_5.pth").exists()
    assert folder.config.is_file() and folder.contents() == [] and folder.summary().size == 0


def test_a_link_moves_as_a_link_and_its_target_stays(folder: RunFolder, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "film.mp4").write_bytes(b"x" * 1000)
    (folder.path / "logs").symlink_to(precious)
    assert folder.summary().size < 1000
    trashed = folder.move_to_trash()
    assert trashed is not None and (trashed / "logs").is_symlink()
    assert (precious / "film.mp4").stat().st_size == 1000


def test_what_training_did_not_make_stays_where_it_is(folder: RunFolder) -> None:
    add_checkpoint(folder, 1)
    (folder.path / "thesis.txt").write_text("mine")
    (folder.path / "data").mkdir()
    (folder.path / "data" / "film.mp4").write_text("mine")
    trashed = folder.move_to_trash()
    assert trashed is not None and {p.name for p in trashed.iterdir()} == {
        "checkpoint_step_1.pth",
        "checkpoint_step_1.json",
    }
    assert (folder.path / "thesis.txt").is_file() and (folder.path / "data" / "film.mp4").is_file()


def test_two_deletions_in_one_second_are_kept_apart(folder: RunFolder) -> None:
    places = []
    for step in (1, 2, 3):
        add_checkpoint(folder, step)
        places.append(folder.move_to_trash())
    assert len(set(places)) == 3
    assert all(place and (place / f"checkpoint_step_{step}.pth").exists() for step, place in enumerate(places, 1))


def test_the_lock_refuses_a_second_process_and_names_the_first(folder: RunFolder) -> None:
    with holder(folder) as process:
        assert folder.owner() == folder.summary().locked_by == process.pid
        with pytest.raises(VsrppError, match=rf"PID {process.pid}\)"), folder.lock():
            pass
        assert folder.contents() == []


def test_who_looks_for_the_owner_keeps_nobody_from_becoming_it(folder: RunFolder) -> None:
    """As ``vsrpp ps`` does while a training is started."""
    (folder.path / ".lock").touch()
    with (folder.path / ".lock").open() as looked_at:
        fcntl.flock(looked_at, fcntl.LOCK_SH)
        Timer(0.05, fcntl.flock, (looked_at, fcntl.LOCK_UN)).start()
        assert folder.owner() == 0
        with folder.lock():
            assert folder.owner() == os.getpid()


def test_the_lock_of_a_run_that_may_only_be_read_is_seen(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FileLock, "acquire", lambda *_, **__: pytest.fail("it is looked at by taking it"))
    (folder.path / ".owner").write_text("7")
    with (folder.path / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert folder.owner() == 7
    assert folder.owner() == 0


def test_the_lock_goes_with_a_killed_process(folder: RunFolder) -> None:
    with holder(folder) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert folder.owner() == 0
        with folder.lock():
            assert folder.owner() == os.getpid()
    assert folder.owner() == 0


def test_a_folder_made_for_a_lock_goes_where_nothing_came_into_it(tmp_path: Path) -> None:
    for name, made, content in (("new", False, ""), ("empty", True, ""), ("begun", False, "config.toml")):
        run = RunFolder(tmp_path / name)
        if made:
            run.path.mkdir()
        with suppress(RuntimeError), run.lock():
            (run.path / (content or ".lock")).touch()
            raise RuntimeError("refused")
        assert run.path.exists() == bool(made or content) and run.owner() == 0


def test_a_folder_that_cannot_be_locked_is_told(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(self: FileLock, **settings: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(FileLock, "acquire", read_only)
    with pytest.raises(VsrppError, match="Permission denied"), folder.lock():
        pass


def test_a_run_that_cannot_be_locked_on_a_full_disk_is_told_and_unlocked(folder: RunFolder) -> None:
    folder.create()
    told = rf"{folder.path} cannot be locked \(File too large\); make room there"
    with files_of_at_most(0), pytest.raises(VsrppError, match=told), folder.lock():
        pass
    with folder.lock():
        assert folder.owner() == os.getpid()


def test_the_settings_are_summed_up(folder: RunFolder) -> None:
    RunConfig().with_overrides({"training.max_steps": 50, "data.root": "/clips"}).save(folder.config)
    add_checkpoint(folder, 49)
    assert (folder.summary().max_steps, folder.summary().data_root, folder.summary().is_complete) == (
        50,
        "/clips",
        False,
    )
    add_checkpoint(folder, 50)
    assert folder.summary().is_complete and folder.summary().problem == ""


def test_broken_settings_are_told_and_nothing_made_up(folder: RunFolder) -> None:
    folder.config.write_text("[training\n")
    summary = folder.summary()
    assert "config.toml is not valid TOML" in summary.problem and (summary.data_root, summary.max_steps) == ("", 0)


def test_a_file_in_the_place_of_a_run_is_told(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_text("")
    assert "is a file; name a folder" in RunFolder(tmp_path / "film.mp4").summary().problem


def test_pictures_of_the_screen_are_the_users_and_stay(folder: RunFolder) -> None:
    folder.screenshots.mkdir()
    (folder.screenshots / "2025-03-14_14-02-11.svg").write_text("<svg/>")
    add_checkpoint(folder, 5)
    assert folder.summary().n_files == 2
    folder.move_to_trash()
    assert (folder.screenshots / "2025-03-14_14-02-11.svg").exists() and not folder.checkpoint(5).exists()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_drive_without_locks_is_told_as_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(lock: FileLock, timeout: float) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(FileLock, "acquire", refuse)
    with (
        pytest.raises(VsrppError, match="takes no locks, so choose a place on another one"),
        RunFolder(tmp_path).lock(),
    ):
        pass


@pytest.mark.parametrize(("scale", "protocol"), [(3, ""), (1, " --protocol real")])
def test_a_network_that_restores_is_not_scored_on_its_own_ground_truth(
    tmp_path: Path, scale: int, protocol: str
) -> None:
    folder = RunFolder(tmp_path)
    RunConfig().with_overrides({"model.scale": scale}).save(folder.config)
    assert folder.scoring_command("a.pth") == f"vsrpp evaluate {tmp_path}/a.pth CLIP{protocol}"
    folder.config.unlink()
    assert folder.scoring_command("a.pth").endswith("a.pth CLIP")
