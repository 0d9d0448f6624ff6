"""Keeps the terminal for the screen alone: what anything else writes to stdout or stderr goes to a file.

Textual draws on stderr; a line printed there by native code or a child process would tear the picture.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from platformdirs import user_log_path

LOG_LIMIT = 4_000_000
"""Bytes; a larger log of earlier sessions is begun anew."""


def log_path() -> Path:
    """Where stray output and tracebacks of the application go."""
    return user_log_path("vsrpp") / "application.log"


@contextmanager
def screen_to_itself() -> Iterator[None]:
    """Point file descriptors 1 and 2 at the log, and Python's original streams, which Textual uses, at the terminal."""
    log = _open_log()
    sys.stdout.flush()
    sys.stderr.flush()
    saved = [os.dup(1), os.dup(2)]
    originals = (sys.__stdout__, sys.__stderr__)
    terminal = os.fdopen(os.dup(saved[1]), "w", encoding="utf-8", errors="replace")
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.__stdout__ = sys.__stderr__ = terminal  # type: ignore[misc]
    try:
        yield
    finally:
        sys.__stdout__, sys.__stderr__ = originals  # type: ignore[misc]
        sys.stdout.flush()
        sys.stderr.flush()
        for number, descriptor in enumerate(saved, start=1):
            os.dup2(descriptor, number)
            os.close(descriptor)
        os.close(log)
        _close_quietly(terminal)


def _close_quietly(terminal: "os._TextIOWrapper") -> None:  # type: ignore[name-defined]
    try:
        terminal.close()
    except OSError:  # the terminal itself is gone (a closed ssh connection): nothing is left to be told there
        return


def _open_log() -> int:
    path = log_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = os.O_TRUNC if path.exists() and path.stat().st_size > LOG_LIMIT else os.O_APPEND
    return os.open(path, os.O_WRONLY | os.O_CREAT | mode, 0o644)
