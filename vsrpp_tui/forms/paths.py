"""Paths as people type them into a form: several in one line, with a tilde, quoted as a shell or a terminal does."""

import shlex
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from vsrpp_core.errors import UsageError

LOOKED_AT = 4000
"""Entries of a folder among which a completion is looked for: it must come while one types."""


def read_path(text: str) -> Path:
    """One path, absolute. UsageError for what no file can be called."""
    try:
        return Path(text.strip()).expanduser().absolute()
    except (RuntimeError, ValueError) as error:  # no such user, or a null byte
        raise UsageError(f"{text} is no path ({error})") from None


def is_there(path: Path) -> bool:
    """Also where asking fails: a line of many names is too long for one, and a folder may be closed to us."""
    try:
        return path.exists()
    except OSError:
        return False


def read_paths(text: str) -> list[Path]:
    """All paths in a line. What exists as a whole is one path, whatever spaces it holds; else words as in a shell."""
    if not text.strip():
        return []
    if is_there(whole := read_path(text)):
        return [whole]
    try:
        words = shlex.split(text)
    except ValueError:
        raise UsageError("a quotation mark has no partner; close it, or leave it out") from None
    return [read_path(word) for word in words]


def write_paths(paths: Iterable[Path]) -> str:
    """A line that ``read_paths`` reads again."""
    return " ".join(shlex.quote(str(path)) for path in paths)


def complete(text: str) -> str | None:
    """``text`` with its last path completed to the first entry that begins like it, or None."""
    for begun in dict.fromkeys((text, text.rsplit(" ", 1)[-1])):
        if begun and (found := _first_like(begun)):
            return text + found
    return None


def _first_like(begun: str) -> str:
    """What the first entry has beyond ``begun``."""
    folder, _, name = begun.rpartition("/")
    try:
        place = Path(f"{folder}/" if folder or begun.startswith("/") else ".").expanduser()
        entries = sorted(islice(place.iterdir(), LOOKED_AT))
    except (OSError, RuntimeError, ValueError):
        return ""
    for entry in entries:
        if entry.name.startswith(name) and (name or not entry.name.startswith(".")) and entry.name != name:
            return entry.name[len(name) :] + ("/" if entry.is_dir() else "")
    return ""
