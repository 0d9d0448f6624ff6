"""The contract of a sink, and the group a session speaks to."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Protocol

from vsrpp_core.messages.events import Event, WarningRaised


class Sink(Protocol):
    def handle(self, event: Event) -> None: ...

    def close(self) -> None: ...


class SinkGroup:
    """Hands each event to every sink. One whose disk fails is given up with a warning: training is worth more."""

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._sinks = list(sinks)

    def handle(self, event: Event) -> Iterator[WarningRaised]:
        """Deliver ``event``; a warning for each sink that had to be given up."""
        for sink in list(self._sinks):
            try:
                sink.handle(event)
            except OSError as error:
                self._sinks.remove(sink)
                _close(sink)
                yield WarningRaised(message=f"{type(sink).__name__} is given up: {error}")

    def close(self) -> None:
        for sink in self._sinks:
            _close(sink)


def _close(sink: Sink) -> None:
    with contextlib.suppress(OSError):  # what it still had to write is lost; the other sinks and the run are not
        sink.close()
