"""Threads that compute stand back for the one that draws the screen."""

import contextlib
import os
import sys
import threading

STANDS_BACK = 5
"""Niceness added: the screen, which needs little, comes first where a training computes on the same cores."""


def stand_back() -> None:
    """Lower the priority of the calling thread and of all that it will start, torch's among them.

    On Linux alone niceness is a thread's own. Elsewhere nothing changes.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # a sandbox may forbid it: the screen is slower then
            thread = threading.get_native_id()
            os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + STANDS_BACK)
