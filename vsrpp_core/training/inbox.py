"""The trainer's end of the command queue."""

from collections import deque
from collections.abc import Iterator
from queue import Empty

from vsrpp_core.messages.commands import Command, CommandQueue, Stop


class Inbox:
    """Takes commands in order; lets a long task check whether it should end early."""

    def __init__(self, queue: CommandQueue) -> None:
        self._queue = queue
        self._waiting: deque[Command] = deque()

    def next(self, wait: bool = False) -> Command | None:
        """The oldest command, or None; with ``wait`` it blocks until there is one."""
        self._fetch()
        if self._waiting:
            return self._waiting.popleft()
        return self._queue.get() if wait else None

    def next_here(self) -> Command | None:
        """The oldest command, for this rank alone; None also while a Stop waits, which is for all."""
        return None if self.stop_is_wanted() else Inbox.next(self)

    def twins(self, command: Command) -> Iterator[Command]:
        """Take those that ask for the same as ``command`` and come next: a key that was held."""
        self._fetch()
        while self._waiting and self._waiting[0] == command:
            yield self._waiting.popleft()

    def wait(self, seconds: float) -> Command | None:
        """The oldest command, or None after ``seconds`` without one."""
        self._fetch()
        if self._waiting:
            return self._waiting.popleft()
        try:
            return self._queue.get(timeout=seconds)
        except Empty:
            return None

    def stop_is_wanted(self) -> bool:
        """Whether a Stop is waiting; takes no command."""
        self._fetch()
        return any(isinstance(command, Stop) for command in self._waiting)

    def _fetch(self) -> None:
        while True:
            try:
                self._waiting.append(self._queue.get_nowait())
            except Empty:
                return
