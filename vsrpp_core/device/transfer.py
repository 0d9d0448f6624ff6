"""Training pictures on their way to a card, and the order in memory that its convolutions want.

Separate from the batches, which know no device.
"""

from functools import cache

import torch
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
