"""Pictures on their way to a card and what comes back of them, and the order in memory that its convolutions want.

Separate from the batches, which know no device.
"""

from functools import cache
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor


def brought(images: tuple[Tensor, ...], device: torch.device) -> tuple[Tensor, ...]:
    """``images`` on ``device``.

    To a card they are copied on a stream of their own: from page-locked memory that happens while it still computes the
    step before, as the host is ahead of it. The stream that computes waits for the copy, the host for nothing.
    """
    if device.type != "cuda":
        return tuple(image.to(device, non_blocking=True) for image in images)
    compute, copies = torch.cuda.current_stream(device), _copies(device)
    with torch.cuda.stream(copies):
        there = tuple(image.to(device, non_blocking=True) for image in images)
    compute.wait_stream(copies)
    for image in there:
        image.record_stream(compute)  # or the allocator could give its memory away for the next copy
    return there


@cache
def _copies(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)


def as_floats(images: Tensor, channels_last: bool) -> Tensor:
    """uint8 [..., 3, h, w] as float32 in 0..1. ``channels_last``: a picture's three colours lie together in memory."""
    if not channels_last:
        return images.float().div_(255)
    pictures = images.flatten(0, -4).to(torch.float32, memory_format=torch.channels_last).div_(255)
    return pictures.view(images.shape)


def on_device(array: NDArray[Any], device: torch.device) -> Tensor:
    """A copy there. To a card it is on its way when this returns, from page-locked memory, behind what computes."""
    copy = torch.tensor(array)
    if device.type == "cuda":
        copy = copy.pin_memory()
    return copy.to(device, non_blocking=True)


class Fetched:
    """A tensor on its way from the device, whose later work ``take`` does not wait for."""

    def __init__(self, tensor: Tensor) -> None:
        self._here = tensor.to("cpu", non_blocking=True)
        self._arrival = torch.cuda.Event() if tensor.is_cuda else None
        if self._arrival:
            self._arrival.record(torch.cuda.current_stream(tensor.device))

    def take(self) -> Tensor:
        if self._arrival:
            self._arrival.synchronize()
        return self._here
