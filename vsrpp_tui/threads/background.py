"""A thread that works beside the screen, and the mailbox through which its events reach it.

A plain thread, not a Textual worker: the application must be able to end while a checkpoint, a picture or a patch is
finished.
"""

import traceback
from collections import deque
from collections.abc import Iterator
from threading import Event, Lock, Thread
from typing import Generic, TypeVar

from vsrpp_core.errors import VsrppError
from vsrpp_tui.threads.priority import lower_priority

E = TypeVar("E")


class Mailbox(Generic[E]):
    """Events on their way to the screen, oldest first. A waiting event may be replaced by its successor."""

    def __init__(self) -> None:
        self._events: deque[E] = deque()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._events)

    def put(self, event: E) -> None:
        with self._lock:
            if self._events and self.replaces(event, self._events[-1]):
                self._events.pop()
            self._events.append(event)

    def take(self) -> list[E]:
        """Everything that waits."""
        with self._lock:
            events = list(self._events)
            self._events.clear()
        return events

    def replaces(self, new: E, last: E) -> bool:
        """Whether ``last``, which waits, need not be seen once ``new`` is there."""
        raise NotImplementedError


class BackgroundThread:
    """``start`` it once; ``stop`` asks it to end, ``finish`` also waits until it has."""

    def __init__(self, name: str, daemon: bool = False) -> None:
        self._stopping = Event()
        self._thread = Thread(target=self._work, name=name, daemon=daemon)

    def start(self) -> None:
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        self._stopping.set()

    def finish(self) -> None:
        """Safe to call at any time, also twice."""
        if self._thread.is_alive():
            self.stop()
            self._thread.join()

    def _work(self) -> None:
        raise NotImplementedError


class EventThread(BackgroundThread, Generic[E]):
    """Puts what ``events`` yields into its mailbox; an exception becomes the event that ``failure`` makes of it."""

    def __init__(self, name: str, mailbox: Mailbox[E]) -> None:
        super().__init__(name)
        self.mailbox = mailbox

    def events(self) -> Iterator[E]:
        raise NotImplementedError

    def failure(self, message: str) -> E:
        raise NotImplementedError

    def _work(self) -> None:
        lower_priority()
        try:
            for event in self.events():
                self.mailbox.put(event)
        except VsrppError as error:
            self.mailbox.put(self.failure(str(error)))
        except Exception as error:
            traceback.print_exc()  # into the application's log file
            message = f"{type(error).__name__}: {error}; the traceback is in the application's log"
            self.mailbox.put(self.failure(message))
