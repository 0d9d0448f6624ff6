"""From 8-bit frames to the network's 8-bit picture, for validation and evaluation alike."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from vsrpp_core.device.hardware import Hardware
from vsrpp_core.messages.events import WarningRaised
from vsrpp_core.network.metrics import to_8bit
from vsrpp_core.network.tiles import Network, Upscaler


class FrameUpscaler:
    """Upscales frames on given hardware in its precision: in tiles where a whole picture does not fit, told once.

    The halo of the tiles is as wide as the network sees, so the picture is the whole one's up to rounding.
    """

    def __init__(self, hardware: Hardware) -> None:
        self._hardware, self._upscaler = hardware, Upscaler()
        self._size = ""
        self._told = False

    def upscale(self, model: Network, frames: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
        """Frames [T, h, w, 3] to the picture [3h, 3w, 3]; the device's error where no tile fits either.

        None where the network's output is not finite: as 8 bits it would be a picture like any other.
        """
        self._size = f"{frames.shape[2]}x{frames.shape[1]}"
        stack = torch.from_numpy(frames.copy()).permute(0, 3, 1, 2).unsqueeze(0).to(self._hardware.device).float() / 255
        with torch.no_grad(), self._hardware.autocast():
            output = self._upscaler(model, stack)
        if not output.isfinite().all():
            return None
        picture = to_8bit(output)
        return np.asarray(picture[0].permute(1, 2, 0).cpu().numpy())

    def try_whole(self) -> None:
        """Take the next picture whole: what held the memory may have let go of it."""
        self._upscaler.tile = 0

    def warnings(self) -> Iterator[WarningRaised]:
        """To be asked after each picture: that tiles are used, once, after the first picture in tiles."""
        tile = self._upscaler.tile
        if tile and not self._told:
            self._told = True
            yield WarningRaised(
                message=f"{self._hardware.description.name} has no memory left for whole LR frames of {self._size}; "
                f"they are upscaled in tiles of at most {tile}x{tile}, slower but with the same scores"
            )
