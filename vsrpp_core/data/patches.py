"""Where in a window the patch lies, and how the pair is cut out of its frames.

Patch borders are what the network meets in use. A frame is shrunk to the wanted height, cut to a multiple of 3 and
downscaled as a whole, and the patch is cut out of the results; for speed only the patch and as much around it as the
downscaling kernel reaches is computed, which gives the same pixels.
"""

import zlib
from functools import lru_cache
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from vsrpp_core.data.degrade import downscale3, resize_weights
from vsrpp_core.data.recipe import PrepareSettings
from vsrpp_core.data.scenes import is_repeat
from vsrpp_core.data.sources import Source
from vsrpp_core.data.stacked import SCALE, DatasetFolder, write_pair
from vsrpp_core.data.windows import Frame, Window
from vsrpp_core.errors import VsrppError

Outcome = Literal["train", "val", "too little texture", "no motion"]
"""What became of a window: the split its pair was written to, or why there is none."""

CANDIDATES = 4
"""Places drawn per window, of which the most textured one that moves is taken: more would leave out whatever is not
the most detailed part of the picture, and smooth areas must be learned as well."""

MARGIN = 4
"""LR pixels computed around a patch; the kernel of the 3x downscaling reaches 2 of them."""


class CannotWriteError(VsrppError):
    """The dataset cannot be written: the end of the preparation, not of a video."""


def cut_pair(window: Window, source: Source, folder: DatasetFolder, settings: PrepareSettings) -> Outcome:
    """Choose a place in a window and write its pair, or say why not."""
    top, left = _choose_place(window, source, settings)
    cut = [_patch(frame, source, top, left, settings.patch) for frame in window.frames]
    lr, half = [patch[0] for patch in cut], settings.n_frames // 2
    if _texture(lr[half][..., 1]) < settings.min_texture:
        return "too little texture"
    if any(is_repeat(a, b, settings.min_motion) for a, b in pairwise(lr)):
        return "no motion"
    name = f"{source.label}_{window.start + half:06d}_{left}_{top}.png"
    try:
        write_pair(folder, window.split, name, lr, cut[half][1])
    except OSError as error:
        where = folder.lr_folder(window.split)
        raise CannotWriteError(f"{where} cannot be written ({error.strerror}); make room or name another") from None
    return window.split


def _choose_place(window: Window, source: Source, settings: PrepareSettings) -> tuple[int, int]:
    """Top and left of the patch in the shrunk frame, multiples of 3: of a few drawn the most textured that moves."""
    random = np.random.default_rng((settings.seed, zlib.crc32(source.label.encode()), window.start))
    rows, columns = (
        SCALE * random.integers((size - settings.patch) // SCALE + 1, size=CANDIDATES)
        for size in (source.height, source.width)
    )
    places = [(int(top), int(left)) for top, left in zip(rows, columns, strict=True)]
    return max(places, key=lambda place: _promise(window, source, place, settings))


def _promise(window: Window, source: Source, place: tuple[int, int], settings: PrepareSettings) -> tuple[bool, float]:
    """Whether a place moves throughout and its texture, from single samples an LR pixel apart: only to compare."""
    ratio = source.info.height / source.height
    step = max(1, round(SCALE * ratio))
    top, left, bottom, right = (round(ratio * edge) for edge in (*place, *(p + settings.patch for p in place)))
    looks = [frame[top:bottom:step, left:right:step, 1] for frame in window.frames]
    moves = not any(is_repeat(a, b, settings.min_motion) for a, b in pairwise(looks))
    return moves, _texture(looks[len(looks) // 2])


def _texture(grey: NDArray[np.uint8]) -> float:
    """Mean absolute step between neighbours, in levels, of [h, w]; green stands for luma, as in scenes.thumbnail."""
    levels = grey.astype(np.float32)
    return float(np.abs(np.diff(levels, axis=0)).mean() + np.abs(np.diff(levels, axis=1)).mean())


def _patch(frame: Frame, source: Source, top: int, left: int, side: int) -> tuple[Frame, Frame]:
    """LR [side / 3, side / 3, 3] and ground truth [side, side, 3] of the patch at ``top``, ``left``."""
    reach = SCALE * MARGIN
    up, down = max(0, top - reach), min(source.height // SCALE * SCALE, top + side + reach)
    west, east = max(0, left - reach), min(source.width // SCALE * SCALE, left + side + reach)
    around = _shrunk(frame, source, (up, down), (west, east))
    row, column = (top - up) // SCALE, (left - west) // SCALE
    lr = downscale3(around)[row : row + side // SCALE, column : column + side // SCALE]
    return lr, np.ascontiguousarray(around[top - up : top - up + side, left - west : left - west + side])


def _shrunk(frame: Frame, source: Source, rows: tuple[int, int], columns: tuple[int, int]) -> Frame:
    """``degrade.imresize(frame, source.height, source.width)``, only the given range of its rows and columns.

    With the same weights, but in single precision: one pixel in 100,000 rounds to the neighbouring level.
    """
    if frame.shape[:2] == (source.height, source.width):
        return frame[slice(*rows), slice(*columns)]
    vertical, ys = _some_weights(frame.shape[0], source.height, rows)
    horizontal, xs = _some_weights(frame.shape[1], source.width, columns)
    part = frame[ys, xs].astype(np.float32)
    tall = (vertical @ part.reshape(part.shape[0], -1)).reshape(-1, *part.shape[1:])
    turned = np.ascontiguousarray(tall.swapaxes(0, 1))
    full = (horizontal @ turned.reshape(turned.shape[0], -1)).reshape(-1, *turned.shape[1:]).swapaxes(0, 1)
    return np.array(np.clip(np.floor(full + np.float32(0.5)), 0, 255), np.uint8, order="C")


def _some_weights(n_in: int, n_out: int, outputs: tuple[int, int]) -> tuple[csr_array, slice]:
    """Rows of ``resize_weights`` for a range of outputs, without the inputs that none of them uses; the inputs left."""
    weights = _sparse_weights(n_in, n_out)[slice(*outputs)]
    inputs = slice(int(weights.indices.min()), int(weights.indices.max()) + 1)
    return weights[:, inputs], inputs


@lru_cache(maxsize=16)
def _sparse_weights(n_in: int, n_out: int) -> csr_array:
    """Sparse, as all but about ten weights of a row are 0: a third of the time of a dense product of the whole."""
    return csr_array(resize_weights(n_in, n_out).astype(np.float32))
