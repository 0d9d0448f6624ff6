"""The contract of a sink, and the group a session speaks to."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from vsrpp_core.errors import describe_os_error
from vsrpp_core.messages.events import Event, SessionEnded, SessionFailed, WarningRaised

RETRY_SECONDS = 5.0
"""Between two tries of a sink whose disk fails."""


class Sink(Protocol):
    path: Path
    """What it writes."""

    def handle(self, event: Event) -> None:
        """Write what this event is worth. Raises OSError."""

    def miss(self, event: Event) -> None:
        """Know of an event that is not written, as the disk fails; also of one that ``handle`` has failed at."""

    def retry(self) -> None:
        """After a failure: write something, so that it is known to work. Raises OSError; half of what it wrote harms
        nothing that follows."""

    def close(self) -> None: ...


class SinkGroup:
    """Hands each event to every sink. One whose disk fails is reported once and tried again: training is worth more."""

    def __init__(self, sinks: Sequence[Sink], clock: Callable[[], float] = time.monotonic) -> None:
        self._sinks, self._clock = list(sinks), clock
        self._retry_at: dict[Sink, float] = {}

    def handle(self, event: Event) -> Iterator[WarningRaised]:
        """Deliver ``event``; a warning for each sink that begins to fail, and for each that works again."""
        for sink in self._sinks:
            was_failing = sink in self._retry_at
            if was_failing and not self._is_due(sink, event):
                sink.miss(event)
                continue
            try:
                if was_failing:
                    sink.retry()
                sink.handle(event)
            except OSError as error:
                self._retry_at[sink] = self._clock() + RETRY_SECONDS
                sink.miss(event)
                if not was_failing:
                    yield WarningRaised(message=_failure(sink, error))
                continue
            if was_failing:
                del self._retry_at[sink]
                yield WarningRaised(message=f"{sink.path} is written again")

    def close(self) -> None:
        for sink in self._sinks:
            with contextlib.suppress(OSError):  # what it still had to write is lost; other sinks and the run are not
                sink.close()

    def _is_due(self, sink: Sink, event: Event) -> bool:
        return isinstance(event, SessionEnded | SessionFailed) or self._clock() >= self._retry_at[sink]


def _failure(sink: Sink, error: OSError) -> str:
    failure = describe_os_error(error, sink.path, "cannot be written")
    return f"{failure}: it is tried again every {RETRY_SECONDS:g} seconds"
