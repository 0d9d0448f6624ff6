"""Moving the bad pairs of a dataset into quarantine, so that the rest can be trained on.

Separate from check.py, which finds them and changes nothing. Nothing is deleted: files keep their relative paths below
``ROOT/.aside/TIME``, with the reasons beside them.
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vsrpp_core.data.check import Problem
from vsrpp_core.errors import VsrppError
from vsrpp_core.run.names import readable
from vsrpp_core.run.trash import new_trash_folder

ASIDE_NAME = ".aside"
REASONS_NAME = "reasons.txt"


@dataclass(frozen=True, slots=True)
class Group:
    """Files that are moved together, a pair or its remaining file, and what is wrong with them."""

    files: tuple[Path, ...]
    reasons: tuple[str, ...]


def groups_to_move(problems: Iterable[Problem], remarks_too: bool = False) -> list[Group]:
    """What must be moved to fix ``problems``; with ``remarks_too`` also pairs with nothing but remarks.

    Problems of whole folders have no files and cannot be fixed by moving.
    """
    reasons: dict[tuple[Path, ...], list[str]] = {}
    chosen: set[tuple[Path, ...]] = set()
    for problem in problems:
        if problem.files:
            reasons.setdefault(problem.files, []).append(problem.text)
            if remarks_too or not problem.is_remark:
                chosen.add(problem.files)
    return [Group(files, tuple(texts)) for files, texts in reasons.items() if files in chosen]


def move_aside(root: Path, groups: list[Group], is_stopped: Callable[[], bool] = lambda: False) -> Path:
    """Move ``groups`` into a new folder below ``root`` and return it; ``is_stopped`` is asked before each group.

    Symbolic links are moved themselves; links to folders are not followed. Of each group all files are moved or none.
    VsrppError where one cannot be moved; groups moved before it stay there, with their reasons.
    """
    aside = root / ASIDE_NAME
    for folder in {aside, *(parent for group in groups for file in group.files for parent in _parents(file, root))}:
        if folder.is_symlink():
            raise VsrppError(f"{folder} is a link, and files behind links are not moved; move them by hand")
    target = new_trash_folder(aside)
    moved: list[Group] = []
    try:
        for group in groups:
            if is_stopped():
                break
            _write_reasons(target, root, [group], "a")  # first, or a kill would leave it without
            _move(group, root, target)
            moved.append(group)
    finally:
        (target / REASONS_NAME).unlink(missing_ok=True)
        if moved:
            _write_reasons(target, root, moved)
        elif not any(target.iterdir()):
            target.rmdir()
    return target


def moved_groups(groups: Iterable[Group]) -> list[Group]:
    """Those whose files are no longer in their place."""
    return [group for group in groups if not any(os.path.lexists(file) for file in group.files)]


def _parents(file: Path, root: Path) -> Iterable[Path]:
    """The folders between ``root`` and a file in it."""
    for parent in file.parents:
        if parent == root:
            return
        yield parent


def _move(group: Group, root: Path, target: Path) -> None:
    places = {file: target / file.relative_to(root) for file in group.files}
    begun: list[Path] = []
    at = group.files[0]
    try:
        for file, place in places.items():
            at = file
            place.parent.mkdir(parents=True, exist_ok=True)
            if os.path.lexists(place):  # the folder is new, so only another process can have put it there
                raise VsrppError(f"{place} appeared meanwhile; let only one program move files of {root}")
            begun.append(file)
            file.rename(place)
    except BaseException as error:  # also an interruption, which may come right after the rename
        for file in reversed(begun):
            if os.path.lexists(places[file]) and not os.path.lexists(file):
                places[file].rename(file)
        _remove_empty(target)
        if not isinstance(error, OSError):
            raise
        raise VsrppError(f"{at} cannot be moved aside ({error.strerror}); check its folder") from None


def _remove_empty(target: Path) -> None:
    for place, _, _ in os.walk(target, topdown=False):
        if Path(place) != target and not any(Path(place).iterdir()):
            Path(place).rmdir()


def _write_reasons(target: Path, root: Path, groups: list[Group], mode: Literal["w", "a"] = "w") -> None:
    lines = []
    for group in groups:
        lines += [str(file.relative_to(root)) for file in group.files]
        lines += [f"    {reason}" for reason in group.reasons]
    with (target / REASONS_NAME).open(mode, encoding="utf-8") as file:
        file.write(readable("\n".join(lines) + "\n"))
