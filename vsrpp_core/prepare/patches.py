"""Where in a window the patch is, and how the pair is cut out of its frames.

Patch borders are as the network meets them in use: a frame is shrunk to the requested height, cropped to a multiple of
the scale and downscaled as a whole, and the patch is cut out of the results. For speed only the patch and its
surroundings within reach of the downscaling kernel are computed, which gives the same pixels.
"""

import base64
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from vsrpp_core.data.resize import downscaled, resize_weights
from vsrpp_core.data.stacked import DatasetFolder, write_pair
from vsrpp_core.errors import VsrppError, os_errors
from vsrpp_core.prepare import footage
from vsrpp_core.prepare.degradation import degrade_real
from vsrpp_core.prepare.filters import reason_to_skip, texture
from vsrpp_core.prepare.recipe import Recipe
from vsrpp_core.prepare.sources import Source
from vsrpp_core.prepare.windows import Window
from vsrpp_core.run.files import sync
from vsrpp_core.video.scenes import is_repeat
from vsrpp_core.video.tonemap import tone_mapped

Frame = NDArray[np.uint8]
Stored = NDArray[np.uint8 | np.uint16]

CANDIDATES = 4
"""Positions drawn per window, of which the most textured one that moves is used: more would leave out everything but
the most detailed part of the picture, and smooth areas must be learned as well."""

MARGIN = 4
"""LR pixels computed around a patch; the kernel of the downscaling reaches 2 of them."""


LOOK = 16
"""Side of the small grey picture of a ground truth by which duplicates are found."""


class CannotWriteError(VsrppError):
    """The dataset cannot be written, which ends the whole preparation, not one video."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The outcome for a window: a pair under ``name``, or the reason why there is none.

    ``frames`` are their numbers in the video, ``look`` the ground truth in LOOK × LOOK grey pixels, ``sizes`` the bytes
    of LR and ground truth.
    """

    start: int
    scene: int
    reason: str = ""
    name: str = ""
    frames: tuple[int, ...] = ()
    seconds: tuple[float, ...] = ()
    x: int = 0
    y: int = 0
    degradation: tuple[dict[str, Any], ...] = ()
    look: str = ""
    sizes: tuple[int, int] = (0, 0)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def picture(self) -> NDArray[np.uint8]:
        return np.frombuffer(base64.b64decode(self.look), np.uint8)


def cut_pair(window: Window, source: Source, folder: DatasetFolder, recipe: Recipe) -> Cut:
    """Choose a position in a window and write its pair, durably, or say why not."""
    if window.reason:
        return Cut(window.start, window.scene, window.reason)
    frames = [footage.rgb(frame, source.path, bool(source.info.hdr)) for frame in window.frames]
    top, left = _choose_place(frames, window, source, recipe)
    cut = [_patch(frame, source, top, left, recipe) for frame in frames]
    lr, half = [patch[0] for patch in cut], len(cut) // 2
    if reason := reason_to_skip(lr, cut[half][1], recipe.skip):
        return Cut(window.start, window.scene, reason)
    applied: list[dict[str, Any]] = []
    if recipe.degradation.kind == "real":
        stack, applied = degrade_real(np.stack(lr), _random(window, source, recipe, 1), recipe.degradation)
        lr = list(stack)
    name = f"{source.label}_{window.frames[half].number:06d}_{left}_{top}.png"
    return Cut(
        window.start,
        window.scene,
        name=name,
        frames=tuple(frame.number for frame in window.frames),
        seconds=tuple(round(frame.seconds, 4) for frame in window.frames),
        x=left,
        y=top,
        degradation=tuple(applied),
        look=base64.b64encode(look_of(cut[half][1]).tobytes()).decode(),
        sizes=_write(folder, name, lr, cut[half][1]),
    )


def _write(folder: DatasetFolder, name: str, lr: list[Frame], truth: Frame) -> tuple[int, int]:
    with os_errors(folder.lr_folder("train"), "cannot be written", kind=CannotWriteError):
        write_pair(folder, "train", name, lr, truth)
        paths = folder.lr_folder("train") / name, folder.gt_folder("train") / name
        for path in paths:
            sync(path)
        return paths[0].stat().st_size, paths[1].stat().st_size


