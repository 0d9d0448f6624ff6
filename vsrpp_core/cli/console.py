"""What every verb that works for long has in common on the command line: its line of progress, and how it is ended.

Light to import: no torch, as ``vsrpp --help`` answers at once.
"""

import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, SpinnerColumn, TextColumn

EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130
PLAIN_SECONDS = 10.0
"""Without a terminal a line of progress is printed this often."""


def clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def same_command() -> str:
    """--fresh was for the beginning: the work itself need not begin again."""
    return shlex.join([Path(sys.argv[0]).name, *(part for part in sys.argv[1:] if part != "--fresh")])


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


class StageLine:
    """One line for work in stages; without a terminal, a plain line now and then.

    On a terminal each stage begins a task of its own, as rich can neither take a total back nor go back.
    """

    def __init__(self, console: Console, progress: Progress, stage: str) -> None:
        self._console, self._progress, self._stage = console, progress, stage
        self._done = 0
        self._begun = self._printed = time.monotonic()
        self._task = progress.add_task(stage, total=None, figures="")

    def show(self, stage: str, done: int, total: int, figures: str = "") -> None:
        """``total`` is 0 where it is not known."""
        now = time.monotonic()
        if stage != self._stage or done < self._done:
            self._progress.remove_task(self._task)
            self._task = self._progress.add_task(stage, total=total or None, figures=figures)
            self._begun = now
        self._stage, self._done = stage, done
        self._progress.update(self._task, completed=done, total=total or None, figures=figures)
        if not self._console.is_terminal and now - self._printed >= PLAIN_SECONDS:
            self._printed = now
            line = f"{stage}: {done:,} of {total:,}{self._left(now, total)}" if total else stage
            self._console.print(f"{line}  {figures}".rstrip(), markup=False, highlight=False, soft_wrap=True)

    def end(self) -> None:
        """Take the line away: other work has one of its own."""
        self._progress.remove_task(self._task)

    def _left(self, now: float, total: int) -> str:
        if not self._done:
            return ""
        seconds = (now - self._begun) / self._done * (total - self._done)
        return f", {timedelta(seconds=round(seconds))} left"


@contextmanager
def on_signals(stop: Callable[[], object]) -> Iterator[None]:
    """Ctrl-C, SIGTERM and SIGHUP call ``stop``; a second Ctrl-C gives up at once. What nohup ignores stays ignored."""
    asked = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        asked = True
        stop()

    there = (name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
    names = [name for name in there if name != "SIGHUP" or signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN]
    previous = {name: signal.signal(getattr(signal, name), handle) for name in names}
    try:
        yield
    finally:
        for name, handler in previous.items():
            signal.signal(getattr(signal, name), handler)
