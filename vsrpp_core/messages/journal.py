"""Events as lines of JSON, so that a screen can be rebuilt after a crash or in another terminal.

One event is one line: its class name under ``event``, then its fields. Figures that are not finite are written
as JSON's common extension (NaN, Infinity), which Python reads back. A line torn by a crash or a full disk is the last
one of its writer and is passed over; so is a line whose event or whose fields are not those of this version.
"""

import contextlib
import json
import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, TextIO, get_args, get_origin, get_type_hints

from vsrpp_core.messages.cadence import Cadence
from vsrpp_core.messages.events import (
    EVENT_TYPES,
    Event,
    ParameterChanged,
    SessionEnded,
    SessionFailed,
    StepReported,
    ValidationProgressed,
    WarningRaised,
)
from vsrpp_core.messages.kinds import SettingValue

LONGEST_LINE = 1_000_000
"""Characters; no event is that long."""

LAST_MOMENT = 253_402_300_799
"""Seconds since the Unix epoch, in the year 9999: beyond it a time has no date."""

HINTS = {name: get_type_hints(event_type) for name, event_type in EVENT_TYPES.items()}
"""The types of each event's fields."""

OPENING = '{"event":"'
"""How ``encode`` begins a line."""

GAP = "what happened before this line is missing here: the disk took nothing"


def encode(event: Event) -> str:
    """One line of JSON without its newline."""
    record: dict[str, Any] = {"event": type(event).__name__}
    record.update({f.name: getattr(event, f.name) for f in fields(event)})
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"))


def decode(line: str) -> Event | None:
    """The event of one line, or None where the line is torn or its event unknown."""
    if len(line) > LONGEST_LINE:
        return None
    try:
        record = json.loads(line.removeprefix("\ufeff"))  # an editor's mark at the beginning of the file
    except (ValueError, RecursionError):  # the latter of what is nested too deeply to be one of ours
        return None
    if not isinstance(record, dict):
        return None
    event_type = EVENT_TYPES.get(str(record.pop("event", "")))
    if event_type is None:
        return None
    known = {f.name for f in fields(event_type)}
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in record.items() if k in known}
    if event_type is ParameterChanged:
        values.update({name: _typed(values[name]) for name in ("old", "new") if name in values})
    if not all(_fits(value, HINTS[event_type.__name__][name]) for name, value in values.items()):
        return None
    if not 0 <= values.get("time", 0.0) <= LAST_MOMENT:
        return None
    try:
        return event_type(**values)
    except TypeError:  # a field this version needs is missing: written by another version
        return None


def _fits(value: object, hint: Any) -> bool:
    """Whether a value from JSON may stand in a field of this type. Literals may be words of another version."""
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63
    if hint is float:
        return isinstance(value, float) or _fits(value, int)
    if hint is bool:
        return isinstance(value, bool)
    if get_origin(hint) is tuple:
        return isinstance(value, tuple) and all(_fits(one, get_args(hint)[0]) for one in value)
    return isinstance(value, str) or (hint == SettingValue and any(_fits(value, one) for one in (bool, float)))


