"""Follows a run that another process trains: reads its journal as it grows, and writes nothing."""

import time
import traceback
from threading import Event, Thread

from vsrpp_core.messages import journal
from vsrpp_core.run.folder import RunFolder
from vsrpp_tui.state.run import RunState, reduce
from vsrpp_tui.terminal import log_path

LOOK_SECONDS = 0.5
"""How often the journal is looked at."""

QUIET_SECONDS = 10.0
"""After so long without an event it is asked, as often, whether a process still trains the run."""


class Follower:
    """Folds events in a thread of its own; the screen reads ``state`` whenever it likes."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._stopping = Event()
        self._thread = Thread(target=self._work, name="follower", daemon=True)
        self._asked_at = 0.0
        self.state = RunState()
        self.caught_up = False
        """Whether everything that was there has been read."""
        self.heard_at = 0.0
        """When the newest event happened, seconds since the Unix epoch; 0 before the first."""
        self.owner = 0
        """PID of the process that trains the run, or 0."""
        self.fault = ""
        """Why the journal can no longer be read."""

    def start(self) -> None:
        self._thread.start()

    def finish(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _work(self) -> None:
        try:
            for event in journal.follow(self._folder.journal, self._wait):
                self.state, self.heard_at = reduce(self.state, event), event.time
        except OSError as error:
            self.fault = f"{self._folder.journal} cannot be read ({error.strerror})"
        except Exception:  # a value that no version writes
            traceback.print_exc()  # into the application's log file
            self.fault = f"{self._folder.journal.name} has a line that is not understood; see {log_path()}"

    def _wait(self) -> bool:
        """Called at the journal's end."""
        now = time.time()
        if not self._asked_at or now - max(self.heard_at, self._asked_at) > QUIET_SECONDS:
            self._asked_at, self.owner = now, self._folder.owner()
        elif not self.owner and self.heard_at > self._asked_at:
            self._asked_at = 0.0  # someone has begun to train: ask who, the next time
        self.caught_up = True
        return not self._stopping.wait(LOOK_SECONDS)
