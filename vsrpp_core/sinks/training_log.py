"""``training.log``: what happened, in words, for a person reading the next morning."""

import contextlib
import time
from datetime import datetime
from pathlib import Path
from typing import TextIO

from vsrpp_core.messages.describe import describe
from vsrpp_core.messages.events import Event
from vsrpp_core.messages.journal import GAP, open_for_lines


class TrainingLog:
    """Appends one line per notable event; the file is made with the first line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: TextIO | None = None

    def handle(self, event: Event) -> None:
        if line := describe(event).in_full:
            self.write(line, event.time)

    def miss(self, event: Event) -> None:
        """What was missed is reported by ``retry``."""

    def retry(self) -> None:
        """Begin a new line, and say there that something is missing."""
        with contextlib.suppress(OSError):  # of what could not be written before
            self.close()
        self._file = None
        self.write(f"warning: {GAP}", time.time())

    def write(self, text: str, when: float) -> None:
        """Append free text (a traceback) under the given time, seconds since the Unix epoch."""
        if self._file is None:
            self._file = open_for_lines(self.path)
        stamp = datetime.fromtimestamp(when).strftime("%Y-%m-%d %H:%M:%S")
        self._file.write(f"{stamp}  {text}\n")
        self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
