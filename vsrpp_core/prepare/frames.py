"""Frames of 8 bits as degradations take and leave them, and their way to Y'CbCr.

Separate because both modules of degradations need it.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Stack = NDArray[np.uint8]
"""[T, h, w, 3], RGB."""

TO_YCC = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
"""BT.601, full range; Cb and Cr around 0."""


def levels(values: NDArray[Any]) -> Stack:
    """Rounded and clipped to 0..255."""
    return np.asarray(np.clip(np.floor(values + 0.5), 0, 255), np.uint8)
