"""From decoded frames to the network's picture, on given hardware: for validation, evaluation and films alike.

Separate from tiles.py, which knows tensors only: here are the bits of the frames, the precision, and the memory that is
free before the first picture.
"""

from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
import psutil
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from vsrpp_core.device.hardware import Hardware
from vsrpp_core.device.transfer import Fetched, on_device
from vsrpp_core.messages.events import WarningRaised
from vsrpp_core.messages.kinds import Ensemble
from vsrpp_core.network.alignment import OFFSETS
from vsrpp_core.network.ensemble import VIEWS
from vsrpp_core.network.lean import LeanVSR
from vsrpp_core.network.metrics import to_8bit
from vsrpp_core.network.tiles import Network, Tile, Upscaler, receptive_radius

Level = TypeVar("Level", bound=np.uint8 | np.uint16)
"""Frames of 8 bits or of more; a picture has those of its frames."""

DEEP_WHITE = 255 * 256
"""White in libswscale's 16-bit RGB; what exceeds it, as an image's 65535 does, stays as much brighter than white."""

HOST_SHARE = 0.5
"""Of the host's free memory for a picture on the CPU, which asks for more than there is without an error."""


class PictureUpscaler:
    """Upscales stacks of frames in the hardware's precision.

    No more is computed at once than a square tile of ``tile`` LR pixels a side, with its halo; with 0 pictures are
    taken whole as long as memory allows. The halo of the tiles is as wide as the network sees, so the picture is the
    whole one's up to rounding.
    """

    def __init__(
        self,
        hardware: Hardware,
        tile: int = 0,
        reserved: int = 0,
        size: tuple[int, int] | None = None,
        ensemble: Ensemble = 1,
    ) -> None:
        """``reserved``: bytes of the host's free memory that the caller will need.

        With ``size`` (width, height) what the network makes is resampled to it before it is rounded to levels. A
        picture is the mean of as many views as ``ensemble`` says, and takes as many times as long.
        """
        self._views = VIEWS[ensemble]
        self._hardware, self._wanted, self._reserved, self._to = hardware, tile, reserved, size
        self._upscaler: Upscaler | None = None
        self._size = ""
        self._warned = bool(tile)

    def __call__(self, model: Network, frames: NDArray[Level]) -> NDArray[Level] | None:
        """Frames [T, h, w, 3] to the picture [s·h, s·w, 3] of the middle one, with the bits of the frames.

        None where the network's output is not finite: as whole levels it would be a picture like any other. Raises the
        device's error where no tile fits either.
        """
        return self.start(model, frames)()

    def start(self, model: Network, frames: NDArray[Level]) -> Callable[[], NDArray[Level] | None]:
        """As calling it, but a GPU may still work when it returns: what is returned waits and gives the picture.

        Between the two the next may be started, so that the GPU need not wait for the host.
        """
        output, level = self._resampled(self.output(model, frames)), frames.dtype
        levels = _to_16bit(output) if level == np.uint16 else to_8bit(output)
        picture, is_finite = Fetched(levels[0].permute(1, 2, 0).contiguous()), Fetched(output.isfinite().all())

        def finish() -> NDArray[Level] | None:
            return np.asarray(picture.take().numpy()).astype(level, copy=False) if is_finite.take() else None

        return finish

    def output(self, model: Network, frames: NDArray[Level]) -> Tensor:
        """The network's output [1, 3, s·h, s·w] on the device, 1.0 for white; a GPU may still work on it."""
        height, width = frames.shape[1:3]
        self._size = f"{width}x{height}"
        if self._upscaler is None:
            self._upscaler = Upscaler(self._most_pixels(model))
        stack = self._stack(frames)
        with torch.no_grad(), self._hardware.autocast():
            pictures = (view.undone(self._upscaler(model, view.of(stack))) for view in self._views)
            first = next(pictures)  # as the network gives it where it is the only one
            return first if len(self._views) == 1 else sum(pictures, first.float()) / len(self._views)

    def _resampled(self, output: Tensor) -> Tensor:
        """Bicubic with the kernel of all pictures here (Keys, a = -0.5), which is stretched where it shrinks."""
        if self._to is None or tuple(output.shape[-2:]) == self._to[::-1]:
            return output
        return F.interpolate(output.float(), size=self._to[::-1], mode="bicubic", antialias=True)

    @property
    def in_flight(self) -> int:
        """Pictures worth starting before the last one is waited for; on the CPU one is there when it is started."""
        return 1 if self._hardware.device.type == "cuda" else 0

    @property
    def tile(self) -> Tile | None:
        """How the last picture was cut; None where it was taken whole."""
        return self._upscaler.tile if self._upscaler else None

    def try_whole(self) -> None:
        """Take the next picture whole again: what held the memory may have released it."""
        self._upscaler = None

    def warnings(self) -> Iterator[WarningRaised]:
        """To be asked after each picture: that memory was short, once, after the first picture in tiles."""
        if self.tile and not self._warned:
            self._warned = True
            yield WarningRaised(
                message=f"{self._hardware.description.name} has no memory for whole LR frames of {self._size}; they "
                f"are upscaled in tiles of at most {self.tile[1]}x{self.tile[0]}, slower but with the same result"
            )

    def _stack(self, frames: NDArray[Level]) -> Tensor:
        """[1, T, 3, h, w] on the device, 1.0 for white."""
        deep = frames.dtype == np.uint16
        known = frames.astype(np.int32) if deep else frames  # devices know few operations on 16 bits
        stack = on_device(known, self._hardware.device).permute(0, 3, 1, 2).unsqueeze(0)
        return stack.float() / (DEEP_WHITE if deep else 255)

    def _most_pixels(self, model: Network) -> int:
        """LR pixels to compute at once; 0 for no limit, which on a CPU is a share of the host's free memory."""
        if self._wanted:
            return (self._wanted + 2 * receptive_radius(model)) ** 2
        if self._hardware.device.type != "cpu" or not isinstance(model, LeanVSR):
            return 0
        free = HOST_SHARE * psutil.virtual_memory().available - self._reserved
        return max(1, int(free / bytes_per_pixel(model)))


def bytes_per_pixel(model: LeanVSR) -> int:
    """Memory that inference takes at its peak for each LR pixel, in fp32: an upper estimate.

    The peak is where a frame joins the propagation: the other direction's result, the state, the frame's features and
    both together, or with local alignment the features it compares and fetches. Beside them there are the frames, and
    later the picture, the bilinear one and their sum.
    """
    maps = 5 * model.n_feats
    if model.alignment == "local":
        maps += 2 * (model.n_feats + OFFSETS)
    return 4 * (maps + 3 * (model.n_frames + 3 * model.scale**2))


def _to_16bit(image: Tensor) -> Tensor:
    """Values 0..1 to whole levels of 16 bits, as int32."""
    return (image.float() * DEEP_WHITE).round_().clamp_(0, 65535).to(torch.int32)
