"""The lines that a screen shows of events, newest last and no more than LOG_LIMIT.

Apart from run.py, as jobs have a log too.
"""

from dataclasses import dataclass

from vsrpp_core.messages import events as ev
from vsrpp_core.messages.describe import Tone, describe

LOG_LIMIT = 500


@dataclass(frozen=True, slots=True)
class LogLine:
    """``time`` in seconds since the Unix epoch."""

    time: float
    tone: Tone
    text: str
    event: type[ev.Event] | None = None
    """The class of the event it describes."""


Log = tuple[LogLine, ...]


def log_line(event: ev.Event) -> LogLine | None:
    """The line about an event, or None for one that the other panels show."""
    line = describe(event)
    return LogLine(event.time, line.tone, line.text, type(event)) if line.text else None


def with_event(log: Log, event: ev.Event) -> Log:
    return with_line(log, line) if (line := log_line(event)) else log


def with_line(log: Log, line: LogLine) -> Log:
    return (*log, line)[-LOG_LIMIT:]
