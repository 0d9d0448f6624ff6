import os
import stat
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from vsrpp_core.run.files import read_json, write_atomically, write_text_atomically


@pytest.mark.parametrize("text", ["", "[" * 5000, '{"a":' * 5000, "9" * 5000, str(2**63), f"[{-(2**63)}]", b"\xff"])
def test_what_no_program_of_ours_wrote_is_one_kind_of_error(text: str | bytes) -> None:
    with pytest.raises(ValueError):
        read_json(text)


def half_and_fail(path: Path) -> None:
    path.write_text("half of the n")
    raise OSError(28, "No space left on device")


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, half_and_fail)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space"):
        write_atomically(tmp_path / "file", half_and_fail)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_write_leaves_nothing(tmp_path: Path) -> None:
    def interrupted(path: Path) -> None:
        path.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "file", interrupted)
    assert list(tmp_path.iterdir()) == []


def noted(name: str, do: Callable[..., None], order: list[str]) -> Callable[..., None]:
    def note_and_do(*arguments: Any) -> None:
        order.append(name)
        do(*arguments)

    return note_and_do


def test_the_new_text_is_flushed_before_it_takes_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, order = tmp_path / "file", list[str]()
    path.write_text("old")
    for name in ("fsync", "replace"):
        monkeypatch.setattr(os, name, noted(name, getattr(os, name), order))
    write_text_atomically(path, "nü")
    assert order == ["fsync", "replace", "fsync"]  # the file, its name, the folder
    assert path.read_text(encoding="utf-8") == "nü" and list(tmp_path.iterdir()) == [path]


def test_what_describes_the_old_file_is_never_beside_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, description = tmp_path / "file", tmp_path / "description"
    path.write_text("old")
    description.write_text("of the old")
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, half_and_fail, description)
    assert description.read_text() == "of the old"

    def replace_and_die(source: Path, target: Path) -> None:
        assert not description.exists() and target.read_text() == "old"
        raise KeyboardInterrupt

    def write_new(temporary: Path) -> None:
        temporary.write_text("new")

    monkeypatch.setattr(os, "replace", replace_and_die)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, write_new, description)


@pytest.mark.parametrize(("number", "matters"), [(22, False), (95, False), (13, False), (5, True), (28, True)])
def test_a_folder_that_takes_no_sync_costs_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, matters: bool
) -> None:
    real = os.fsync

    def refuse_folders(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", refuse_folders)
    with pytest.raises(OSError) if matters else nullcontext():
        write_text_atomically(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "new"
