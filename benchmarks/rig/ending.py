"""How what a benchmark started ends with it, whatever ends the benchmark."""

import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

import psutil

SIGNALS = (signal.SIGTERM, signal.SIGHUP)
LOOK = 0.05


@contextmanager
def signals_unwind() -> Iterator[None]:
    """SIGTERM and SIGHUP leave the ``with`` blocks one by one, as Ctrl-C does, instead of ending Python at once."""
    before = {number: signal.signal(number, _leave) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Hold signals back: a second Ctrl-C must not leave behind what the first was about to end."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {*SIGNALS, signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def family(*pids: int) -> list[psutil.Process]:
    """Those of these processes that are there, all that descends from them, and the rest of their process groups."""
    found: set[psutil.Process] = set()
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            head = psutil.Process(pid)
            found |= {head, *head.children(recursive=True)}
    return [*found, *(one for one in psutil.process_iter() if one not in found and _group(one) in pids)]


def _group(process: psutil.Process) -> int:
    try:
        return os.getpgid(process.pid)
    except (ProcessLookupError, PermissionError):
        return 0


def see_off(processes: Sequence[psutil.Process], patience: float) -> None:
    """Give them the time they were asked to end in, then kill those that are still there."""
    for process in _left(processes, patience):
        with suppress(psutil.NoSuchProcess):
            process.kill()
    _left(processes, patience)


def _left(processes: Sequence[psutil.Process], patience: float) -> list[psutil.Process]:
    """Those that still run after ``patience`` seconds, or at once none."""
    end = time.monotonic() + patience
    while (left := [process for process in processes if lives(process)]) and time.monotonic() < end:
        time.sleep(LOOK)
    return left


def lives(process: psutil.Process) -> bool:
    """Whether it still runs; one that only waits to be collected does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
