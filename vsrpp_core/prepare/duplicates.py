"""Patches that show the same as another, in the same video or in another copy of it.

Separate because this is the only rule that needs all patches at once.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

COARSE = 4
CONTRAST_SHARE = 0.15
"""Pictures of low contrast are close in levels however different they are: the tolerance shrinks with the contrast."""


def duplicates(looks: Sequence[NDArray[np.uint8]], tolerance: float) -> NDArray[np.bool_]:
    """Which of the square grey pictures differ by less than ``tolerance`` from an earlier one that is not a duplicate.

    The difference is the mean absolute difference in levels. That of block means is never larger, so a search tree of
    block means finds all candidates.
    """
    found = np.zeros(len(looks), np.bool_)
    if not tolerance or len(looks) < 2:
        return found
    pictures = np.stack(looks).astype(np.float32)
    side = round(pictures.shape[1] ** 0.5)
    block = side // COARSE
    coarse = pictures.reshape(-1, COARSE, block, COARSE, block).mean(axis=(2, 4)).reshape(len(looks), -1)
    limits = np.minimum(tolerance, CONTRAST_SHARE * pictures.std(axis=1))
    tree = cKDTree(coarse)
    for place in range(1, len(looks)):
        near = tree.query_ball_point(coarse[place], limits[place] * COARSE**2, p=1)
        earlier = [other for other in near if other < place and not found[other]]
        if earlier:
            change = np.abs(pictures[earlier] - pictures[place]).mean(axis=1)
            found[place] = bool((change < np.minimum(limits[earlier], limits[place])).any())
    return found
