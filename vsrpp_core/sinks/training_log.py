"""``training.log``: what happened, in words, for a person reading the next morning."""

from datetime import datetime
from pathlib import Path

from vsrpp_core.messages.events import Event
from vsrpp_core.sinks.describe import describe


class TrainingLog:
    """Appends one line per notable event."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")

    def handle(self, event: Event) -> None:
        line = describe(event)
        if line:
            self.write(line, event.time)

    def write(self, text: str, time: float) -> None:
        """Append free text (a traceback) under the given time, seconds since the Unix epoch."""
        stamp = datetime.fromtimestamp(time).strftime("%Y-%m-%d %H:%M:%S")
        self._file.write(f"{stamp}  {text}\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()
