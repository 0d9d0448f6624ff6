"""Where a dataset keeps its pairs: in VSR++'s own two folders, or in those of the original's datasets.

The original's have ``GT`` beside ``LR``, ``LR_5frames`` or ``LR_7frames``, a pair of folders for each size, and that
for each category; a validation set may lie in ``GT`` by size, with its stacks among those that are trained on.
What was added to a dataset later lies in it as a dataset of its own without validation, ``Added/NUMBER``.
Separate from stacked.py, which knows what a pair is.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vsrpp_core.run.names import is_meant

GT = "GT"
ADDED = "Added"
DEEPEST = 4
"""Folders between a dataset's root and a GT: category, patches, size."""


@dataclass(frozen=True, slots=True)
class Place:
    """Two folders in which equal names make a pair; ``prefix`` begins the names of such pairs in the dataset."""

    gt: Path
    lr: Path
    prefix: str = ""
    owns_lr: bool = True
    """Whether a stack there without a ground truth misses one; not where the stacks are those of another place."""
    addition: int = 0
    """Number of the addition that it belongs to; 0 for what the dataset began with."""


def addition_folder(root: Path, number: int) -> Path:
    """Where the addition ``number``, from 1, of the dataset ``root`` is."""
    return root / ADDED / f"{number:04}"


def additions(root: Path) -> list[int]:
    """Numbers of what was added, in order. It appears as a whole, by one rename of its folder."""
    return sorted(
        int(name)
        for name in _folders(root / ADDED)
        if name.isdecimal() and addition_folder(root, int(name)).name == name
    )


def added_place(root: Path, number: int) -> Place:
    """Its training pairs, named by the folder too: a film may have pairs of the same names in another addition."""
    folder = addition_folder(root, number)
    prefix = f"{folder.relative_to(root).as_posix()}/"
    return Place(folder / "Patches" / GT, folder / "Patches" / "LR", prefix, addition=number)


def dataset_of(image: Path) -> Path:
    """The dataset that an image of its own two folders, or of an addition's, belongs to."""
    folder = image.parents[2]
    return folder.parents[1] if folder.parent.name == ADDED else folder


def places(root: Path, own: Place, is_val: bool, n_frames: int) -> list[Place]:
    """The folders of a split, those of training with what was added.

    ``own`` alone where it is complete and there are no others beside it, or none at all.
    Of stacks of several numbers of frames those of ``n_frames`` count, else (0) the first of LR, LR_5frames and so on.
    """
    return _begun_with(root, own, is_val, n_frames) + [added_place(root, n) for n in additions(root) if not is_val]


def _begun_with(root: Path, own: Place, is_val: bool, n_frames: int) -> list[Place]:
    if (
        own.gt.is_dir()
        and own.lr.is_dir()
        and not any(name.startswith("patches_") for name in map(str.lower, _folders(root)))
    ):
        return [own]
    parents = (parent for parent in _parents(root, DEEPEST) if parent != root)  # which would be half a dataset
    found = [place for parent in parents for place in _places_in(root, parent, own, n_frames)]
    return [place for place in found if _is_val(root, place.gt) == is_val] or [own]


def _is_val(root: Path, gt: Path) -> bool:
    return "val" in (part.lower() for part in gt.relative_to(root).parts)


def _folders(folder: Path) -> list[str]:
    """Names of the folders in it, in order, without hidden ones; empty where it cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if is_meant(entry.name) and entry.is_dir())
    except OSError:  # whoever lists its files says why
        return []


def _parents(folder: Path, depth: int) -> Iterator[Path]:
    """Folders that have a GT."""
    names = _folders(folder)
    if GT in names:
        yield folder
    for name in names:
        if depth and name not in (GT, ADDED) and not name.startswith("LR"):
            yield from _parents(folder / name, depth - 1)


def _places_in(root: Path, parent: Path, own: Place, n_frames: int) -> Iterator[Place]:
    gt, lr = parent / GT, parent / _stacks(parent, n_frames)
    sizes = _folders(gt)
    if gt == own.gt:
        yield Place(gt, lr)
    elif not sizes:
        yield Place(gt, lr, f"{parent.relative_to(root).as_posix()}/")
    for size in sizes:
        trained = next((parent.parent / name for name in _folders(parent.parent) if name.lower() == "patches"), parent)
        beside, prefix = (
            trained / size / _stacks(trained / size, n_frames),
            f"{(gt / size).relative_to(root).as_posix()}/",
        )
        is_own = (lr / size).is_dir() or not beside.is_dir()
        yield Place(gt / size, lr / size if is_own else beside, prefix, is_own)


def _stacks(parent: Path, n_frames: int) -> str:
    """The name of the folder of stacks beside GT; LR where there is none."""
    wanted = f"LR_{n_frames}frames"
    there = [name for name in _folders(parent) if name == "LR" or (name.startswith("LR_") and name.endswith("frames"))]
    return wanted if wanted in there else next(iter(there), "LR")
