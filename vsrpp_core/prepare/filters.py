"""Which patches are not worth learning from, and why: each rule is a measure and a threshold of the recipe.

Separate from patches.py because these rules are about pictures alone, not about videos, positions or files.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from vsrpp_core.prepare.recipe import SkipPart
from vsrpp_core.video.scenes import is_repeat

Picture = NDArray[np.uint8]

BLACK, FLAT, BLURRED, STILL, TEXT = "black", "flat", "blurred", "no motion", "text"
REPEATED, DISSOLVE, UNEVEN = "repeated frame", "dissolve", "uneven times"
DUPLICATE, SURPLUS = "duplicate patch", "over the limit"

RAMP = 8
"""Pixels of the longer of the two steps that sharpness compares: what takes longer is not an edge."""

STROKE = 70
"""Levels by which the border of a letter rises within a pixel of the LR frame."""
BRIGHT = 180
UNMOVED = 12
"""Levels by which a letter's border may change between the first frame of a stack and the last."""
STROKES_IN_ROW = 6
"""Borders of letters in a row of pixels that may be part of a line of text: three strokes of letters."""
LINE_HEIGHT = (4, 48)
"""Rows that a line of letters covers in the LR frame."""
QUIET_SHARE = 0.25
"""Borders just above and below a line of letters, over those in it, at most: there is space between lines."""
LEAST_FILLED = 0.35
"""Columns with a border in some row of a line of letters, over its width: 0.5 to 0.7 in text, 0.2 in a grid."""


def reason_to_skip(lr: Sequence[Picture], ground_truth: Picture, part: SkipPart) -> str:
    """Why a pair is skipped, or empty. ``lr`` are its frames [h, w, 3], ``ground_truth`` [s·h, s·w, 3]."""
    centre = lr[len(lr) // 2]
    if part.black and np.percentile(centre.max(axis=-1), 99) < part.black:
        return BLACK
    if texture(centre[..., 1]) < part.flat:
        return FLAT
    if part.text and has_text(lr):
        return TEXT
    if part.blurred and sharpness(ground_truth[..., 1]) < part.blurred:
        return BLURRED
    if part.still and any(is_repeat(a, b, part.still) for a, b in pairwise(lr)):
        return STILL
    return ""


def texture(grey: Picture) -> float:
    """Mean absolute step between neighbours, in levels, of [h, w]; green stands for luma, as in scenes.thumbnail."""
    levels = grey.astype(np.float32)
    return float(np.abs(np.diff(levels, axis=0)).mean() + np.abs(np.diff(levels, axis=1)).mean())


def sharpness(grey: Picture) -> float:
    """The steepest rise over one pixel as a share of that over RAMP pixels, of [h, w]: from 1/RAMP (a ramp) to 1.

    Both are the 99th percentile of absolute steps, in both directions. On 580 patches of 288 pixels of web video the
    median was 0.22, and 0.11 to 0.14 in 5 %, out of focus throughout; blurred by a Gaussian of 2 pixels, 0.16 in the
    median, of 4 pixels 0.14.
    """
    levels = grey.astype(np.float32)
    fine = coarse = 0.0
    for picture in (levels, levels.T):
        fine += float(np.percentile(np.abs(picture[:, 1:] - picture[:, :-1]), 99))
        coarse += float(np.percentile(np.abs(picture[:, RAMP:] - picture[:, :-RAMP]), 99))
    return fine / (coarse + 1)


def has_text(lr: Sequence[Picture]) -> bool:
    """Whether letters are overlaid on the picture: bright sharp still strokes, many in some rows, few around them.

    Only where all of that holds, so moving text, dark letters and large single ones pass.
    """
    first, last = (frame[..., 1].astype(np.int16) for frame in (lr[0], lr[-1]))
    grown, still_grown = np.diff(first, axis=1), np.diff(last, axis=1)
    bright = np.maximum(first[:, 1:], first[:, :-1]) >= BRIGHT
    strokes = (np.abs(grown) >= STROKE) & bright & (np.abs(grown - still_grown) <= UNMOVED)
    in_row = strokes.sum(axis=1)
    rows = in_row >= STROKES_IN_ROW
    edges = np.flatnonzero(np.diff(np.concatenate([[False], rows, [False]]).astype(np.int8)))
    return any(
        _is_line(in_row, int(top), int(bottom)) and _is_filled(strokes[top:bottom])
        for top, bottom in edges.reshape(-1, 2)
    )


def _is_line(in_row: NDArray[np.int64], top: int, bottom: int) -> bool:
    if not LINE_HEIGHT[0] <= bottom - top <= LINE_HEIGHT[1]:
        return False
    most = QUIET_SHARE * float(in_row[top:bottom].mean())
    around = [in_row[max(0, top - 4) : max(0, top - 2)], in_row[bottom + 2 : bottom + 4]]
    known = [side for side in around if side.size]
    return bool(known) and all(side.max() <= most for side in known)


def _is_filled(strokes: NDArray[np.bool_]) -> bool:
    """Whether letters could be side by side there; lines of a grid or a fence are further apart."""
    columns = np.flatnonzero(strokes.any(axis=0))
    return len(columns) >= LEAST_FILLED * float(columns[-1] - columns[0] + 1)
