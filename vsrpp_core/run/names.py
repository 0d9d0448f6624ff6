"""What names of files mean to people: their order, which are meant, and how they are listed in a sentence.

Separate because datasets, folders of films and folders of images must not differ in it.
"""

import argparse
import io
import json
import os
import re
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, TextIO

import platformdirs

BY_SYSTEMS = frozenset(
    {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "@eadir", "__macosx", "$recycle.bin"}
    | {"system volume information", "lost+found"}
)
"""What Windows, macOS and network storage leave in folders, besides hidden files; lower case."""

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})

MOST_LISTED = 3


def is_meant(name: str) -> bool:
    """Whether a person put it there: not hidden, as ``.DS_Store`` and ``._a.png`` are, and not left by a system."""
    return not name.startswith(".") and name.lower() not in BY_SYSTEMS


def natural(name: str) -> tuple[list[str | int], str]:
    """A key to sort by: numbers by value, so that frame2 comes before frame10."""
    parts = re.split(r"([0-9]+)", name)
    return [int(part) if place % 2 else part for place, part in enumerate(parts)], name


def in_natural_order(paths: Iterable[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: natural(path.name))


def listed(names: Sequence[str]) -> str:
    """``a, b, c and 17 more``."""
    more = len(names) - MOST_LISTED
    return ", ".join(names[:MOST_LISTED]) + (f" and {more:,} more" if more > 0 else "")


# names that are bytes of no encoding, in which Python keeps each byte that is no UTF-8 as half of a surrogate pair


def readable(text: str) -> str:
    """With a replacement for what is no text, for files that people read."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def speak_anywhere(output: TextIO) -> None:
    """Let an output take every character, with a question mark for those that its encoding does not have."""
    if isinstance(output, io.TextIOWrapper):
        output.reconfigure(errors="replace")


def json_line(values: object) -> str:
    """As JSON in UTF-8, from which the very names come back."""
    return json.dumps(values, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()


def as_pattern(text: str) -> str:
    """A pattern in UTF-8 that fits the name: a question mark for what is no text."""
    return text.encode("utf-8", "replace").decode()


# the home folder, which a service and a user without a name do not have


UserFolder = Literal["cache", "config", "data", "log", "state"]


def user_folder(kind: UserFolder) -> Path:
    """Where the system keeps this kind of a user's files for this program; it may not exist yet.

    Without a home that is the folder for temporary files: nothing of a training depends on them.
    """
    known = {
        "cache": platformdirs.user_cache_path,
        "config": platformdirs.user_config_path,
        "data": platformdirs.user_data_path,
        "log": platformdirs.user_log_path,
        "state": platformdirs.user_state_path,
    }
    try:
        return known[kind]("vsrpp")
    except RuntimeError:
        owner = os.getuid() if hasattr(os, "getuid") else ""
        return Path(tempfile.gettempdir(), f"vsrpp-{owner}", kind)


def in_home(text: str) -> str:
    """A path with its ``~`` replaced by a home folder; as it is where there is none, or no such user."""
    return os.path.expanduser(text)  # noqa: PTH111 - Path.expanduser raises there


def home_for_short(path: Path) -> str:
    """A path as people write it."""
    home = in_home("~")
    return str(Path("~") / path.relative_to(home)) if path.is_relative_to(home) else str(path)


def place(text: str) -> Path:
    """A file or folder that a command names; ``~`` is the home folder, also where no shell has replaced it.

    An empty word, as of a variable that was not set, would be the current folder.
    """
    if not text:
        raise argparse.ArgumentTypeError("is an empty word; name a file or folder")
    return Path(in_home(text))
