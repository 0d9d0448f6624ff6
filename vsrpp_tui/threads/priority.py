"""Threads that compute run at a lower priority than the one that draws the screen."""

import contextlib
import os
import sys
import threading

NICENESS = 5
"""Added to a thread's niceness: the screen, which needs little, goes first where a training uses the same cores."""


def lower_priority() -> None:
    """Lower the priority of the calling thread and of all threads it will start, torch's among them.

    Does nothing but on Linux: elsewhere niceness belongs to the whole process.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # a sandbox may forbid it: the screen is slower then
            thread = threading.get_native_id()
            os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + NICENESS)
