"""How many processes read training pictures, where the settings leave it to the machine.

Separate from the loader, because a check of the machine wants to know it too, without torch.
"""

import os
from multiprocessing import get_all_start_methods
from pathlib import Path

import psutil

from vsrpp_core.data.stacked import StackGeometry
from vsrpp_core.messages.kinds import DeviceKind
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.disk import GB, free_bytes

AUTO = -1
FIRST, MOST = 2, 8
"""Processes to begin with, and at most: more than eight seldom read faster from one disk."""
SHARED_MEMORY = Path("/dev/shm")
BATCHES_ON_THE_WAY = 3
"""Of each process: two that torch asks for in advance, and one that is being used."""
PROCESS_BYTES = 400 * 2**20
"""Of a process that has loaded torch but no CUDA, beside the pictures it keeps."""


def most_readers(config: RunConfig, kind: DeviceKind, pairs: int, geometry: StackGeometry, ranks: int = 1) -> int:
    """Processes that may read: ``data.workers``, or by cores, memory and shared memory where that is AUTO.

    0 where a CPU trains, which needs its cores itself, and on systems that cannot start them. ``geometry`` is that of
    the dataset, and ``ranks`` share the machine.
    """
    data = config.data
    if data.workers != AUTO:
        return data.workers
    if kind == "cpu" or "forkserver" not in get_all_start_methods():
        return 0
    kept = min(pairs * geometry.pair_bytes, int(data.cache_gb * GB)) if data.cache == "memory" else 0
    batches = BATCHES_ON_THE_WAY * batch_bytes(config, geometry)
    limits = [
        _cores() // ranks - 1,  # one launches the steps
        psutil.virtual_memory().available // 2 // ranks // (kept + PROCESS_BYTES),
    ]
    if SHARED_MEMORY.is_dir():
        limits.append(free_bytes(SHARED_MEMORY) // ranks // batches)
    return max(0, min(MOST, *limits))


def batch_bytes(config: RunConfig, geometry: StackGeometry) -> int:
    """Of one batch's decoded pictures."""
    return config.training.batch_size * geometry.cropped(config.data.crop).pair_bytes


def _cores() -> int:
    """Those that this process may use: a container may have fewer than the machine."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
