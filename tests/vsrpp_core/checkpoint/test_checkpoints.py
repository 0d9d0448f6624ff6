import errno
import io
import json
import math
import os
import random
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import torch

from tests.helpers import FIRST_WEIGHT, files_of_at_most, make_info, make_state
from vsrpp_core.checkpoint import checkpoints
from vsrpp_core.checkpoint.checkpoints import CheckpointError, CheckpointStore, DamagedCheckpointError
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages.kinds import CheckpointKind
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.run.sidecar import CheckpointInfo, info_path, read_checkpoint_info, write_checkpoint_info


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "run")
    folder.create()
    return folder


def save(folder: RunFolder, step: int, kind: CheckpointKind = "regular") -> CheckpointInfo:
    return CheckpointStore(folder).save(
        make_state(step), lambda name, size: make_info(step, name=name, size=size, kind=kind)
    )


def save_best(folder: RunFolder, step: int, kind: CheckpointKind = "best") -> None:
    CheckpointStore(folder).mark_best(save(folder, step, kind))


def names(folder: RunFolder) -> set[str]:
    return {path.name for path in folder.path.iterdir() if path.suffix == ".pth"}


def refusal(path: Path, damaged: bool) -> str:
    with pytest.raises(VsrppError) as caught:
        checkpoints.load(path)
    assert str(path) in str(caught.value) and isinstance(caught.value, DamagedCheckpointError) is damaged
    return str(caught.value)


# save and load


def test_what_is_saved_comes_back(folder: RunFolder) -> None:
    info = save(folder, 7)
    state = checkpoints.load(folder.path / info.name)
    assert torch.equal(state["model"][FIRST_WEIGHT], make_state(7)["model"][FIRST_WEIGHT])
    assert state["progress"]["step"] == 7
    assert info.crc == "verified" and info.size == (folder.path / info.name).stat().st_size
    assert folder.checkpoint_infos() == [info]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("regular", "checkpoint_step_7.pth"),
        ("manual", "checkpoint_step_7.pth"),
        ("best", "checkpoint_step_7.pth"),
        ("recovery", "checkpoint_recovery.pth"),
        ("emergency", "checkpoint_emergency.pth"),
    ],
)
def test_each_kind_has_its_name(folder: RunFolder, kind: CheckpointKind, name: str) -> None:
    assert save(folder, 7, kind).name == name
    assert (folder.path / name).is_file() and info_path(folder.path / name).is_file()


def test_a_flipped_bit_is_found(folder: RunFolder) -> None:
    path = folder.path / save(folder, 7).name
    content = bytearray(path.read_bytes())
    weights = make_state(7)["model"][FIRST_WEIGHT].numpy().tobytes()
    content[content.index(weights) + 100] ^= 1
    path.write_bytes(content)
    assert torch.load(path, weights_only=True)["format"] == 2, "torch alone must load it for this test to mean anything"
    assert "is damaged" in refusal(path, damaged=True)


def test_damage_anywhere_is_told_in_a_sentence(folder: RunFolder) -> None:
    """The archive's directory too, where a wrong byte makes Python's own readers raise errors of many kinds."""
    path = folder.path / save(folder, 7).name
    whole, chance = path.read_bytes(), random.Random(0)
    with zipfile.ZipFile(path) as archive:
        directory = archive.start_dir
    for place in chance.sample(range(directory, len(whole)), 150):
        content = bytearray(whole)
        content[place] ^= 1 << chance.randrange(8)
        path.write_bytes(content)
        try:
            checkpoints.load(path)  # some bytes of it do not matter
        except VsrppError as error:
            assert str(path) in str(error)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_file_is_told(folder: RunFolder, share: float) -> None:
    path = folder.path / save(folder, 7).name
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert "cannot be read as a checkpoint" in refusal(path, damaged=True)


def test_a_missing_file_is_told(folder: RunFolder) -> None:
    assert "does not exist" in refusal(folder.checkpoint(7), damaged=False)


def test_a_folder_is_no_checkpoint(folder: RunFolder) -> None:
    assert "is a folder; name a checkpoint file" in refusal(folder.path, damaged=False)


