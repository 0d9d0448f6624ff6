"""Scene cuts and standstill, found on small grey pictures while a video streams by."""

from collections import deque

import numpy as np
from numpy.typing import NDArray
from PIL import Image

THUMBNAIL_HEIGHT = 48
CUT_DIFFERENCE = 14.0
"""Mean |difference| of two thumbnails, grey levels of 255, below which no cut is seen: twice what fast pans show."""

CUT_RATIO = 4.0
"""A cut differs by this many times the recent median: a fast pan is no cut."""

HISTORY = 12

Thumbnail = NDArray[np.float32]


def thumbnail(frame: NDArray[np.uint8]) -> Thumbnail:
    """A grey picture about 48 pixels high, area-averaged, of a frame [H, W, 3]."""
    factor = max(frame.shape[0] // THUMBNAIL_HEIGHT, 1)
    return np.asarray(Image.fromarray(frame).convert("L").reduce(factor), dtype=np.float32)


class CutDetector:
    """Says for each frame of a video whether a new scene begins with it."""

    def __init__(self) -> None:
        self._last: Thumbnail | None = None
        self._recent: deque[float] = deque(maxlen=HISTORY)

    def begins_scene(self, picture: Thumbnail) -> bool:
        """Feed the next thumbnail; the first begins a scene, of course."""
        last, self._last = self._last, picture
        if last is None or last.shape != picture.shape:
            return True
        difference = float(np.abs(picture - last).mean())
        usual = float(np.median(self._recent)) if self._recent else 0.0
        if difference > max(CUT_DIFFERENCE, CUT_RATIO * usual):
            self._recent.clear()
            return True
        self._recent.append(difference)
        return False
