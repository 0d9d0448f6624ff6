"""Watching the room that is left for checkpoints, so that a week of training is not lost to a full disk unnoticed.

Separate from checkpoints.py because it needs no torch, and from whoever tells it because it only finds the words.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

GB = 2**30
CHECKPOINTS_OF_ROOM = 2
"""A checkpoint replaces an earlier one only when it is complete, so both are on the disk for a moment."""


def free_bytes(folder: Path) -> int:
    """What this user may still write on the disk of ``folder``."""
    return shutil.disk_usage(folder).free


class DiskWatch:
    """Says once that a disk runs full, and again only after there was room in between.

    ``min_free_gb`` (units of 2³⁰ bytes) may change at any time and counts from the next look.
    """

    def __init__(self, folder: Path, min_free_gb: float, free: Callable[[Path], int] = free_bytes) -> None:
        self._folder, self._free = folder, free
        self.min_free_gb = min_free_gb
        self._was_short = False

    def look(self, checkpoint_size: int) -> str:
        """A sentence when less is free than the setting or two checkpoints of this size ask for, else empty."""
        try:
            free = self._free(self._folder)
        except OSError:  # a disk that cannot be asked is reported by the next save, with its own reason
            return ""
        wanted, reason = self._wanted(checkpoint_size)
        was_short, self._was_short = self._was_short, free < wanted
        if was_short or not self._was_short:
            return ""
        return (
            f"the disk of {self._folder} has {size_in_words(free)} left, less than {reason}; "
            "delete what is not needed there, or the next checkpoints may not be saved"
        )

    def _wanted(self, checkpoint_size: int) -> tuple[float, str]:
        """Bytes that should be free, and what asks for them."""
        by_setting, by_size = self.min_free_gb * GB, CHECKPOINTS_OF_ROOM * checkpoint_size
        if by_size > by_setting:
            return by_size, f"the {size_in_words(by_size)} that two checkpoints take"
        return by_setting, f"checkpoints.min_free_gb = {self.min_free_gb:g}"


def size_in_words(n_bytes: float) -> str:
    if n_bytes >= GB:
        return f"{n_bytes / GB:.1f} GB"
    return f"{n_bytes / 2**20:.0f} MB" if n_bytes >= 2**20 else f"{n_bytes / 2**10:.0f} kB"
