"""Paths as people type them into a form: several in one line, with a tilde, quoted as in a shell."""

import shlex
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from vsrpp_core.errors import UsageError

MAX_ENTRIES = 4000
"""Entries of a folder that are searched for a completion, which must appear while the user types."""


def read_path(text: str) -> Path:
    """One path, absolute. UsageError for a name that no file can have."""
    try:
        return Path(text.strip()).expanduser().absolute()
    except (RuntimeError, ValueError) as error:  # no such user, or a null byte
        raise UsageError(f"{text} is not a path ({error})") from None


def exists(path: Path) -> bool:
    """Whether ``path`` exists; False if the system refuses to say, e.g. for a name that is too long."""
    try:
        return path.exists()
    except OSError:
        return False


def read_paths(text: str) -> list[Path]:
    """All paths in a line. What exists as a whole is one path, whatever spaces it holds; else words as in a shell."""
    if not text.strip():
        return []
    if exists(whole := read_path(text)):
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
        if begun and (found := _completion_of(begun)):
            return text + found
    return None


def _completion_of(begun: str) -> str:
    """The rest of the first entry that starts with ``begun``; empty if there is none."""
    folder, _, name = begun.rpartition("/")
    try:
        place = Path(f"{folder}/" if folder or begun.startswith("/") else ".").expanduser()
        entries = sorted(islice(place.iterdir(), MAX_ENTRIES))
    except (OSError, RuntimeError, ValueError):
        return ""
    for entry in entries:
        if entry.name.startswith(name) and (name or not entry.name.startswith(".")) and entry.name != name:
            return entry.name[len(name) :] + ("/" if entry.is_dir() else "")
    return ""
