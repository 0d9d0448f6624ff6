"""The processes of the data loader, started with process-group signals blocked.

Ctrl-C, a closed terminal and a stopped service signal the whole process group. Only the main process may react: it
saves, and needs its workers to finish the current step. Separate from dataset.py because an application starts the
first of them before its screen, without torch.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import forkserver, parent_process, resource_tracker
from multiprocessing.process import BaseProcess
from types import ModuleType

GROUP_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
LOOK_SECONDS = 1.0


def start_tracker() -> None:
    """Start the tracker of shared resources, with process-group signals blocked, unless it runs already."""
    _start_with_signals_blocked(resource_tracker.ensure_running)


def start_server() -> None:
    """Start the tracker and the server that workers are forked from, all with process-group signals blocked."""
    start_tracker()  # first: the server's start would start it with signals unblocked
    _start_with_signals_blocked(forkserver.ensure_running)


@contextmanager
def without_main() -> Iterator[None]:
    """Processes that are started in this context do not import the main module, of which they need nothing.

    A script that trains without asking for its ``__name__`` would train again in each of them.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def begin_reading(number: int) -> None:
    """Runs first in worker ``number``: it will end when the main process asks for it, or is gone.

    torch sends SIGTERM to a worker that hangs. It also makes each watch its parent, but that is the server, which lives
    as long as its workers do.
    """
    main = parent_process()
    assert main is not None, "workers are started by another process"
    if not hasattr(signal, "sigtimedwait") and hasattr(signal, "pthread_sigmask"):  # the sender of a signal is unknown
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    threading.Thread(target=_end_with, args=(main,), name=f"reader {number}", daemon=True).start()


def _end_with(main: BaseProcess) -> None:
    while main.is_alive():
        if _is_asked_by(main):
            break
    os._exit(0)


def _is_asked_by(main: BaseProcess) -> bool:
    """Whether it has sent SIGTERM, waiting up to LOOK_SECONDS."""
    if not hasattr(signal, "sigtimedwait"):
        main.join(LOOK_SECONDS)
        return False
    sent = signal.sigtimedwait([signal.SIGTERM], LOOK_SECONDS)
    return sent is not None and sent.si_pid == main.pid


def _start_with_signals_blocked(start: Callable[[], None]) -> None:
    """A process inherits the signals that are blocked in the thread that starts it, where there is such a mask."""
    if not hasattr(signal, "pthread_sigmask"):
        start()
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, GROUP_SIGNALS)
    try:
        start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
