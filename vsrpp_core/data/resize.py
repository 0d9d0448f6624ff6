"""The field's two ways of downscaling to LR, written out so that they are the same everywhere.

Libraries differ in the kernel's parameter, in anti-aliasing and at the borders by up to a decibel; published figures
assume MATLAB's ``imresize``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vsrpp_core.data.stacked import SCALE

BLUR_SIGMA = 1.6
"""Pixels of the picture that is blurred."""
BLUR_RADIUS = 3


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
    return _resampled(image, rows, columns)


def downscaled(image: NDArray[np.uint8], scale: int = SCALE) -> NDArray[np.uint8]:
    """[s·h, s·w, C] to [h, w, C], bicubic: BI. The same picture at a scale of 1."""
    return imresize(image, image.shape[0] // scale, image.shape[1] // scale) if scale > 1 else image


def blur_downscaled(image: NDArray[np.uint8], scale: int = SCALE) -> NDArray[np.uint8]:
    """[s·h, s·w, C] to [h, w, C], blurred and subsampled: BD.

    A Gaussian of 7x7 pixels with sigma 1.6, the picture's edge repeated, and the middle of each 3x3 pixels kept: the
    field's BD for a factor of 3 (Y. Zhang et al., Residual Dense Network for Image Super-Resolution, CVPR 2018, and its
    published code). For 2 and 4, whose blocks have no pixel in the middle, it has 8x8 taps around their centre, so that
    nothing is shifted; the BD of video papers, for 4, has the same sigma and keeps the first pixel of each block. A
    scale of 1 is the blur alone.
    """
    return _resampled(image, _blur_weights(image.shape[0], scale), _blur_weights(image.shape[1], scale))


Downscaling = Literal["BI", "BD"]
SHRINK: dict[Downscaling, Callable[[NDArray[np.uint8], int], NDArray[np.uint8]]] = {
    "BI": downscaled,
    "BD": blur_downscaled,
}
"""Of a picture [s·H, s·W, C] and s, by the field's name of it."""


def upscaled(image: NDArray[np.uint8], scale: int = SCALE) -> NDArray[np.uint8]:
    """[h, w, C] to [s·h, s·w, C], bicubic: the picture called LR in every comparison; the same at a scale of 1."""
    return imresize(image, image.shape[0] * scale, image.shape[1] * scale) if scale > 1 else image


@lru_cache(maxsize=16)
def _blur_weights(n_in: int, scale: int) -> NDArray[np.float64]:
    """Weights [n_in // scale, n_in] of the blur at the centre of every ``scale`` pixels; each row sums to 1."""
    steps = np.arange(-BLUR_RADIUS, BLUR_RADIUS + (2 if scale % 2 == 0 else 1))
    kernel = np.exp(-((steps - (0.5 if scale % 2 == 0 else 0)) ** 2) / (2 * BLUR_SIGMA**2))
    n_out = n_in // scale
    places = scale * np.arange(n_out)[:, None] + (scale - 1) // 2 + steps[None, :]
    weights = np.zeros((n_out, n_in))
    np.add.at(weights, (np.arange(n_out)[:, None], np.clip(places, 0, n_in - 1)), kernel / kernel.sum())
    weights.setflags(write=False)
    return weights


def _resampled(image: NDArray[np.uint8], rows: NDArray[np.float64], columns: NDArray[np.float64]) -> NDArray[np.uint8]:
    """[H, W, C] by weights [h, H] and [w, W] to [h, w, C]; rounded and clipped to 8 bit."""
    tall = np.tensordot(rows, image.astype(np.float64), axes=(1, 0))
    full = np.tensordot(tall, columns, axes=(1, 1)).transpose(0, 2, 1)
    return np.clip(np.floor(full + 0.5), 0, 255).astype(np.uint8)


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
