"""What the verbs have in common on a console: lines that stay, one line of progress, signals, exit statuses.

Light to import: no torch, as ``vsrpp VERB --help`` answers at once.
"""

import errno
import json
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO, Any, Self, TextIO, cast

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn

from vsrpp_core.errors import command, describe_os_error
from vsrpp_core.messages.pace import Pace, clock

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130
EXIT_STOPPED_UNSAVED = 3
"""For the keeper of a session: it failed to save when it was to stop, and nobody wants it started again."""

PLAIN_SECONDS = 10.0
"""Without a terminal a line of progress is printed this often."""


class Terminal(Console):
    """A console that prints text as it is: no markup, no coloured numbers, no broken paths."""

    def say(self, *lines: str, style: str | None = None) -> None:
        for line in lines:
            self.print(line, style=style, markup=False, highlight=False, soft_wrap=True)

    def on_broken_pipe(self) -> None:
        """Raise, so that the verb can finish its work; rich would end the program on the spot."""
        raise BrokenPipeError


class PatientOutput:
    """Standard output of a job of days: words that a full disk has no room for are left out, as the job's log has them
    too. All else that output may raise ends the job in order."""

    def __init__(self, output: TextIO) -> None:
        self._output = output

    def write(self, text: str) -> int:
        with _where_room_is():
            self._output.write(text)
        return len(text)

    def flush(self) -> None:
        with _where_room_is():
            self._output.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._output, name)


@contextmanager
def _where_room_is() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise


def patient_terminal() -> Terminal:
    return Terminal(file=cast(IO[str], PatientOutput(sys.stdout)))


def let_go(output: TextIO) -> OSError | None:
    """Write what an output still holds back, or drop it and return why: the interpreter would try it once more at its
    end, and turn any exit status into 120."""
    try:
        output.flush()
    except OSError as error:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, output.fileno())
        os.close(nowhere)
        return error
    return None


def settled(status: int) -> int:
    """The exit status once both outputs are let go; of a success that could not be told, failure."""
    error = let_go(sys.stdout)
    if error and status == EXIT_DONE:
        status = EXIT_FAILED
        if error.errno != errno.EPIPE:  # whoever read it is there
            with suppress(OSError):
                complain(f"vsrpp: {describe_os_error(error, 'the output', 'cannot be written')}")
    let_go(sys.stderr)
    return status


def strict_json(value: Any) -> str:
    """One line of JSON; NaN and infinity, which JSON does not have, as null."""
    return json.dumps(_finite(value))


def _finite(value: Any) -> Any:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {name: _finite(part) for name, part in value.items()}
        case list() | tuple():
            return [_finite(part) for part in value]
        case _:
            return value


def complain(line: str) -> None:
    """Print an error on stderr."""
    Terminal(stderr=True).say(line, style="red")


def same_command() -> str:
    """The command that continues this one: without --fresh, which would start over."""
    return command(Path(sys.argv[0]).name, *(part for part in sys.argv[1:] if part != "--fresh"))


@dataclass(frozen=True, slots=True)
class Progressed:
    """How far a stage of the work is."""

    stage: str
    done: float
    total: float
    """0 where it is unknown."""
    label: str = ""
    """What is shown for the stage, if that is not its name."""
    unit: str = ""
    """What is counted, before the count."""
    rate_unit: str = ""
    """Shows the rate, in this unit."""
    figures: str = ""
    seconds_left: float | None = None
    """NaN where it is unknown; None works it out from the last minute."""


class ProgressView:
    """One calm line of progress below the lines that stay; without a terminal, a plain line now and then.

    On a terminal each stage begins a task of its own, as rich can neither take a total back nor go back.
    """

    def __init__(self, terminal: Terminal, first_line_at_once: bool = False) -> None:
        self._terminal = terminal
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}", markup=False),
            console=terminal,
            refresh_per_second=4,
            transient=True,
            disable=not terminal.is_terminal,
        )
        self._stage, self._done, self._pace = "", 0.0, Pace()
        self._task: TaskID | None = None
        self._printed_at = -math.inf if first_line_at_once else time.monotonic()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, at: Progressed) -> None:
        figures, now = self.draw(at), time.monotonic()
        if not self._terminal.is_terminal and now - self._printed_at >= PLAIN_SECONDS:
            self._printed_at = now
            of = f" of {at.total:,.0f}" if at.total else ""
            count = f": {at.unit}{at.done:,.0f}{of}" if at.done or of else ""
            self._terminal.say(f"{at.label or at.stage}{count}  {figures}".rstrip())

    def draw(self, at: Progressed) -> str:
        """Move the line on a terminal; the figures it shows."""
        if self._task is None or at.stage != self._stage or at.done < self._done:
            if self._task is not None:
                self._progress.remove_task(self._task)
            self._task, self._pace = self._progress.add_task(at.stage, total=None, figures=""), Pace()
        self._stage, self._done = at.stage, at.done
        self._pace = self._pace.noted(time.monotonic(), at.done)
        figures = self._figures(at)
        self._progress.update(
            self._task,
            description=at.label or at.stage,
            completed=int(at.done),
            total=int(at.total) or None,
            figures=figures,
        )
        return figures

    def _figures(self, at: Progressed) -> str:
        parts, seconds = [at.figures], at.seconds_left
        if at.rate_unit and self._pace.rate:
            parts.append(f"{self._pace.rate:.2f} {at.rate_unit}")
        if seconds is None:
            seconds = self._pace.left(at.total)
        if not math.isnan(seconds):
            parts.append(f"{clock(seconds)} left")
        return ", ".join(filter(None, parts))


@contextmanager
def on_signals(stop: Callable[[], object], patience: float = 0.0) -> Iterator[None]:
    """Ctrl-C, SIGTERM and SIGHUP call ``stop``; a second Ctrl-C gives up. What nohup ignores stays ignored.

    ``patience``: seconds after the first in which a second one changes nothing, where giving up loses work.
    """
    asked_at = math.inf

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal asked_at
        now = time.monotonic()
        if now >= asked_at + patience and number == signal.SIGINT:
            raise KeyboardInterrupt
        asked_at = min(asked_at, now)
        stop()

    known = (name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
    names = [name for name in known if name != "SIGHUP" or signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN]
    previous = {name: signal.signal(getattr(signal, name), handle) for name in names}
    try:
        yield
    finally:
        for name, handler in previous.items():
            signal.signal(getattr(signal, name), handler)
