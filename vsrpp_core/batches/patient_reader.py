"""Waiting for the next batch with a limit, so that orders are heard while a drive or a reading process does not answer.

Separate from dataset.py, which decides what is read: here it only matters that reading may never end. It is done on a
thread of its own, one batch at a time and only when asked for, so what is read and when stays as it is without one.
"""

import threading
from collections.abc import Iterator
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class PatientReader(Generic[T]):
    """Takes values from an iterator of a data loader; ``close`` ends its worker processes, also those that hang."""

    def __init__(self, values: Iterator[T]) -> None:
        self._processes: tuple[Any, ...] = tuple(getattr(values, "_workers", ()))  # torch offers no other way to them
        self._asked: SimpleQueue[bool] = SimpleQueue()
        self._read: SimpleQueue[T | BaseException] = SimpleQueue()
        self._is_reading = False
        self._ready: list[T | BaseException] = []
        target, arguments = _read_on, (values, self._asked, self._read)
        self._thread = threading.Thread(target=target, args=arguments, name="reader of batches", daemon=True)
        self._thread.start()

    def has(self, count: int, seconds: float) -> bool:
        """Whether the next ``count`` values are there, after waiting up to ``seconds`` for each."""
        while len(self._ready) < count:
            if not self._is_reading:
                self._asked.put(True)
                self._is_reading = True
            try:
                self._ready.append(self._read.get(timeout=seconds))
            except Empty:
                return False
            self._is_reading = False
        return True

    def take(self) -> T:
        """The next value; what reading it raised is raised here. Waits for it."""
        while not self.has(1, 1.0):
            pass
        value = self._ready.pop(0)
        if isinstance(value, BaseException):
            raise value
        return value

    def close(self) -> None:
        """A process that still reads is ended first: the data loader would wait for it."""
        if self._is_reading:
            self._kill()
        self._asked.put(False)
        self._thread.join(timeout=0.0 if self._is_reading and not self._processes else None)
        self._kill()

    def _kill(self) -> None:
        for process in self._processes:
            if process.is_alive():
                process.kill()


def _read_on(values: Iterator[T], asked: "SimpleQueue[bool]", read: "SimpleQueue[T | BaseException]") -> None:
    while asked.get():
        try:
            read.put(next(values))
        except BaseException as error:
            read.put(error)
