"""How the LR side is made: the field's bicubic downscaling, written out so that it is the same everywhere.

Libraries differ in the kernel's parameter, in anti-aliasing and at the borders by up to a decibel; published figures
assume MATLAB's ``imresize``.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vsrpp_core.data.stacked import SCALE


@lru_cache(maxsize=64)
def resize_weights(n_in: int, n_out: int) -> NDArray[np.float64]:
    """Weights [n_out, n_in] of a one-dimensional bicubic resize; each row sums to 1.

    Keys' kernel with a = -0.5, stretched when shrinking (anti-aliasing), pixel centres aligned, and the picture
    mirrored at its borders, as MATLAB's ``imresize`` has it.
    """
    scale = n_out / n_in
    stretch = min(scale, 1.0)
    centres = (np.arange(n_out) + 0.5) / scale - 0.5
    support = int(np.ceil(4 / stretch)) + 2
    first = np.floor(centres - 2 / stretch).astype(np.int64)
    places = first[:, None] + np.arange(support)[None, :]
    values = stretch * _keys(stretch * (centres[:, None] - places))
    values /= values.sum(axis=1, keepdims=True)
    mirrored = np.concatenate((np.arange(n_in), np.arange(n_in)[::-1]))[places % (2 * n_in)]
    weights = np.zeros((n_out, n_in))
    np.add.at(weights, (np.arange(n_out)[:, None], mirrored), values)
    weights.setflags(write=False)
    return weights


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of a picture, pixels."""

    top: int
    left: int
    height: int
    width: int

    @property
    def rows(self) -> slice:
        return slice(self.top, self.top + self.height)

    @property
    def columns(self) -> slice:
        return slice(self.left, self.left + self.width)


def imresize(image: NDArray[np.uint8], height: int, width: int, region: Region | None = None) -> NDArray[np.uint8]:
    """Resize [H, W, C] to [height, width, C]; rounded and clipped to 8 bit.

    With ``region`` only that part of the result is computed, the same pixels for a fraction of the work.
    """
    rows, columns = resize_weights(image.shape[0], height), resize_weights(image.shape[1], width)
    if region:
        rows, row_span = _trimmed(rows[region.rows])
        columns, column_span = _trimmed(columns[region.columns])
        image = image[row_span, column_span]
    tall = np.tensordot(rows, image.astype(np.float64), axes=(1, 0))
    full = np.tensordot(tall, columns, axes=(1, 1)).transpose(0, 2, 1)
    return np.clip(np.floor(full + 0.5), 0, 255).astype(np.uint8)


def downscale3(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """[3h, 3w, C] to [h, w, C]."""
    return imresize(image, image.shape[0] // SCALE, image.shape[1] // SCALE)


def upscale3(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """[h, w, C] to [3h, 3w, C]: the picture called LR in every comparison."""
    return imresize(image, image.shape[0] * SCALE, image.shape[1] * SCALE)


def _trimmed(weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], slice]:
    """Weights without the inputs they do not use, and where the used ones lie."""
    used = np.flatnonzero(weights.any(axis=0))
    span = slice(int(used[0]), int(used[-1]) + 1)
    return weights[:, span], span


def _keys(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keys' cubic convolution kernel with a = -0.5 (R. Keys, 1981)."""
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0.0))
