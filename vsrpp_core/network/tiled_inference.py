"""From a window of pictures to the network's picture: all the bits the source has, in tiles where memory is short.

Separate from training/inference.py, whose pictures are 8-bit because scores are.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import psutil
import torch
from torch import Tensor

from vsrpp_core.apply.upscale.source import Picture, Pixels
from vsrpp_core.device.hardware import Hardware
from vsrpp_core.device.memory import is_out_of_memory
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages.events import WarningRaised
from vsrpp_core.network.model import SCALE, VSRBidirectional3x
from vsrpp_core.network.tiles import SMALLEST_TILE, Network, Upscaler, receptive_radius

DEEP_WHITE = 255 * 256
"""White in libswscale's 16-bit RGB; what exceeds it, as an image's 65535 does, stays as much brighter than white."""

HOST_SHARE = 0.5
"""Of the host's free memory for a picture on the CPU, which asks for more than there is without an error."""


class PictureUpscaler:
    """Upscales windows on given hardware; ``tile`` LR pixels a side at most, where 0 goes by the memory."""

    def __init__(self, model: Network, hardware: Hardware, tile: int = 0) -> None:
        self._model, self._hardware, self._wanted = model, hardware, tile
        self._upscaler: Upscaler | None = None
        self._told = bool(tile)

    def __call__(self, window: Sequence[Picture]) -> Pixels:
        """RGB [3h, 3w, 3] of the middle picture, with the bits of the window; VsrppError where memory does not do."""
        height, width = window[0].rgb.shape[:2]
        if self._upscaler is None:
            self._upscaler = Upscaler(self._wanted or self._first_tile(height, width))
        deep = window[0].rgb.dtype == np.uint16
        stack = self._stack(window, DEEP_WHITE if deep else 255)
        try:
            with torch.inference_mode(), self._hardware.autocast():
                picture = self._upscaler(self._model, stack)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            raise VsrppError(
                f"the device has too little free memory for frames of {width}x{height}, even in tiles; "
                "end what else uses it and try again"
            ) from error
        return _levels(picture, *((DEEP_WHITE, 65535) if deep else (255, 255)))

    @property
    def tile(self) -> int:
        """LR pixels a side of the tiles at most; 0 for whole pictures."""
        return self._upscaler.tile if self._upscaler else 0

    def warnings(self) -> Iterator[WarningRaised]:
        """To be asked after each picture: that tiles are used, once."""
        if self.tile and not self._told:
            self._told = True
            yield WarningRaised(
                message=f"{self._hardware.description.name} has no memory for whole frames; they are upscaled in "
                f"tiles of at most {self.tile}x{self.tile} pixels, slower but with the same result"
            )

    def _stack(self, window: Sequence[Picture], white: int) -> Tensor:
        """[1, T, 3, h, w], 1.0 for white."""
        frames = np.stack([picture.rgb for picture in window])
        known = frames if white == 255 else frames.astype(np.int32)  # devices know few operations on 16 bits
        stack = torch.from_numpy(known).to(self._hardware.device)
        return stack.permute(0, 3, 1, 2).unsqueeze(0).float() / white

    def _first_tile(self, height: int, width: int) -> int:
        """0, or on a CPU the side whose tile with its halo takes a share of the host's free memory."""
        if self._hardware.device.type != "cpu" or not isinstance(self._model, VSRBidirectional3x):
            return 0
        pixels = HOST_SHARE * psutil.virtual_memory().available / bytes_per_pixel(self._model)
        if height * width <= pixels:
            return 0
        return max(SMALLEST_TILE, int(pixels**0.5) - 2 * receptive_radius(self._model))


def bytes_per_pixel(model: VSRBidirectional3x) -> int:
    """Memory that inference takes at its peak for each LR pixel, in fp32: an upper estimate.

    The peak is in ``upsample``: nine times the feature maps, their rearranged copy and what the convolutions keep of
    them to work on, beside the features of all frames.
    """
    maps = model.n_feats * (model.n_frames + 4 * SCALE**2)
    return 4 * (maps + 3 * (model.n_frames + 3 * SCALE**2))


def _levels(picture: Tensor, white: int, highest: int) -> Pixels:
    """Rounded to whole levels."""
    levels = (picture[0].float() * white).round_().clamp_(0, highest).permute(1, 2, 0)
    if highest == 255:
        return np.asarray(levels.to(torch.uint8).cpu().numpy())
    return np.asarray(levels.to(torch.int32).cpu().numpy().astype(np.uint16))
