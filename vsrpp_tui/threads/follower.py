"""Follows a run that another process trains: reads its journal as it grows, and writes nothing."""

import time
import traceback
from pathlib import Path

from vsrpp_core.messages import journal
from vsrpp_core.run.folder import RunFolder
from vsrpp_tui.state.run import RunState, reduce
from vsrpp_tui.terminal import log_path
from vsrpp_tui.threads.background import BackgroundThread

POLL_SECONDS = 0.5
"""Between two looks at the journal."""

QUIET_SECONDS = 10.0
"""After so long without an event it is asked, as often, whether a process still trains the run."""


def journal_fault(path: Path, error: Exception) -> str:
    """Why the journal ``path`` could not be replayed; unless the system refused it, the traceback goes to the log."""
    if isinstance(error, OSError):
        return f"{path} cannot be read ({error.strerror})"
    traceback.print_exception(error)  # a value that no version writes
    return f"{path.name} has a line that is not understood; see {log_path()}"


class Follower(BackgroundThread):
    """Folds events in a thread of its own; the screen reads ``state`` whenever it likes."""

    def __init__(self, folder: RunFolder) -> None:
        super().__init__("follower", daemon=True)
        self._folder = folder
        self._asked_at = 0.0
        self.state = RunState()
        self.caught_up = False
        """Whether everything that was there has been read."""
        self.last_event = 0.0
        """When the newest event happened, seconds since the Unix epoch; 0 before the first."""
        self.owner = 0
        """PID of the process that trains the run, or 0."""
        self.fault = ""
        """Why the journal can no longer be read."""

    def _work(self) -> None:
        try:
            for event in journal.follow(self._folder.journal, self._wait):
                self.state, self.last_event = reduce(self.state, event), event.time
        except Exception as error:
            self.fault = journal_fault(self._folder.journal, error)

    def _wait(self) -> bool:
        """Called at the journal's end; whether to follow on."""
        now = time.time()
        if not self._asked_at or now - max(self.last_event, self._asked_at) > QUIET_SECONDS:
            self._asked_at, self.owner = now, self._folder.owner()
        elif not self.owner and self.last_event > self._asked_at:
            self._asked_at = 0.0  # someone has begun to train: ask who, the next time
        self.caught_up = True
        return not self._stopping.wait(POLL_SECONDS)