@pytest.mark.parametrize(
    "content", [{"format": 99}, {"format": 1}, {"model": {}}, [1, 2]], ids=["later", "earlier", "no format", "list"]
)
def test_another_format_is_told(folder: RunFolder, content: Any) -> None:
    torch.save(content, folder.checkpoint(7))
    assert "is not a checkpoint of this version" in refusal(folder.checkpoint(7), damaged=False)


def test_code_in_a_checkpoint_is_never_run(folder: RunFolder) -> None:
    torch.save({"format": 2, "model": Path("/")}, folder.checkpoint(7))
    assert "cannot be read" in refusal(folder.checkpoint(7), damaged=False)


# a disk that does not take it


@pytest.mark.parametrize("error", [RuntimeError("file write failed"), OSError(28, "No space left on device")])
def test_a_full_disk_leaves_the_previous_file_and_nothing_else(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    save(folder, 7, "recovery")
    before = {path: path.read_bytes() for path in folder.path.iterdir()}

    def full(state: Any, file: BinaryIO) -> None:
        file.write(b"half")
        raise error

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(CheckpointError, match=r"checkpoint_recovery\.pth could not be written"):
        save(folder, 9, "recovery")
    assert {path: path.read_bytes() for path in folder.path.iterdir()} == before


def test_why_a_disk_took_no_more_and_what_to_do_is_told(folder: RunFolder) -> None:
    save(folder, 7, "recovery")
    before = {path: path.read_bytes() for path in folder.path.iterdir()}
    told = r"checkpoint_recovery\.pth could not be written \(File too large\); make room"
    with files_of_at_most(1000), pytest.raises(CheckpointError, match=told):
        save(folder, 9, "recovery")
    assert {path: path.read_bytes() for path in folder.path.iterdir()} == before


def test_what_the_disk_gives_back_wrong_never_replaces_a_good_file(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(folder, 7, "recovery")
    before = {path: path.read_bytes() for path in folder.path.iterdir()}
    whole = torch.save

    def with_a_flipped_bit(state: Any, file: BinaryIO) -> None:
        whole(state, buffer := io.BytesIO())
        content = bytearray(buffer.getvalue())
        content[content.index(make_state(9)["model"][FIRST_WEIGHT].numpy().tobytes()) + 5] ^= 1
        file.write(content)

    monkeypatch.setattr(torch, "save", with_a_flipped_bit)
    with pytest.raises(CheckpointError, match=r"checkpoint_recovery\.pth could not be written \(.* is damaged"):
        save(folder, 9, "recovery")
    assert {path: path.read_bytes() for path in folder.path.iterdir()} == before


def test_clean_removes_what_a_killed_process_left(folder: RunFolder) -> None:
    save(folder, 7)
    (folder.path / ".tmp-123-checkpoint_step_8.pth").write_bytes(b"half")
    CheckpointStore(folder).clean()
    assert {path.name for path in folder.path.iterdir()} == {"checkpoint_step_7.pth", "checkpoint_step_7.json"}


# best


def test_best_links_are_relative_so_a_run_can_be_moved(folder: RunFolder, tmp_path: Path) -> None:
    save_best(folder, 1)
    save_best(folder, 2)
    moved = folder.path.rename(tmp_path / "elsewhere")
    for link, step in (("checkpoint_best.pth", 2), ("checkpoint_best_old.pth", 1)):
        assert (moved / link).readlink() == Path(f"checkpoint_step_{step}.pth")
        assert checkpoints.load(moved / link)["progress"]["step"] == step


def test_a_superseded_best_is_deleted_and_a_regular_one_kept(folder: RunFolder) -> None:
    save_best(folder, 1, "regular")
    for step in (2, 3, 4):
        save_best(folder, step)
    steps = {f"checkpoint_step_{step}.pth" for step in (1, 3, 4)}
    assert names(folder) == steps | {"checkpoint_best.pth", "checkpoint_best_old.pth"}
    assert not info_path(folder.checkpoint(2)).exists()


def test_superseded_best_ones_are_kept_where_that_is_wanted(folder: RunFolder) -> None:
    store = CheckpointStore(folder, keep_superseded_best=True)
    for step in (1, 2, 3, 4):
        store.mark_best(save(folder, step, "best"))
    assert all(folder.checkpoint(step).is_file() for step in (1, 2, 3, 4))
    assert (folder.path / "checkpoint_best_old.pth").readlink() == Path("checkpoint_step_3.pth")
    store.keep_superseded_best = False
    store.mark_best(save(folder, 5, "best"))
    assert [info.step for info in folder.checkpoint_infos()] == [5, 4]


def test_marking_the_same_one_again_keeps_the_one_before(folder: RunFolder) -> None:
    save_best(folder, 1)
    save_best(folder, 2)
    save_best(folder, 2)
    assert (folder.path / "checkpoint_best_old.pth").readlink() == Path("checkpoint_step_1.pth")
    assert folder.checkpoint(1).exists()


def test_where_links_are_not_allowed_the_best_is_copied(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: str) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    for step in (1, 2, 3):
        save_best(folder, step)
    for copy, step in (("checkpoint_best.pth", 3), ("checkpoint_best_old.pth", 2)):
        assert not (folder.path / copy).is_symlink()
        assert checkpoints.load(folder.path / copy)["progress"]["step"] == step
    assert not folder.checkpoint(1).exists()
    assert [info.step for info in folder.checkpoint_infos()] == [3, 2], "a copy is no checkpoint of its own"
    assert not list(folder.path.glob(".tmp-*"))


# descriptions that a killed process left missing or wrong


def save_on_branch(folder: RunFolder, step: int, branch: int, kind: CheckpointKind = "regular") -> CheckpointInfo:
    state = make_state(1000 * branch + step)
    return CheckpointStore(folder).save(
        state, lambda name, size: make_info(step, name=name, size=size, kind=kind, branch=branch)
    )


def value(folder: RunFolder, name: str) -> float:
    return float(checkpoints.load(folder.path / name)["model"][FIRST_WEIGHT].flatten()[0])


def test_after_going_back_the_best_s_name_is_written_again_and_the_best_kept(folder: RunFolder) -> None:
    save_best(folder, 10)
    save_best(folder, 20)
    save_on_branch(folder, 20, branch=1)
    assert (value(folder, "checkpoint_best.pth"), value(folder, "checkpoint_step_20.pth")) == (20, 1020)
    CheckpointStore(folder).mark_best(save_on_branch(folder, 30, branch=1, kind="best"))
    assert (value(folder, "checkpoint_best.pth"), value(folder, "checkpoint_best_old.pth")) == (1030, 20)
    CheckpointStore(folder).mark_best(save_on_branch(folder, 40, branch=1, kind="best"))
    assert (value(folder, "checkpoint_best.pth"), value(folder, "checkpoint_best_old.pth")) == (1040, 1030)
    assert not info_path(folder.path / "checkpoint_best_old.pth").exists(), "a link has no description of its own"


def test_what_was_saved_before_going_back_is_older(folder: RunFolder) -> None:
    for step, branch in ((10, 0), (20, 0), (30, 0), (13, 1)):
        save_on_branch(folder, step, branch)
    assert [info.step for info in folder.checkpoint_infos()] == [13, 30, 20, 10]


class Killed(BaseException):
    """Ends a save where SIGKILL would: nothing of the program handles it."""


def save_and_die(folder: RunFolder, step: int, kind: CheckpointKind, monkeypatch: pytest.MonkeyPatch) -> None:
    """A save that is killed after the checkpoint has its name and before its description is written."""

    def die(folder: Path, info: CheckpointInfo) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(checkpoints, "write_checkpoint_info", die)
        save(folder, step, kind)


def age_description(checkpoint: Path) -> None:
    """Let the description look older than its checkpoint, as copying in arbitrary order may."""
    written = checkpoint.stat().st_mtime_ns
    os.utime(info_path(checkpoint), ns=(written - 10**9, written - 10**9))


def test_a_save_killed_before_its_description_leaves_no_wrong_one(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(folder, 7, "recovery")
    save_and_die(folder, 9, "recovery", monkeypatch)
    (told,) = folder.checkpoint_infos()
    assert (told.name, told.step, told.kind, told.crc) == ("checkpoint_recovery.pth", 0, "recovery", "unknown")
    assert checkpoints.load(folder.path / told.name)["progress"]["step"] == 9


@pytest.mark.parametrize(("kind", "described"), [("recovery", "recovery"), ("regular", "manual"), ("best", "manual")])
def test_what_has_no_description_gets_one_from_its_content(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, kind: CheckpointKind, described: CheckpointKind
) -> None:
    save_and_die(folder, 9, kind, monkeypatch)
    CheckpointStore(folder).describe_missing()
    path = CheckpointStore(folder).path(kind, 9)
    size, saved_at = path.stat().st_size, path.stat().st_mtime
    expected = make_info(9, name=path.name, kind=described, size=size, saved_at=saved_at, crc="verified")
    assert folder.checkpoint_infos() == [expected]
    assert read_checkpoint_info(info_path(path)) == expected


def test_a_quality_of_another_step_is_not_this_one_s(folder: RunFolder) -> None:
    state = make_state(9)
    state["progress"]["last_quality_step"] = 8
    torch.save({"format": 2, **state}, folder.checkpoint(9))
    CheckpointStore(folder).describe_missing()
    assert math.isnan(folder.checkpoint_infos()[0].quality)


def test_a_description_of_what_was_there_before_is_replaced(folder: RunFolder) -> None:
    """Such pairs are left by versions that kept the old description until the new one was written."""
    save(folder, 7, "recovery")
    description = info_path(folder.path / "checkpoint_recovery.pth")
    old = description.read_text()
    save(folder, 9, "recovery")
    description.write_text(old)
    age_description(folder.path / "checkpoint_recovery.pth")
    CheckpointStore(folder).describe_missing()
    assert [(info.step, info.kind) for info in folder.checkpoint_infos()] == [(9, "recovery")]


def test_a_pair_as_it_was_saved_is_not_read_again(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    for step, kind in ((1, "regular"), (2, "best"), (3, "recovery")):
        save(folder, step, kind)  # type: ignore[arg-type]

    def never(path: Path) -> Any:
        raise AssertionError(f"{path} was read")

    monkeypatch.setattr(checkpoints, "load", never)
    CheckpointStore(folder).describe_missing()


@pytest.mark.parametrize("kind", ["regular", "best", "manual", "recovery", "emergency"])
def test_times_that_copying_turned_round_change_no_description(folder: RunFolder, kind: CheckpointKind) -> None:
    info = save(folder, 7, kind)
    age_description(folder.path / info.name)
    CheckpointStore(folder).describe_missing()
    assert folder.checkpoint_infos() == [info]
    checkpoint = folder.path / info.name
    assert info_path(checkpoint).stat().st_mtime_ns >= checkpoint.stat().st_mtime_ns, "it would be read at every start"


def test_a_damaged_file_without_a_description_is_told(folder: RunFolder) -> None:
    save(folder, 7)
    folder.checkpoint(8).write_bytes(folder.checkpoint(7).read_bytes()[:-300])
    CheckpointStore(folder).describe_missing()
    assert [(info.step, info.crc) for info in folder.checkpoint_infos()] == [(8, "damaged"), (7, "verified")]
    newest = folder.summary().newest
    assert newest is not None and newest.step == 7 and folder.summary().n_damaged == 1


def test_a_file_cut_off_after_it_was_described_is_marked(folder: RunFolder) -> None:
    path = folder.path / save(folder, 7).name
    os.truncate(path, 500)
    os.utime(path, (1e9, 1e9))  # older than its description: only the size tells
    CheckpointStore(folder).describe_missing()
    info = read_checkpoint_info(info_path(path))
    assert info is not None and (info.step, info.crc) == (7, "damaged")


def test_a_damaged_file_brought_back_from_elsewhere_is_good_again(folder: RunFolder) -> None:
    info = save(folder, 7, "best")
    path = folder.path / info.name
    content, written = path.read_bytes(), path.stat().st_mtime
    path.write_bytes(content[:500])
    CheckpointStore(folder).describe_missing()
    path.write_bytes(content)
    os.utime(path, (written, written))
    CheckpointStore(folder).describe_missing()
    assert folder.checkpoint_infos() == [info]


def test_a_whole_file_of_another_version_is_not_called_damaged(folder: RunFolder) -> None:
    torch.save({"format": 99}, folder.checkpoint(7))
    torch.save({"format": 2, "progress": {}}, folder.checkpoint(8))
    CheckpointStore(folder).describe_missing()
    assert [(info.step, info.crc) for info in folder.checkpoint_infos()] == [(8, "unknown"), (7, "unknown")]
    assert not list(folder.path.glob("*.json"))


def test_files_under_other_names_are_left_alone(folder: RunFolder) -> None:
    save(folder, 7)
    (folder.path / "checkpoint_mine.pth").write_bytes(folder.checkpoint(7).read_bytes())
    CheckpointStore(folder).describe_missing()
    assert not (folder.path / "checkpoint_mine.json").exists() and len(folder.checkpoint_infos()) == 1


@pytest.mark.parametrize("loss", ["missing", "older"])
def test_a_best_one_that_is_a_copy_is_described_as_what_it_is_of(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, loss: str
) -> None:
    def refuse(self: Path, target: str) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    save_best(folder, 1)
    save_best(folder, 2)
    copy = folder.path / "checkpoint_best.pth"
    if loss == "missing":
        info_path(copy).unlink()
    else:
        write_checkpoint_info(folder.path, replace(folder.checkpoint_infos()[0], name="checkpoint_best.pth", step=1))
        age_description(copy)
    CheckpointStore(folder).describe_missing()
    described = json.loads(info_path(copy).read_text())
    assert (described["name"], described["step"], described["kind"]) == ("checkpoint_step_2.pth", 2, "best")
    save_best(folder, 3)
    assert [info.step for info in folder.checkpoint_infos()] == [3, 2]


def test_a_disk_without_room_for_a_description_is_told(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    info_path(folder.path / save(folder, 7).name).unlink()

    def full(checkpoint: Path, info: CheckpointInfo) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "write_info_beside", full)
    with pytest.raises(VsrppError, match=r"checkpoint_step_7\.json cannot be written \(No space left on device\)"):
        CheckpointStore(folder).describe_missing()


# what cannot be read now


class FailingFile(io.FileIO):
    """A file of a drive that fails once ``left`` reads are done."""

    left = 0

    def readinto(self, buffer: Any) -> int | None:
        type(self).left -= 1
        if self.left < 0:
            raise OSError(errno.EIO, "Input/output error")
        return super().readinto(buffer)


@pytest.mark.parametrize("reads", [0, 1, 2, 4, 8, 12])
def test_a_drive_that_fails_says_nothing_against_the_file(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, reads: int
) -> None:
    """Python's reader of archives takes every failure for an archive that is none."""
    path = folder.path / save(folder, 7).name
    monkeypatch.setattr(FailingFile, "left", reads)
    monkeypatch.setattr(Path, "open", lambda path, mode: io.BufferedReader(FailingFile(str(path)), 512))
    assert "cannot be read" in refusal(path, damaged=False)


def test_a_file_that_could_not_be_read_is_kept_when_its_step_is_taken_again(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(folder, 7)
    path = folder.path / save(folder, 9).name
    content, load = path.read_bytes(), checkpoints.load

    def fail(asked: Path) -> dict[str, Any]:
        if asked == path:
            raise VsrppError(f"{asked} cannot be read (Input/output error)")
        return load(asked)

    monkeypatch.setattr(checkpoints, "load", fail)
    store = CheckpointStore(folder)
    assert [name for name, _ in store.readable(9)] == ["checkpoint_step_9.pth", "checkpoint_step_7.pth"]
    store.save(make_state(1009), lambda name, size: make_info(9, name=name, size=size, branch=1))
    (trashed,) = folder.trashed()
    assert (trashed.path / path.name).read_bytes() == content and path.read_bytes() != content
