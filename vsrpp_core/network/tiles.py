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
from vsrpp_core.messages.events import Alignment
from vsrpp_core.network.alignment import REACH, STRIDE
from vsrpp_core.network.model import SCALE

SMALLEST_TILE = 32
"""LR pixels; smaller tiles would be mostly halo."""


class Network(Protocol):
    """A network like ``VSRBidirectional3x``: frames [B, T, 3, h, w] to pictures [B, 3, 3h, 3w]."""

    n_blocks: int
    n_frames: int
    alignment: Alignment

    def __call__(self, frames: Tensor) -> Tensor: ...


def receptive_radius(model: Network) -> int:
    """LR pixels to each side of a pixel that its 3x3 output pixels depend on.

    One for each 3x3 convolution on the way: ``feat_extract``, two in each of n_blocks / 2 residual blocks for each of
    the n_frames // 2 steps of a direction, and the two of ``upsample``. The latter of these works on the 3x picture,
    where one pixel of reach is at most one LR pixel; the bilinear picture's reach of one is less than all that. Local
    alignment looks around itself once, before the propagation.
    """
    aligning = REACH if model.alignment == "local" else 0
    return 1 + aligning + model.n_frames // 2 * model.n_blocks + 2


def upscale(model: Network, frames: Tensor, tile: int = 0, halo: int | None = None) -> Tensor:
    """Frames [1, T, 3, h, w] to [1, 3, 3h, 3w] in tiles of at most ``tile`` LR pixels a side; 0 is the whole at once.

    ``halo`` LR pixels around each tile are computed and discarded. None is the receptive radius, with which the result
    equals the whole picture up to rounding; less is faster and leaves faint seams.
    """
    if not tile:
        return model(frames)
    halo = receptive_radius(model) if halo is None else halo
    height, width = frames.shape[-2:]
    step = STRIDE if model.alignment == "local" else 1
    picture: Tensor | None = None
    for row in _spans(height, tile, halo, step):
        for column in _spans(width, tile, halo, step):
            part = model(frames[..., row.low : row.high, column.low : column.high])
            if picture is None:
                picture = part.new_empty(*part.shape[:-2], SCALE * height, SCALE * width)
            picture[..., row.target, column.target] = part[..., row.source, column.source]
    assert picture is not None
    return picture


class Upscaler:
    """``upscale`` of whole pictures while memory allows, then in tiles halved until they fit.

    ``tile`` is the side that fitted last, 0 for whole pictures; the next picture starts with it.
    """

    def __init__(self, tile: int = 0, halo: int | None = None) -> None:
        self.tile, self._halo = tile, halo

    def __call__(self, model: Network, frames: Tensor) -> Tensor:
        """As ``upscale``. The device's own error where no smaller tile would take less memory."""
        halo = receptive_radius(model) if self._halo is None else self._halo
        tile = self.tile
        while True:
            try:
                picture = upscale(model, frames, tile, halo)
            except Exception as error:
                smaller = _smaller_tile((frames.shape[-2], frames.shape[-1]), tile, halo)
                if not smaller or not is_out_of_memory(error):
                    raise
            else:
                self.tile = tile
                return picture
            tile = smaller  # here the error is gone, and with it what the failed attempt still held
            if frames.is_cuda:
                torch.cuda.empty_cache()


@dataclass(frozen=True, slots=True)
class _Span:
    """Along one dimension, in LR pixels: a tile ``start`` to ``end``, and ``low`` to ``high`` with its halo."""

    start: int
    end: int
    low: int
    high: int

    @property
    def target(self) -> slice:
        """The tile in the 3x picture."""
        return slice(SCALE * self.start, SCALE * self.end)

    @property
    def source(self) -> slice:
        """The tile in what the network makes of ``low`` to ``high``."""
        return slice(SCALE * (self.start - self.low), SCALE * (self.end - self.low))


def _spans(length: int, tile: int, halo: int, step: int = 1) -> list[_Span]:
    """As few tiles as possible, of about equal size: a narrow last one would be mostly halo.

    With their halos they begin at multiples of ``step``, so that a coarser grid in the network lies as in the whole.
    """
    count = -(-length // tile) if tile else 1
    edges = [index * length // count for index in range(count + 1)]
    return [
        _Span(start, end, max(0, start - halo) // step * step, min(length, end + halo))
        for start, end in pairwise(edges)
    ]


def _smaller_tile(size: tuple[int, int], tile: int, halo: int) -> int:
    """Half the side, halved again until less of the picture is computed at once; 0 if no tile is smaller."""
    failed, side = _largest(size, tile, halo), tile or max(size)
    while side > SMALLEST_TILE:
        side = max(-(-side // 2), SMALLEST_TILE)
        if _largest(size, side, halo) < failed:
            return side
    return 0


def _largest(size: tuple[int, int], tile: int, halo: int) -> int:
    """LR pixels of the largest tile with its halo."""
    height, width = (max(span.high - span.low for span in _spans(length, tile, halo)) for length in size)
    return height * width
