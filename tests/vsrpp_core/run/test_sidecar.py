"""Descriptions of checkpoints: what is read of them, and what is told where they are not readable."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import make_info
from vsrpp_core.errors import VsrppError
from vsrpp_core.run import sidecar
from vsrpp_core.run.sidecar import CheckpointInfo, info_of, info_path, mark_damaged, read_checkpoint_info


def write_pair(folder: Path, info: CheckpointInfo) -> Path:
    (folder / info.name).write_bytes(b"x" * info.size)
    sidecar.write_checkpoint_info(folder, info)
    return folder / info.name


def test_a_description_comes_back_as_it_was_written(tmp_path: Path) -> None:
    info = make_info(5, crc="verified")
    assert info_of(write_pair(tmp_path, info)) == info


def test_a_description_without_quality_comes_back(tmp_path: Path) -> None:
    info = info_of(write_pair(tmp_path, make_info(5, quality=float("nan"))))
    assert info is not None and info.quality != info.quality and info.is_described


def test_a_description_from_before_there_was_a_crc_is_read(tmp_path: Path) -> None:
    path = write_pair(tmp_path, make_info(5, crc="verified"))
    record = json.loads(info_path(path).read_text())
    del record["crc"]
    info_path(path).write_text(json.dumps(record))
    assert info_of(path) == make_info(5, crc="unknown")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"name": "checkpoint_step_9.pth"}', "\ufffd\x00"])
def test_where_a_description_is_damaged_the_name_tells(tmp_path: Path, text: str) -> None:
    path = write_pair(tmp_path, make_info(9))
    info_path(path).write_text(text)
    info = info_of(path)
    assert info is not None and not info.is_described
    assert (info.name, info.step, info.kind, info.size, info.crc) == (path.name, 9, "manual", 10, "unknown")
    assert info.saved_at == path.stat().st_mtime and info.quality != info.quality and info.loss != info.loss


@pytest.mark.parametrize(
    ("key", "value"),
    [("name", 9), ("step", "9"), ("kind", "precious"), ("crc", "perhaps"), ("crc", 1), ("loss", 10**400)],
)
def test_values_of_another_kind_are_not_believed(tmp_path: Path, key: str, value: object) -> None:
    path = write_pair(tmp_path, make_info(9))
    info_path(path).write_text(json.dumps({**json.loads(info_path(path).read_text()), key: value}))
    assert read_checkpoint_info(info_path(path)) is None


def test_another_size_than_described_is_damage(tmp_path: Path) -> None:
    path = write_pair(tmp_path, make_info(5, crc="verified"))
    path.write_bytes(b"short")
    info = info_of(path)
    assert info is not None and info.is_damaged and info.step == 5


def test_a_file_that_has_just_gone_is_not_listed(tmp_path: Path) -> None:
    path = write_pair(tmp_path, make_info(5))
    path.unlink()
    assert info_of(path) is None
    info_path(path).unlink()
    assert info_of(path) is None


def test_a_mark_changes_nothing_but_the_crc(tmp_path: Path) -> None:
    path = write_pair(tmp_path, make_info(5, crc="verified"))
    mark_damaged(path)
    assert read_checkpoint_info(info_path(path)) == make_info(5, crc="damaged")


def test_a_file_without_description_can_be_marked(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint_recovery.pth"
    path.write_bytes(b"rubbish")
    mark_damaged(path)
    info = info_of(path)
    assert info is not None and (info.kind, info.size, info.crc) == ("recovery", 7, "damaged")


def test_a_mark_on_the_best_link_is_on_what_it_points_to(tmp_path: Path) -> None:
    path = write_pair(tmp_path, make_info(5))
    (tmp_path / "checkpoint_best.pth").symlink_to(path.name)
    mark_damaged(tmp_path / "checkpoint_best.pth")
    assert not (tmp_path / "checkpoint_best.json").exists()
    info = info_of(path)
    assert info is not None and info.is_damaged


def test_a_copy_of_the_best_keeps_the_name_of_what_it_is_of(tmp_path: Path) -> None:
    copy = tmp_path / "checkpoint_best.pth"
    copy.write_bytes(b"rubbish")
    mark_damaged(copy)
    assert not info_path(copy).exists()
    sidecar.write_info_beside(copy, make_info(5))
    mark_damaged(copy)
    assert read_checkpoint_info(info_path(copy)) == make_info(5, crc="damaged")


def test_a_mark_that_finds_no_room_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_pair(tmp_path, make_info(5))

    def full(checkpoint: Path, info: CheckpointInfo) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sidecar, "write_info_beside", full)
    with pytest.raises(VsrppError, match=r"checkpoint_step_5\.json cannot be written \(No space left on device\)"):
        mark_damaged(path)


def test_descriptions_are_read_without_torch() -> None:
    code = "import sys, vsrpp_core.run.sidecar, vsrpp_core.run.disk; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