def look_of(truth: Frame) -> NDArray[np.uint8]:
    """A ground truth in LOOK × LOOK grey pixels."""
    down, across = (size // LOOK for size in truth.shape[:2])
    blocks = truth[: down * LOOK, : across * LOOK, 1].reshape(LOOK, down, LOOK, across)
    return np.asarray(blocks.mean(axis=(1, 3)), np.uint8)


def _random(window: Window, source: Source, recipe: Recipe, purpose: int) -> np.random.Generator:
    return np.random.default_rng((recipe.dataset.seed, zlib.crc32(source.label.encode()), window.start, purpose))


def _choose_place(frames: Sequence[Stored], window: Window, source: Source, recipe: Recipe) -> tuple[int, int]:
    """Top and left of the patch in the shrunk frame, multiples of the scale: of a few, the most textured that moves."""
    random, frame, scale = _random(window, source, recipe, 0), (source.height, source.width), recipe.dataset.scale
    rows, columns = (
        scale * random.integers((size - side) // scale + 1, size=CANDIDATES)
        for size, side in zip(frame, recipe.dataset.patch_size, strict=True)
    )
    places = [(int(top), int(left)) for top, left in zip(rows, columns, strict=True)]
    return max(places, key=lambda place: _merit(frames, source, place, recipe))


def _merit(frames: Sequence[Stored], source: Source, place: tuple[int, int], recipe: Recipe) -> tuple[bool, float]:
    """Whether a position moves throughout, and its texture, from samples an LR pixel apart: only for comparison."""
    (top, left), (height, width) = place, recipe.dataset.patch_size
    down, across = source.info.height / source.height, source.info.width / source.width
    scale = recipe.dataset.scale
    rows = slice(round(down * top), round(down * (top + height)), max(1, round(scale * down)))
    columns = slice(round(across * left), round(across * (left + width)), max(1, round(scale * across)))
    looks = [_upper(frame[rows, columns, 1]) for frame in frames]
    moves = not any(is_repeat(a, b, recipe.skip.still) for a, b in pairwise(looks))
    return moves, texture(looks[len(looks) // 2])


def _upper(values: Stored) -> NDArray[np.uint8]:
    return values if values.dtype == np.uint8 else (values >> 8).astype(np.uint8)  # type: ignore[return-value]


def _patch(frame: Stored, source: Source, top: int, left: int, recipe: Recipe) -> tuple[Frame, Frame]:
    """LR [height / scale, width / scale, 3] and ground truth [height, width, 3] of the patch at ``top``, ``left``."""
    (height, width), scale = recipe.dataset.patch_size, recipe.dataset.scale
    reach = scale * MARGIN
    up, down = max(0, top - reach), min(source.height // scale * scale, top + height + reach)
    west, east = max(0, left - reach), min(source.width // scale * scale, left + width + reach)
    around = _shrunk(frame, source, (up, down), (west, east), recipe.source.hdr_peak)
    row, column = (top - up) // scale, (left - west) // scale
    lr = downscaled(around, scale)[row : row + height // scale, column : column + width // scale]
    return lr, np.ascontiguousarray(around[top - up : top - up + height, left - west : left - west + width])


def _shrunk(frame: Stored, source: Source, rows: tuple[int, int], columns: tuple[int, int], hdr_peak: float) -> Frame:
    """``imresize(frame, source.height, source.width)``, only the given range of its rows and columns.

    The same weights in single precision: one pixel in 100,000 rounds to the neighbouring level. HDR is tone-mapped
    first.
    """
    if frame.shape[:2] == (source.height, source.width):
        return _shown(frame[slice(*rows), slice(*columns)], source, hdr_peak)
    vertical, ys = _some_weights(frame.shape[0], source.height, rows)
    horizontal, xs = _some_weights(frame.shape[1], source.width, columns)
    part = _shown(frame[ys, xs], source, hdr_peak).astype(np.float32)
    tall = (vertical @ part.reshape(part.shape[0], -1)).reshape(-1, *part.shape[1:])
    turned = np.ascontiguousarray(tall.swapaxes(0, 1))
    full = (horizontal @ turned.reshape(turned.shape[0], -1)).reshape(-1, *turned.shape[1:]).swapaxes(0, 1)
    return np.array(np.clip(np.floor(full + np.float32(0.5)), 0, 255), np.uint8, order="C")


def _shown(part: Stored, source: Source, hdr_peak: float) -> Frame:
    if not source.info.hdr:
        return part  # type: ignore[return-value]
    return tone_mapped(part, "PQ" if source.info.hdr == "PQ" else "HLG", hdr_peak)  # type: ignore[arg-type]


def _some_weights(n_in: int, n_out: int, outputs: tuple[int, int]) -> tuple[csr_array, slice]:
    """Rows of ``resize_weights`` for a range of outputs, without unused inputs; and the range of inputs."""
    weights = _sparse_weights(n_in, n_out)[slice(*outputs)]
    inputs = slice(int(weights.indices.min()), int(weights.indices.max()) + 1)
    return weights[:, inputs], inputs


@lru_cache(maxsize=16)
def _sparse_weights(n_in: int, n_out: int) -> csr_array:
    """Sparse, as all but about ten weights of a row are 0: a third of the time of a dense product."""
    return csr_array(resize_weights(n_in, n_out).astype(np.float32))
