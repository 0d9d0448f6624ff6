"""``training.log``: what happened, in words, for a person reading the next morning."""

from datetime import datetime
from pathlib import Path
from typing import TextIO

from vsrpp_core.messages.events import Event
from vsrpp_core.sinks.describe import describe


class TrainingLog:
    """Appends one line per notable event; the file is made with the first line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO | None = None

    def handle(self, event: Event) -> None:
        line = describe(event)
        if line:
            self.write(line, event.time)

    def write(self, text: str, time: float) -> None:
        """Append free text (a traceback) under the given time, seconds since the Unix epoch."""
        if self._file is None:
            self._file = self._path.open("a", encoding="utf-8")
        stamp = datetime.fromtimestamp(time).strftime("%Y-%m-%d %H:%M:%S")
        self._file.write(f"{stamp}  {text}\n")
        self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
