"""A network over a picture that does not fit into the device's memory: in tiles, with the result of the whole.

A tile is cut out with a halo as wide as the network sees, clipped where the picture ends, so that the network pads with
zeros where it would have padded the whole picture and nowhere that reaches the tile. A picture's score then does not
depend on how much memory was free.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor

from vsrpp_core.device.memory import is_out_of_memory
from vsrpp_core.messages.kinds import Alignment
from vsrpp_core.network.alignment import REACH, STRIDE

SMALLEST_TILE = 32
"""LR pixels a side; smaller tiles would be mostly halo."""

SHRINK = 0.75
"""Of the LR pixels that did not fit, tried next: a failed attempt is paid once, needless halos with each picture."""

Tile = tuple[int, int]
"""Height and width of a tile without its halo, LR pixels."""


class Network(Protocol):
    """A network like ``VSRBidirectional3x``: frames [B, T, 3, h, w] to pictures [B, 3, s·h, s·w]."""

    n_blocks: int
    n_frames: int
    scale: int
    alignment: Alignment

    def __call__(self, frames: Tensor) -> Tensor: ...


def receptive_radius(model: Network) -> int:
    """LR pixels to each side of a pixel that its output pixels depend on.

    One for each 3x3 convolution on the way: ``feat_extract``, two in each of n_blocks / 2 residual blocks for each of
    the n_frames // 2 steps of a direction, and the two of ``upsample``, which has one where the scale is 1. The latter
    of two works on the large picture, where one pixel of reach is at most one LR pixel; the bilinear picture's reach of
    one is less than all that. Local alignment looks around itself once, before the propagation.
    """
    aligning = REACH if model.alignment == "local" else 0
    return 1 + aligning + model.n_frames // 2 * model.n_blocks + (2 if model.scale > 1 else 1)


def _step(model: Network) -> int:
    """Tiles with their halo begin at multiples of it."""
    return STRIDE if model.alignment == "local" else 1


def upscale(model: Network, frames: Tensor, tile: Tile | None = None, halo: int | None = None) -> Tensor:
    """Frames [1, T, 3, h, w] to [1, 3, s·h, s·w] in tiles of at most ``tile``; None is the whole at once.

    ``halo`` LR pixels around each tile are computed and discarded. None is the receptive radius, with which the result
    equals the whole picture up to rounding; less is faster and leaves faint seams.
    """
    height, width = frames.shape[-2:]
    if not tile or (tile[0] >= height and tile[1] >= width):
        return model(frames)
    halo = receptive_radius(model) if halo is None else halo
    step, scale = _step(model), model.scale
    picture: Tensor | None = None
    for row in _spans(height, tile[0], halo, step):
        for column in _spans(width, tile[1], halo, step):
            part = model(frames[..., row.low : row.high, column.low : column.high])
            if picture is None:
                picture = part.new_empty(*part.shape[:-2], scale * height, scale * width)
            picture[..., row.target(scale), column.target(scale)] = part[..., row.source(scale), column.source(scale)]
    assert picture is not None
    return picture


class Upscaler:
    """``upscale`` of whole pictures while memory allows, then in tiles that fit.

    ``pixels`` is the most LR pixels that are computed at once, 0 for no limit; where memory is short it shrinks until a
    picture fits. ``tile`` is how the last picture was cut, None for whole.
    """

    def __init__(self, pixels: int = 0, halo: int | None = None) -> None:
        self.pixels, self._halo = pixels, halo
        self.tile: Tile | None = None

    def __call__(self, model: Network, frames: Tensor) -> Tensor:
        """As ``upscale``. The device's own error where no smaller tile would take less memory."""
        halo = receptive_radius(model) if self._halo is None else self._halo
        size, step = (frames.shape[-2], frames.shape[-1]), _step(model)
        cut = _cheapest(size, halo, step, self.pixels)
        while True:
            try:
                picture = upscale(model, frames, cut.tile, halo)
            except Exception as error:
                smaller = _cheapest(size, halo, step, int(SHRINK * cut.largest))
                if smaller.largest >= cut.largest or not is_out_of_memory(error):
                    raise
            else:
                self.tile = None if cut.tile == size else cut.tile
                self.pixels = cut.largest if self.tile else self.pixels
                return picture
            cut = smaller  # here the error is gone, and with it what the failed attempt still held
            if frames.is_cuda:
                torch.cuda.empty_cache()


@dataclass(frozen=True, slots=True)
class _Span:
    """Along one dimension, in LR pixels: a tile ``start`` to ``end``, and ``low`` to ``high`` with its halo."""

    start: int
    end: int
    low: int
    high: int

    def target(self, scale: int) -> slice:
        """The tile in the enlarged picture."""
        return slice(scale * self.start, scale * self.end)

    def source(self, scale: int) -> slice:
        """The tile in what the network makes of ``low`` to ``high``."""
        return slice(scale * (self.start - self.low), scale * (self.end - self.low))


def _spans(length: int, side: int, halo: int, step: int = 1) -> list[_Span]:
    """As few tiles of at most ``side`` as possible, of about equal size: a narrow last one would be mostly halo.

    With their halos they begin at multiples of ``step``, so that a coarser grid in the network lies as in the whole.
    """
    count = -(-length // side)
    edges = [index * length // count for index in range(count + 1)]
    return [
        _Span(start, end, max(0, start - halo) // step * step, min(length, end + halo))
        for start, end in pairwise(edges)
    ]


@dataclass(frozen=True, slots=True)
class _Cut:
    """A picture in tiles of at most ``tile``: LR pixels of the largest with its halo, and of all together."""

    tile: Tile
    largest: int
    work: int


def _cheapest(size: tuple[int, int], halo: int, step: int, pixels: int) -> _Cut:
    """The cut of least work that computes at most ``pixels`` LR pixels at once; if none does, that of fewest at once.

    A strip as wide as the picture has a halo on two sides only; with little memory squares are cheaper all the same.
    """
    height, width = size
    if not pixels or height * width <= pixels:
        return _Cut(size, height * width, height * width)
    rows, columns = (_sides(length, halo, step) for length in size)
    cuts = [
        _Cut((row, column), row_high * column_high, row_sum * column_sum)
        for row, row_high, row_sum in rows
        for column, column_high, column_sum in columns
    ]
    fitting = [cut for cut in cuts if cut.largest <= pixels]
    return min(fitting, key=lambda cut: cut.work) if fitting else min(cuts, key=lambda cut: cut.largest)


def _sides(length: int, halo: int, step: int) -> list[tuple[int, int, int]]:
    """Ways to divide a side: LR pixels of a part, of the largest part with its halo, and of all with theirs."""
    sides = {-(-length // count) for count in range(1, -(-length // SMALLEST_TILE) + 1)}
    found = []
    for side in sorted(sides, reverse=True):
        lengths = [span.high - span.low for span in _spans(length, side, halo, step)]
        found.append((side, max(lengths), sum(lengths)))
    return found
