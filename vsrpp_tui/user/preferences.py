"""The user's own ``tui.toml``: which theme, how pictures are drawn, and which keys instead of the usual ones.

theme = "vsrpp-light"
pictures = "half cells"

[keys]
pause = "space"
help = "f1, ?"
"""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from vsrpp_core.errors import UsageError, VsrppError
from vsrpp_core.run.files import read_text
from vsrpp_core.run.names import user_folder
from vsrpp_tui.user.keys import KeyTable, clashes, is_key, normal
from vsrpp_tui.user.themes import THEME, THEMES

HALF_CELLS = "half cells"
PICTURES = ("auto", HALF_CELLS)
"""Pixel by pixel where the terminal says that it can, or never."""


@dataclass(frozen=True)
class Preferences:
    """What the file says, or the defaults."""

    theme: str = THEME.name
    keymap: Mapping[str, str] = field(default_factory=dict)
    """Action and its keys, separated by commas."""
    pictures: str = PICTURES[0]


def preferences_path() -> Path:
    return user_folder("config") / "tui.toml"


def read_preferences(path: Path, key_tables: Callable[[], Iterable[KeyTable]]) -> Preferences:
    """Raises UsageError about the first fault in the file. ``key_tables`` is called only if it has ``[keys]``."""
    try:
        text = read_text(path)
    except FileNotFoundError:
        return Preferences()
    except (OSError, UnicodeError) as error:
        raise UsageError(f"{path} cannot be read ({error}); fix it or delete it") from None
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # the latter of what is nested too deeply
        raise UsageError(f"{path} is not valid TOML ({error}); fix that place or delete the file") from None
    if fault := _fault(values) or _keys_fault(values.get("keys", {}), key_tables):
        key, sentence = fault
        raise UsageError(f"{path}{_line(key, text)}: {sentence}")
    default = Preferences()
    return Preferences(
        values.get("theme", default.theme), values.get("keys", default.keymap), values.get("pictures", default.pictures)
    )


def remember_theme(path: Path, name: str) -> None:
    """Write the theme into the file and leave the rest of it as it is. Raises VsrppError."""
    import tomlkit

    from vsrpp_core.run.files import write_text_atomically

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        document = tomlkit.parse(read_text(path)) if path.exists() else tomlkit.document()
        document["theme"] = name
        write_text_atomically(path, tomlkit.dumps(document))
    except OSError as error:
        raise VsrppError(f"{path} cannot be written ({error.strerror}); the theme is not remembered") from None


Fault = tuple[tuple[str, ...], str]
"""Where it is, and a sentence."""


def _fault(values: Mapping[str, Any]) -> Fault | None:
    """The first fault but for those of single keys."""
    for key in values:
        if key not in ("theme", "pictures", "keys"):
            return (key,), f"{key} is not known here; there are theme, pictures and [keys]"
    theme, keys = values.get("theme", THEME.name), values.get("keys", {})
    if not isinstance(theme, str) or theme not in THEMES:
        return ("theme",), f"theme = {theme!r} is not one of {', '.join(THEMES)}"
    if values.get("pictures", PICTURES[0]) not in PICTURES:
        return ("pictures",), f"pictures = {values['pictures']!r} is not one of {', '.join(PICTURES)}"
    if not isinstance(keys, Mapping):
        return ("keys",), 'keys is not a table; write [keys] and below it lines like pause = "space"'
    return None


def _keys_fault(keys: Mapping[str, Any], key_tables: Callable[[], Iterable[KeyTable]]) -> Fault | None:
    tables = list(key_tables()) if keys else []
    actions = sorted({action for table in tables for action in table})
    for action, written in keys.items():
        if sentence := _key_fault(action, written, actions):
            return ("keys", action), sentence
    for action, other, key in clashes(keys, tables):
        return ("keys", action), f"{action} = {keys[action]!r}: {key} is the key of {other}; give one of them another"
    return None


def _key_fault(action: str, written: object, actions: list[str]) -> str:
    if action not in actions:
        close = get_close_matches(action, actions, n=1, cutoff=0.5)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(actions)}"
        return f"{action} is not an action; {hint}"
    if not isinstance(written, str):
        return f'{action} = {written!r} is not a key; write it as text, e.g. {action} = "f5"'
    for key in normal(written):
        if not is_key(key):
            return f'{action} = {written!r}: {key!r} is not a key; write e.g. "k", "f5", "space" or "ctrl+k"'
    return ""


def _line(key: tuple[str, ...], text: str) -> str:
    from vsrpp_core.run.settings import line_of  # loads pydantic, so only for a fault

    number = line_of(key, text)
    return f", line {number}" if number else ""
