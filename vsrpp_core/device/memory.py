"""Which errors mean that a device, or the host, has no memory left.

Separate because code that can work with less memory (tiles, a smaller batch) must recognize this, and torch raises it
as several types with many messages.
"""

import torch

_PHRASES = (
    "out of memory",  # CUDA, HIP, MPS; also the driver, outside of torch's own allocator
    "can't allocate memory",  # torch's allocator for the CPU
    "not enough memory",  # the same on Windows
    "alloc_failed",  # cuBLAS and cuDNN 8
    "allocation_failed",  # cuDNN 9
    "bad_alloc",  # C++
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` means a failed allocation, so that the same work with less memory may succeed."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(phrase in text for phrase in _PHRASES)
