"""The comparison picture LR | KI | GT in a run's ``pictures/``: put together, taken apart, and where to look closely.

All of it lives here because the trainer writes the picture and a screen, which must not load the trainer, reads it.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw

from vsrpp_core.errors import VsrppError
from vsrpp_core.run.pictures.picture_history import PREFIX
from vsrpp_core.run.pictures.pillow_errors import UNREADABLE

LABELS = ("LR", "KI", "GT")
MARGIN, HEADER = 6, 16
"""Pixels between two pictures, and above them for the labels."""

GRID = 24
"""Cells a side in which two pictures are compared to find where they differ most."""

Box = tuple[int, int, int, int]
"""Left, top, right and bottom, as Pillow's crop takes them."""


def side_by_side(pictures: tuple[NDArray[np.uint8], ...], labels: tuple[str, ...]) -> Image.Image:
    """Pictures [H, W, 3] of one size beside each other, each under its label."""
    height, width = pictures[0].shape[:2]
    sheet = Image.new("RGB", (len(pictures) * (width + MARGIN) - MARGIN, height + HEADER), "black")
    draw = ImageDraw.Draw(sheet)
    for place, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        left = place * (width + MARGIN)
        draw.text((left + 2, 2), label, fill="white")
        sheet.paste(Image.fromarray(picture), (left, HEADER))
    return sheet


def read_parts(path: Path, count: int = len(LABELS)) -> tuple[Image.Image, ...]:
    """The ``count`` pictures of a comparison, RGB, all of one size. Raises VsrppError where it cannot be read."""
    try:
        with Image.open(path) as file:
            sheet = file.convert("RGB")
    except FileNotFoundError:
        raise VsrppError(f"{path} is not there any more; {_advice(path)}") from None
    except UNREADABLE as error:
        raise VsrppError(f"{path} cannot be read ({error}); {_advice(path)}") from None
    width = (sheet.width - MARGIN * (count - 1)) // count
    if width < 1 or sheet.height <= HEADER:
        raise VsrppError(f"{path} is no comparison picture; {_advice(path)}")
    lefts = [place * (width + MARGIN) for place in range(count)]
    return tuple(sheet.crop((left, HEADER, left + width, sheet.height)) for left in lefts)


def _advice(path: Path) -> str:
    is_kept = path.parent.name.startswith(PREFIX)
    return "look at those of another validation" if is_kept else "the next validation writes it again"


def most_different_window(one: Image.Image, other: Image.Image, width: int, height: int) -> Box:
    """The window of at most ``width`` × ``height`` pixels where two pictures of one size differ most."""
    difference = ImageChops.difference(one, other).convert("L").resize((GRID, GRID), Image.Resampling.BOX)
    values = difference.tobytes()
    place = values.index(max(values))
    width, height = min(width, one.width), min(height, one.height)
    left = _within(round((place % GRID + 0.5) * one.width / GRID - width / 2), one.width - width)
    top = _within(round((place // GRID + 0.5) * one.height / GRID - height / 2), one.height - height)
    return left, top, left + width, top + height


def _within(start: int, most: int) -> int:
    return min(max(start, 0), most)
