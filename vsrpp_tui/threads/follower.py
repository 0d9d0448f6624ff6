"""Follows a run that another process trains: reads its journal as it grows, and writes nothing."""

import time
import traceback
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

from vsrpp_core.messages import events as ev
from vsrpp_core.messages import journal
from vsrpp_core.run.folder import RunFolder
from vsrpp_tui.state.run import RunState, reduce
from vsrpp_tui.terminal.output import log_path
from vsrpp_tui.threads.background import BackgroundThread

POLL_SECONDS = 0.1
"""Between two looks at the journal: an answer is seen as soon as the screen is drawn."""

QUIET_SECONDS = 10.0
"""After so long without an event it is asked, as often, whether a process still trains the run."""


def journal_fault(path: Path, error: Exception) -> str:
    """Why the journal ``path`` could not be replayed; unless the system refused it, the traceback goes to the log."""
    if isinstance(error, OSError):
        return f"{path} cannot be read ({error.strerror})"
    traceback.print_exception(error)  # a value that no version writes
    return f"{path.name} has a line that is not understood; see {log_path()}"


class Follower(BackgroundThread):
    """Folds events in a thread of its own; the screen reads ``state`` whenever it likes.

    Silences are measured by ``clock``: the computer's own may be moved, and the other process may be on another one.
    """

    def __init__(self, folder: RunFolder, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__("follower", daemon=True)
        self._folder, self._clock = folder, clock
        self._asked_at: float | None = None
        self._heard_at = 0.0
        self._age = 0.0
        """Of the newest event when it was read, seconds."""
        self.state = RunState()
        self.has_events = False
        self.caught_up = False
        """Whether everything that was there has been read."""
        self.owner = 0
        """PID of the process that trains the run, or 0."""
        self.fault = ""
        """Why nothing can be read now; it is tried again all the time."""
        self._told: SimpleQueue[ev.Event] = SimpleQueue()

    @property
    def silence(self) -> float:
        """Seconds since the newest event."""
        return self._clock() - self._heard_at + self._age

    def tell(self, event: ev.Event) -> None:
        """An event that is in no journal: of what happened on the way to the trainer."""
        self._told.put(event)

    def ask_again(self) -> None:
        """Ask at once who trains the run."""
        self._asked_at = None

    def _work(self) -> None:
        path = self._folder.journal
        while not self._stopping.is_set():
            try:
                for event in journal.follow(path, self._wait, self._begin):
                    self._take(event)
            except OSError as error:
                self.fault = journal_fault(path, error)
                self._stopping.wait(POLL_SECONDS)

    def _begin(self) -> None:
        """The journal is read from its start: another may have taken its place."""
        self.state, self.caught_up, self.has_events, self.fault = RunState(), False, False, ""

    def _take(self, event: ev.Event) -> None:
        try:
            self.state = reduce(self.state, event)
        except Exception:  # one odd event does not end the watching
            traceback.print_exc()
        self.has_events, self._heard_at = True, self._clock()
        self._age = 0.0 if self.caught_up else max(time.time() - event.time, 0.0)

    def _wait(self) -> bool:
        """Called at the journal's end; whether to follow on."""
        while not self._told.empty():
            self.state = reduce(self.state, self._told.get())
        now = self._clock()
        if self._asked_at is None or now - max(self._heard_at, self._asked_at) > QUIET_SECONDS:
            self._asked_at, self.owner = now, self._folder.owner()
        elif not self.owner and self._heard_at > self._asked_at:
            self._asked_at = None  # someone has begun to train: ask who, the next time
        if not self._folder.path.is_dir() or (self.has_events and not self._folder.journal.exists()):
            self.fault = f"{self._folder.path} is gone: deleted or moved; it is shown when it is back"
            self._asked_at = None
        self.caught_up = True
        return not self._stopping.wait(POLL_SECONDS)
