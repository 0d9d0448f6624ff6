"""The comparison picture LR | KI | GT in a run's ``pictures/``: how it is put together, and taken apart again.

Both live here because the trainer writes it and a screen, which must not load the trainer, reads it.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from vsrpp_core.errors import VsrppError

LABELS = ("LR", "KI", "GT")
MARGIN, HEADER = 6, 16
"""Pixels between two pictures, and above them for the labels."""


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
        raise VsrppError(f"{path} is not there any more; the next validation writes it anew") from None
    except (OSError, ValueError) as error:
        raise VsrppError(f"{path} cannot be read ({error}); the next validation writes it anew") from None
    width = (sheet.width - MARGIN * (count - 1)) // count
    if width < 1 or sheet.height <= HEADER:
        raise VsrppError(f"{path} is no comparison picture; the next validation writes it anew")
    lefts = [place * (width + MARGIN) for place in range(count)]
    return tuple(sheet.crop((left, HEADER, left + width, sheet.height)) for left in lefts)
