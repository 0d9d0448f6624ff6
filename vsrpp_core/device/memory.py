"""Which errors mean that a device, or the host, has no memory left.

Separate because whoever can do with less (validation in tiles, a smaller batch) must tell this from a fault, and
torch raises it under several types and in many words.
"""

import torch

_PHRASES = (
    "out of memory",  # CUDA, HIP, MPS; also what the driver says outside of torch's own allocator
    "can't allocate memory",  # torch's allocator for the CPU
    "not enough memory",  # the same on Windows
    "alloc_failed",  # cuBLAS and cuDNN 8
    "allocation_failed",  # cuDNN 9
    "bad_alloc",  # C++
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` says that memory could not be had, so that the same with less memory may succeed."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(phrase in text for phrase in _PHRASES)
