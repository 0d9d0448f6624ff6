"""What a process holds of the memory, as the kernel tells it."""

import sys
from pathlib import Path


def peak_memory(pid: int) -> float:
    """The most that the process has held, MB."""
    return _status(pid, "VmHWM")


def memory(pid: int) -> float:
    return _status(pid, "VmRSS")


def _status(pid: int, kind: str) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except FileNotFoundError:
        sys.exit(f"/proc/{pid}/status is not there: the program has ended, or this is not Linux")
    for line in lines:
        if line.startswith(kind):
            return round(int(line.split()[1]) / 1000, 1)
    sys.exit(f"/proc/{pid}/status does not tell {kind}; this benchmark needs Linux")
