"""The terminal is the screen's alone: what anything else writes to stdout or stderr goes to a file.

Textual draws on stderr; a line printed there by native code or a child process would garble the screen.
"""

import faulthandler
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from vsrpp_core.run.crash_dump import STDERR
from vsrpp_core.run.names import user_folder

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

LOG_LIMIT = 4_000_000
"""Bytes; a larger log of earlier sessions is overwritten."""


class TerminalFile(io.FileIO):
    """A terminal that accepts every write, even when it is gone.

    One error would end Textual's writer thread; its queue would fill up and block the screen's own thread.
    """

    def write(self, data: "ReadableBuffer", /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def log_path() -> Path:
    """Where stray output and tracebacks of the application go."""
    return user_folder("log") / "application.log"


@contextmanager
def captured_output(terminal_descriptor: int = 2) -> Iterator[None]:
    """Point file descriptors 1 and 2 at the log, and Python's original streams, which Textual uses, at the terminal."""
    log = _open_log()
    sys.stdout.flush()
    sys.stderr.flush()
    saved = {number: os.dup(number) for number in (1, 2)}
    terminals = [number for number in saved if os.isatty(number)]
    originals = (sys.__stdout__, sys.__stderr__)
    raw = TerminalFile(os.dup(terminal_descriptor), "w")
    terminal = io.TextIOWrapper(io.BufferedWriter(raw), encoding="utf-8", errors="replace")
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.__stdout__ = sys.__stderr__ = terminal  # type: ignore[misc]
    faulthandler.enable(STDERR)
    try:
        yield
    finally:
        sys.__stdout__, sys.__stderr__ = originals  # type: ignore[misc]
        sys.stdout.flush()
        sys.stderr.flush()
        for number, descriptor in saved.items():
            if number not in terminals or os.isatty(descriptor):  # else the last message goes to the log
                os.dup2(descriptor, number)
            os.close(descriptor)
        os.close(log)
        terminal.close()


def _open_log() -> int:
    path = log_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = os.O_TRUNC if path.exists() and path.stat().st_size > LOG_LIMIT else os.O_APPEND
    return os.open(path, os.O_WRONLY | os.O_CREAT | mode, 0o644)
