"""What was deleted of a run: moving there by renaming, listing it, and bringing it back.

Separate from folder.py because it is about moving whole sets of files: all of them, or none. It needs no torch, so that
a start screen can list what could be brought back.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from vsrpp_core.errors import VsrppError, os_errors
from vsrpp_core.run.files import walk
from vsrpp_core.run.sidecar import BEST_NAMES, info_of

TRASH_NAME = ".trash"
TIME_FORMAT = "%Y-%m-%d_%H-%M-%S"
TIME_LENGTH = len("2026-01-31_23-59-59")


@dataclass(frozen=True, slots=True)
class Trashed:
    """One folder of the trash: what one deletion moved there."""

    path: Path
    moved_at: float
    """Seconds since the Unix epoch, from the folder's name."""
    n_files: int
    size: int
    """Bytes of all its files; links are counted, never followed."""
    step: int
    """The newest step of its checkpoints, or 0 where none tells one."""


def list_trash(trash: Path) -> list[Trashed]:
    """What lies in a run's trash, the latest first; empty folders and whatever else is there are left out."""
    if trash.is_symlink() or not trash.is_dir():
        return []
    folders = (path for path in trash.iterdir() if path.is_dir() and not path.is_symlink())
    found = [_described(path) for path in folders]
    return sorted((one for one in found if one.n_files), key=lambda one: (one.moved_at, one.path.name), reverse=True)


def _described(path: Path) -> Trashed:
    sizes = [size for _, size in walk(path)]
    infos = [info_of(file) for file in path.glob("checkpoint_*.pth") if file.is_file() and file.name not in BEST_NAMES]
    step = max((info.step for info in infos if info), default=0)
    return Trashed(path, _moved_at(path), len(sizes), sum(sizes), step)


def _moved_at(path: Path) -> float:
    try:
        return datetime.strptime(path.name[:TIME_LENGTH], TIME_FORMAT).timestamp()
    except ValueError:  # a name somebody else gave
        return path.stat().st_mtime


def new_trash_folder(trash: Path) -> Path:
    """A new folder in ``trash``; VsrppError where it cannot be made, or would lie elsewhere."""
    if trash.is_symlink():
        raise VsrppError(f"{trash} is a link, and nothing is moved out of {trash.parent}; remove the link")
    name = datetime.now().strftime(TIME_FORMAT)
    for suffix in ("", *(f"_{n}" for n in range(2, 1000))):
        target = trash / (name + suffix)
        if not target.exists():
            with os_errors(target, "cannot be made", "nothing was moved"):
                target.mkdir(parents=True)
            return target
    raise VsrppError(f"{trash} is full of folders named {name}; empty it")


def in_the_way(entries: Sequence[Path], folder: Path) -> list[str]:
    """Names in ``folder`` that moving ``entries`` there would overwrite.

    A link to the best checkpoint is none of them: it holds nothing itself, and the entry of its name takes its place.
    """
    return [e.name for e in entries if os.path.lexists(folder / e.name) and not _is_best_link(folder / e.name)]


def _is_best_link(path: Path) -> bool:
    return path.name in BEST_NAMES and path.is_symlink()


def move_all(entries: Sequence[Path], folder: Path) -> None:
    """Rename every entry into ``folder``, a link as a link; where one cannot be moved, all are where they were before.

    Nothing may be in the way. Raises VsrppError, saying where things are if they could not be moved back either.
    """
    replaced = {e.name: (folder / e.name).readlink() for e in entries if _is_best_link(folder / e.name)}
    moved: list[Path] = []
    try:
        for entry in entries:
            entry.rename(folder / entry.name)
            moved.append(entry)
    except OSError as error:
        _move_back(moved, folder, replaced)
        failed = entries[len(moved)]
        raise VsrppError(f"{failed} cannot be moved to {folder} ({error.strerror}); nothing was moved") from None


def _move_back(moved: Sequence[Path], folder: Path, replaced: dict[str, Path]) -> None:
    try:
        for entry in reversed(moved):
            (folder / entry.name).rename(entry)
            if entry.name in replaced:
                (folder / entry.name).symlink_to(replaced[entry.name])
    except OSError as error:
        raise VsrppError(
            f"only a part of the files could be moved to {folder}, and not back ({error.strerror}); "
            "what is there belongs together with what is missing"
        ) from None
