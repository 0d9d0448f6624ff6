"""Commands as lines of JSON, for who steers a run from another process.

A command is one line: its name under ``command``, its fields, and its ``number``, by which its answer is found in the
journal; without one the reader gives it a number. What reads a line answers it with another: a ``Receipt``.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from types import UnionType
from typing import Any, Literal, NoReturn, Union, get_args, get_origin, get_type_hints

from vsrpp_core.errors import UsageError, first_line
from vsrpp_core.messages.changes import as_text
from vsrpp_core.messages.commands import Command

LONGEST = 65_536
"""Bytes of a line; a mark has some dozen words, and all settings together have less."""

HALF_A_LETTER = re.compile("[\ud800-\udc7f\udd00-\udfff]")

LARGEST = 2**53
"""Integers beyond are not the same in every language that reads JSON."""

KINDS: dict[str, type[Command]] = {kind.__name__: kind for kind in get_args(Command)}
HINTS = {name: get_type_hints(kind) for name, kind in KINDS.items()}


@dataclass(frozen=True, slots=True)
class Receipt:
    """Whether a line was a command that is now on its way to the trainer; the trainer's answer is in the journal."""

    taken: bool
    number: int = 0
    fault: str = ""


def encode_command(command: Command) -> bytes:
    """One line with its newline."""
    return _line({"command": command.name, **asdict(command)})


def encode_receipt(receipt: Receipt) -> bytes:
    return _line(asdict(receipt))


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def decode_command(line: bytes) -> Command:
    """Raises UsageError, in words for whoever wrote the line."""
    record = _record(line)
    name = record.pop("command", None)
    if not isinstance(name, str) or name not in KINDS:
        raise UsageError(f"{as_text(name)} is no command; they are {', '.join(KINDS)}")
    hints = {field.name: HINTS[name][field.name] for field in fields(KINDS[name])}
    for key, value in record.items():
        if key not in hints:
            raise UsageError(f"{name} has no {key}; it has {', '.join(hints)}")
        if not _fits(value, hints[key]):
            raise UsageError(f"{name}: {key} cannot be {as_text(value)}")
    try:
        return KINDS[name](**record)
    except TypeError:
        missing = (key for key in hints if key not in (*record, "number"))
        raise UsageError(f"{name} lacks {', '.join(missing)}") from None


def decode_receipt(line: bytes) -> Receipt:
    """Raises UsageError for what is none."""
    record = _record(line)
    known = {field.name: record.get(field.name, field.default) for field in fields(Receipt)}
    if not all(_fits(value, hint) for value, hint in zip(known.values(), (bool, int, str), strict=True)):
        raise UsageError("this is no receipt of a command")
    return Receipt(**known)


def _record(line: bytes) -> dict[str, Any]:
    if len(line) > LONGEST:
        raise UsageError(f"a line has {LONGEST:,} bytes at most")
    try:
        record = json.loads(line, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"a line must be one object in JSON ({first_line(error)})") from None
    if not isinstance(record, dict):
        raise UsageError("a line must be one object in JSON")
    return record


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number in JSON")


def _fits(value: object, hint: Any) -> bool:
    """Whether a value from JSON may stand in a field of this type."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(_fits(value, part) for part in parts)
    if origin is Literal:
        return isinstance(value, str) and value in parts
    if origin is Mapping:
        return isinstance(value, dict) and all(_fits(one, parts[1]) for one in value.values())
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) < LARGEST
    if hint is float:
        return _fits(value, int) or (isinstance(value, float) and math.isfinite(value))
    if hint is str:  # names may have bytes of no encoding, but no other halves of letters, which no file takes
        return isinstance(value, str) and not HALF_A_LETTER.search(value)
    return isinstance(value, hint)
