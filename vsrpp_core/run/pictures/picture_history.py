"""Pictures of earlier validations: many of the last, few of long ago.

Apart from the picture itself because the trainer keeps them and a screen, which looks back, must know what is kept.
"""

import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

KEPT = 24
"""Validations whose pictures are kept, the last one among them."""

PREFIX = "step_"


def thinned(steps: Iterable[int], room: int = KEPT) -> tuple[int, ...]:
    """``room`` of the ``steps`` in their order, the first and the last among them; ``room`` is 2 or more.

    Dropped is what leaves the smallest gap for its age, so that gaps grow with the time since.
    """
    kept = sorted(set(steps))
    while len(kept) > room:
        gaps = [(after - before) / (kept[-1] - before) for before, after in zip(kept, kept[2:], strict=False)]
        kept.pop(1 + gaps.index(min(gaps)))
    return tuple(kept)


def keep(picture: Path, step: int) -> Path:
    """Give a validation's picture, which the next one replaces, a second name, and return it. Raises OSError.

    The first of a step makes room for it; what is there of later steps belongs to a course that was given up.
    """
    folder = picture.parent / f"{PREFIX}{step}"
    if not folder.is_dir():
        _make_room(picture.parent, step)
        folder.mkdir()
    kept = folder / picture.name
    kept.unlink(missing_ok=True)
    try:
        os.link(picture, kept)
    except OSError:  # a drive without links
        shutil.copyfile(picture, kept)
    return kept


def _make_room(pictures: Path, step: int) -> None:
    folders: dict[int, Path] = {}
    for folder in pictures.glob(f"{PREFIX}*"):
        with suppress(ValueError):  # somebody else's
            folders[int(folder.name.removeprefix(PREFIX))] = folder
    kept = thinned([*(each for each in folders if each < step), step])
    for each, folder in folders.items():
        if each not in kept:
            shutil.rmtree(folder)