def _typed(value: Any) -> Any:
    """A setting's value, which older versions wrote as text: ``0.001``, ``true``."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return value


def replay(path: Path) -> Iterator[Event]:
    """All events of a journal, oldest first; nothing where the file does not exist."""
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            event = decode(line)
            if event is not None:
                yield event


def replay_of(path: Path, kinds: Collection[type[Event]], fleeting: Collection[type[Event]]) -> Iterator[Event]:
    """As ``replay``, but only events of ``kinds``; of ``fleeting`` ones that follow each other, only the last.

    Many times as fast for who wants to know how a run stands and not how it came there: few lines are decoded.
    """
    wanted, passing = ({kind.__name__ for kind in group} for group in (kinds, fleeting))
    held, held_name = "", ""
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            name = line[len(OPENING) : line.find('"', len(OPENING))] if line.startswith(OPENING) else ""
            if name not in wanted:
                continue
            if not (name == held_name and name in passing) and (event := decode(held)):
                yield event
            held, held_name = line, name
    if event := decode(held):
        yield event


def follow(path: Path, wait: Callable[[], bool], begin: Callable[[], object] = lambda: None) -> Iterator[Event]:
    """All events of a journal that another process may be writing, and those still to come.

    ``wait`` is called where there is nothing more to read; it takes its time and says whether to continue. A line
    counts once it is complete. A journal that appears later, is emptied, or is replaced by another is read from its
    start, before which ``begin`` is called. Raises OSError where it cannot be read; follow it again to continue.
    """
    while True:
        if path.exists():
            begin()
            yield from _follow_file(path, wait)
        if not wait():
            return


def end_of(path: Path) -> int:
    """Where the journal ends now, in bytes: what comes after is news."""
    return path.stat().st_size if path.exists() else 0


def follow_from(path: Path, position: int, wait: Callable[[], bool]) -> Iterator[Event]:
    """As ``follow``, from ``position`` on, and only until another file has this name."""
    while not path.exists():
        if not wait():
            return
    yield from _follow_file(path, wait, position)


def _follow_file(path: Path, wait: Callable[[], bool], position: int = 0) -> Iterator[Event]:
    """The events of the file that now has this name, until another has it or ``wait`` says no."""
    with path.open("rb") as file:
        file.seek(position)
        rest = b""
        while True:
            rest += file.read()
            *lines, rest = rest.split(b"\n")
            yield from filter(None, (decode(line.decode("utf-8", errors="replace")) for line in lines))
            if not _is_still(path, file) or not wait():
                return


def _is_still(path: Path, file: BinaryIO) -> bool:
    """Whether ``file`` is what has the name ``path``, and no shorter than what was read of it."""
    try:
        named = path.stat()
    except FileNotFoundError:
        return False
    return named.st_ino == os.fstat(file.fileno()).st_ino and named.st_size >= file.tell()


class JournalWriter:
    """A sink that appends events to a journal.

    ``StepReported`` comes several times a second for days; only every ``step_every``-th step of them is kept, and
    nothing of how far a validation was: a screen rebuilt later shows its result. Everything else is kept whole. Lines
    are flushed one by one: a crash loses at most the one being written, and so does a disk that takes no more.
    """

    def __init__(self, path: Path, step_every: int = 10) -> None:
        self.path, self._steps = path, Cadence("cadence.journal_every", step_every)
        self._passed_over: StepReported | None = None
        """Since the last step that was kept. A session's last one is kept too, or a replay would end before it."""
        self._file: TextIO | None = None
        """Opened by the first event: what stands in its place is reported like a disk that fails."""

    def handle(self, event: Event) -> None:
        if isinstance(event, ValidationProgressed):
            return
        if isinstance(event, StepReported):
            self._passed_over = None if self._steps.is_due(event.step) else event
            if self._passed_over:
                return
        if isinstance(event, SessionEnded | SessionFailed) and self._passed_over:
            self._write(self._passed_over)
            self._passed_over = None
        self._steps.follow(event)
        self._write(event)

    def miss(self, event: Event) -> None:
        """What was missed is reported by ``retry``."""
        self._steps.follow(event)

    def retry(self) -> None:
        """Begin a new line, and say there that something is missing."""
        with contextlib.suppress(OSError):  # of what could not be written before
            self.close()
        self._file = None
        self._write(WarningRaised(message=GAP))

    def _write(self, event: Event) -> None:
        self._file = self._file or open_for_lines(self.path)
        self._file.write(encode(event) + "\n")
        self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_for_lines(path: Path) -> TextIO:
    """A file to append lines to: the first of them is a new one, also after a line that was torn. Raises OSError."""
    torn = _ends_torn(path)
    file = path.open("a", encoding="utf-8", errors="backslashreplace")
    if torn:
        file.write("\n")
    return file


def _ends_torn(path: Path) -> bool:
    if not path.exists() or path.stat().st_size == 0:
        return False
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read(1) != b"\n"
