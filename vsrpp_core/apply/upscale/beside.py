"""Work on threads beside the caller's: items made ahead of it, and work finished behind it.

Separate from upscale.py, which says what is done there: here it only matters in which order and how far apart. Each
piece of work is handed over singly and only some at a time, so memory is bounded, and a thread ends with its work: none
ever waits for room in a queue.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, Self, TypeVar

T = TypeVar("T")
E = TypeVar("E")


def ahead(items: Generator[T, None, None], length: int) -> Generator[T, None, None]:
    """The items, made on a thread of their own and up to ``length`` of them in advance.

    What making one raises is raised in its place. Closing it closes ``items``, after the one that is being made.
    """
    ended = object()
    with ThreadPoolExecutor(1, "ahead") as thread:
        waiting: deque[Future[T | object]] = deque(thread.submit(next, items, ended) for _ in range(length))
        try:
            while (item := waiting.popleft().result()) is not ended:
                waiting.append(thread.submit(next, items, ended))
                yield item  # type: ignore[misc]
        finally:
            for future in waiting:
                future.cancel()
            thread.submit(items.close).result()


class Behind(Generic[E]):
    """Does work in order on a thread of its own, with at most ``length`` pieces undone when ``do`` returns.

    Leaving its context waits for all of it, however it is left. After a failure, which the next call raises, nothing
    more is done: what follows builds on it.
    """

    def __init__(self, length: int) -> None:
        self._length = length
        self._thread = ThreadPoolExecutor(1, "behind")
        self._waiting: deque[Future[E | None]] = deque()
        self._has_failed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._thread.shutdown()
        for future in self._waiting:
            future.result()

    def do(self, work: Callable[[], E | None]) -> Iterator[E]:
        """Yields what earlier work returned meanwhile, but for None."""
        self._waiting.append(self._thread.submit(self._done, work))
        return self._results(self._length)

    def rest(self) -> Iterator[E]:
        """As ``do``, of all work."""
        return self._results(0)

    def _done(self, work: Callable[[], E | None]) -> E | None:
        if self._has_failed:
            return None
        self._has_failed = True
        result = work()
        self._has_failed = False
        return result

    def _results(self, left: int) -> Iterator[E]:
        while self._waiting and (len(self._waiting) > left or self._waiting[0].done()):
            if (result := self._waiting.popleft().result()) is not None:
                yield result
