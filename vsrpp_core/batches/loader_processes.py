"""The processes beside the one that trains, and what a signal to all of a program's processes means for them.

Ctrl-C, a closed terminal and a service that is stopped send their signal to the whole group. Only the main process is
to hear it: it saves, and needs those that read ahead for the step it is in. Separate from dataset.py because an
application starts the first of them before its screen, without torch.
"""

import os
import signal
import threading
from collections.abc import Callable
from multiprocessing import forkserver, parent_process, resource_tracker
from multiprocessing.process import BaseProcess

TO_ALL = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
LOOK_SECONDS = 1.0


def start_tracker() -> None:
    """Start what keeps the list of shared resources, deaf to signals to all. Does nothing where it runs."""
    _start_deaf(resource_tracker.ensure_running)


def start_server() -> None:
    """Start the tracker and the server that readers are forked from, deaf to signals to all; so are its readers."""
    start_tracker()  # first: started by the server's start it would let signals through again
    _start_deaf(forkserver.ensure_running)


def begin_reading(number: int) -> None:
    """What reader ``number`` does first: it will end when the main process asks it to, or is gone.

    torch asks one that hangs by SIGTERM. It also has each look at its parent, but that is the server, which lives as
    long as its readers do.
    """
    main = parent_process()
    assert main is not None, "readers are started by another process"
    if not hasattr(signal, "sigtimedwait") and hasattr(signal, "pthread_sigmask"):  # who has sent one cannot be told
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    threading.Thread(target=_end_with, args=(main,), name=f"reader {number}", daemon=True).start()


def _end_with(main: BaseProcess) -> None:
    while main.is_alive():
        if _is_asked_by(main):
            break
    os._exit(0)


def _is_asked_by(main: BaseProcess) -> bool:
    """Whether it has sent SIGTERM; waits a while for it."""
    if not hasattr(signal, "sigtimedwait"):
        main.join(LOOK_SECONDS)
        return False
    sent = signal.sigtimedwait([signal.SIGTERM], LOOK_SECONDS)
    return sent is not None and sent.si_pid == main.pid


def _start_deaf(start: Callable[[], None]) -> None:
    """A process inherits which signals are blocked in the thread that starts it, where there is such a thing."""
    if not hasattr(signal, "pthread_sigmask"):
        start()
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, TO_ALL)
    try:
        start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
