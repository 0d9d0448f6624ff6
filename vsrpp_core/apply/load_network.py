"""A trained network ready for inference, and its picture of a stack of frames with faults in words.

Separate because scoring, exporting and upscaling films all open one.
"""

from collections.abc import Callable
from pathlib import Path

import torch
from numpy.typing import NDArray

from vsrpp_core.checkpoint.stored_network import StoredNetwork, read_stored
from vsrpp_core.device.hardware import Hardware, choose_hardware
from vsrpp_core.device.memory import is_out_of_memory
from vsrpp_core.errors import VsrppError
from vsrpp_core.network.inference import Level, PictureUpscaler
from vsrpp_core.network.lean import LeanVSR
from vsrpp_core.network.model import VSRBidirectional3x
from vsrpp_core.network.tiles import Network


def load_network(path: Path, hardware: Hardware | None = None) -> VSRBidirectional3x:
    """The network of a checkpoint or an exported file, on the device, ready for inference. Raises VsrppError.

    Without ``hardware`` the device is a GPU if there is one. Called with frames [batch, n_frames, 3, h, w] in the order
    of time, RGB in 0..1, it gives the picture [batch, 3, 3h, 3w] of the middle frame, not clamped.
    """
    hardware = hardware or choose_hardware("fp32")
    model = build(read_stored(path), LeanVSR)
    return model.to(hardware.device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def build(network: StoredNetwork, form: type[VSRBidirectional3x] = VSRBidirectional3x) -> VSRBidirectional3x:
    """The network itself, on the CPU, ready for inference."""
    model = form(**network.form.model_dump())
    model.load_state_dict(network.weights)
    return model.eval()


def upscale_frames(upscaler: PictureUpscaler, model: Network, frames: NDArray[Level], source: Path) -> NDArray[Level]:
    """As ``upscaler``; VsrppError naming ``source`` where memory is too short or the picture is not finite."""
    return started(upscaler, model, frames, source)()


def started(
    upscaler: PictureUpscaler, model: Network, frames: NDArray[Level], source: Path
) -> Callable[[], NDArray[Level]]:
    """``upscale_frames`` in two halves, as ``PictureUpscaler.start``."""
    try:
        finish = upscaler.start(model, frames)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        height, width = frames.shape[1:3]
        raise VsrppError(
            f"the device has too little free memory for {source}, LR frames of {width}x{height}, even in tiles; "
            "end what else uses it and try again"
        ) from error

    def finished() -> NDArray[Level]:
        if (picture := finish()) is None:
            raise VsrppError(
                f"the network's pictures of {source} are not finite; try --precision fp32 or another checkpoint"
            )
        return picture

    return finished
