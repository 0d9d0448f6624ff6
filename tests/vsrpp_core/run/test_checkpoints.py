import random
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.helpers import make_info, make_state
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages.events import CheckpointKind
from vsrpp_core.run import checkpoints
from vsrpp_core.run.checkpoints import CheckpointError, CheckpointStore
from vsrpp_core.run.folder import CheckpointInfo, RunFolder, info_path


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


def refusal(path: Path) -> str:
    with pytest.raises(VsrppError) as caught:
        checkpoints.load(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


# save and load


def test_what_is_saved_comes_back(folder: RunFolder) -> None:
    info = save(folder, 7)
    state = checkpoints.load(folder.path / info.name)
    assert torch.equal(state["model"]["weight"], make_state(7)["model"]["weight"])
    assert state["progress"]["step"] == 7 and state["progress"]["loss"] != state["progress"]["loss"]
    assert info.size == (folder.path / info.name).stat().st_size
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
    weights = make_state(7)["model"]["weight"].numpy().tobytes()
    content[content.index(weights) + 100] ^= 1
    path.write_bytes(content)
    assert torch.load(path, weights_only=True)["format"] == 2, "torch alone must load it for this test to mean anything"
    assert "is damaged" in refusal(path)


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
    assert "cannot be read as a checkpoint" in refusal(path)


def test_a_missing_file_is_told(folder: RunFolder) -> None:
    assert "does not exist" in refusal(folder.checkpoint(7))


def test_a_folder_is_no_checkpoint(folder: RunFolder) -> None:
    assert "cannot be read" in refusal(folder.path)


@pytest.mark.parametrize(
    "content", [{"format": 99}, {"format": 1}, {"model": {}}, [1, 2]], ids=["later", "earlier", "no format", "list"]
)
def test_another_format_is_told(folder: RunFolder, content: Any) -> None:
    torch.save(content, folder.checkpoint(7))
    assert "is not a checkpoint of this version" in refusal(folder.checkpoint(7))


def test_code_in_a_checkpoint_is_never_run(folder: RunFolder) -> None:
    torch.save({"format": 2, "model": Path("/")}, folder.checkpoint(7))
    assert "cannot be read" in refusal(folder.checkpoint(7))


# a disk that does not take it


@pytest.mark.parametrize("error", [RuntimeError("file write failed"), OSError(28, "No space left on device")])
def test_a_full_disk_leaves_the_previous_file_and_nothing_else(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    save(folder, 7, "recovery")
    before = {path: path.read_bytes() for path in folder.path.iterdir()}

    def full(state: Any, path: Path) -> None:
        path.write_bytes(b"half")
        raise error

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(CheckpointError, match=r"checkpoint_recovery\.pth could not be written"):
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
