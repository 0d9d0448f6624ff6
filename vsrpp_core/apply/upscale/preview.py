"""The newest upscaled picture beside the bicubic one, as two small PNGs for a screen.

Whole pictures of that size look alike on a terminal, so a detail is cropped where the network changed most. Previews
are made from finished pictures and never fed back: with or without them a job makes the same bits.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from vsrpp_core.apply.upscale.job_events import UpscalePreview
from vsrpp_core.apply.upscale.source import Picture, Pixels
from vsrpp_core.errors import VsrppError
from vsrpp_core.run.files import TEMPORARY_PREFIX
from vsrpp_core.run.pictures.comparison_picture import most_different_window, side_by_side
from vsrpp_core.video.reading import turned

LABELS = ("LR", "KI")
WHOLE_SIDE = 480
DETAIL_WIDTH, DETAIL_HEIGHT = 192, 120
"""Pixels at most: no terminal shows more of a picture in half cells."""


class Previews:
    """Writes a preview when one is due, the first at once. Previews are not part of the result."""

    def __init__(
        self, folder: Path, every: float | None, matrix: bytes, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``every``: seconds, or None for never. ``matrix``: the film's display matrix, to show it upright."""
        self._folder, self._every, self._matrix, self._clock = folder, every, _supported(matrix), clock
        self._last = float("-inf")

    @property
    def is_due(self) -> bool:
        return self._every is not None and self._clock() - self._last >= self._every

    def write(self, name: str, frame: int, picture: Picture, rgb: Pixels) -> UpscalePreview:
        """``rgb`` [height, width, 3] is the result for ``picture``, number ``frame`` of the film, from 1."""
        lr, ki = self._upright(picture.rgb8), self._upright(Picture(rgb, 0, 0).rgb8)
        bicubic = lr.resize(ki.size, Image.Resampling.BICUBIC)
        whole, detail = self._folder / "preview.png", self._folder / "preview-detail.png"
        _save(whole, (_small(bicubic), _small(ki)))
        window = most_different_window(bicubic, ki, DETAIL_WIDTH, DETAIL_HEIGHT)
        _save(detail, (bicubic.crop(window), ki.crop(window)))
        self._last = self._clock()
        return UpscalePreview(name, frame, whole, detail)

    def _upright(self, rgb: Pixels) -> Image.Image:
        return Image.fromarray(np.ascontiguousarray(turned(rgb, self._matrix)))


def _supported(matrix: bytes) -> bytes:
    """Empty for a rotation that is not a quarter turn: a job that only copies it must not fail here."""
    try:
        turned(np.empty((1, 1, 3), np.uint8), matrix)
    except VsrppError:
        return b""
    return matrix


def _small(picture: Image.Image) -> Image.Image:
    small = picture.copy()
    small.thumbnail((WHOLE_SIDE, WHOLE_SIDE), Image.Resampling.BOX)
    return small


def _save(path: Path, pair: tuple[Image.Image, Image.Image]) -> None:
    sheet = side_by_side((np.asarray(pair[0]), np.asarray(pair[1])), LABELS)
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{path.name}")  # readers find it whole; it need not be durable
    sheet.save(temporary, "PNG", compress_level=1)
    os.replace(temporary, path)
