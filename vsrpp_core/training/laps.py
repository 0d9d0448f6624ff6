"""What steps take and wait for, and more processes that read where that shows a device which starves.

Separate from the loop, which only says what it does, and from the stream, which knows no time.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, Protocol

from vsrpp_core.messages.events import ReadersAdded


class Lap(NamedTuple):
    """What some steps took, in seconds."""

    steps: int
    samples: int
    seconds: float
    waited: float
    """For pictures."""
    synced: float
    """For the device, when its figures were read."""


class StepClock:
    """Seconds spent in steps and in waiting for data since the last report; pauses and validations do not count."""

    def __init__(self) -> None:
        self.usual = 0.0
        """Seconds of a step, smoothed over the reports; 0 before the first."""
        self._steps, self._samples, self._busy, self._waited, self._synced = 0, 0, 0.0, 0.0, 0.0
        self._reported = self._lapped = self._total()
        self._reported_at = time.monotonic()

    @contextmanager
    def step(self) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self._busy += time.perf_counter() - start
        self._steps += 1

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Waiting for the device's figures counts as time of the steps that made them: a GPU runs asynchronously."""
        start, waited = time.perf_counter(), self._waited
        yield
        taken = time.perf_counter() - start
        self._busy += taken
        self._synced += taken - (self._waited - waited)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self._waited += time.perf_counter() - start

    def count(self, samples: int) -> None:
        self._samples += samples

    def seconds_since_report(self) -> float:
        return time.monotonic() - self._reported_at

    def report(self) -> tuple[float, float, float]:
        """Seconds per step, samples per second, share of the time spent waiting for data; then starts over."""
        since, self._reported = self._since(self._reported), self._total()
        self._reported_at = time.monotonic()
        if not since.steps or since.seconds <= 0:
            return 0.0, 0.0, 0.0
        seconds = since.seconds / since.steps
        self.usual = 0.9 * (self.usual or seconds) + 0.1 * seconds
        return seconds, since.samples / since.seconds, min(since.waited / since.seconds, 1.0)

    def lap(self) -> Lap:
        """Since the last lap."""
        since, self._lapped = self._since(self._lapped), self._total()
        return since

    def _total(self) -> Lap:
        return Lap(self._steps, self._samples, self._busy, self._waited, self._synced)

    def _since(self, then: Lap) -> Lap:
        return Lap(
            self._steps - then.steps,
            self._samples - then.samples,
            self._busy - then.seconds,
            self._waited - then.waited,
            self._synced - then.synced,
        )


WAITED, IDLE = 0.1, 0.5
"""Shares. A lap in which the host waited this long for pictures is starved if the device was done early: waiting for it
at the lap's end took less than this share of a step. While a device computes, waiting for pictures costs nothing."""

STARVED_LAPS = 3
"""In a row after which more are added; the first lap of new ones, which start in it, is not judged."""


class Readers(Protocol):
    """What a stream of batches exposes of its processes."""

    workers: int
    most_workers: int

    def use_workers(self, workers: int) -> None: ...


class ReaderCount:
    """Doubles the processes of a stream, up to its ``most_workers``, while the device starves."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._starved = -1

    def timed(self, step: int, lap: Lap) -> Iterator[ReadersAdded]:
        """Take in a lap; what was changed for it."""
        readers = self._readers
        if readers.workers >= readers.most_workers or not lap.steps:
            return
        is_starved = lap.waited > WAITED * lap.seconds and lap.synced < IDLE * lap.seconds / lap.steps
        self._starved = self._starved + 1 if is_starved or self._starved < 0 else 0
        if self._starved >= STARVED_LAPS:
            self._starved = -1
            readers.use_workers(min(max(2 * readers.workers, 1), readers.most_workers))
            yield ReadersAdded(step=step, workers=readers.workers, waited=lap.waited / lap.seconds)
