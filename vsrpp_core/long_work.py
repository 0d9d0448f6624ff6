"""What every verb that works for long has in common on the command line: its line of progress, and how it is ended.

Light to import: no torch, as ``vsrpp --help`` answers at once.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, SpinnerColumn, TextColumn

EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130
PLAIN_SECONDS = 10.0
"""Without a terminal a line of progress is printed this often."""


def progress_line(console: Console, *columns: ProgressColumn) -> Progress:
    """One calm line on a terminal, nothing without one; ``columns`` stand between the counts and the task's figures."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        *columns,
        TextColumn("{task.fields[figures]}", markup=False),
        console=console,
        refresh_per_second=4,
        disable=not console.is_terminal,
    )


@contextmanager
def on_signals(stop: Callable[[], object]) -> Iterator[None]:
    """Ctrl-C, SIGTERM and SIGHUP call ``stop``; a second Ctrl-C gives up at once."""
    asked = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        asked = True
        stop()

    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    previous = {name: signal.signal(getattr(signal, name), handle) for name in names}
    try:
        yield
    finally:
        for name, handler in previous.items():
            signal.signal(getattr(signal, name), handler)
