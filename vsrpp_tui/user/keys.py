"""Keys as users write them in ``tui.toml``: their names, which exist, and which two actions would share one."""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping

from textual.keys import Keys, _character_to_key

KeyTable = Mapping[str, str]
"""The actions of one screen and their keys, as Textual names them, separated by commas."""


def normal(keys: str) -> list[str]:
    """Keys as Textual names them, of a list like ``p, ?``."""
    names = (key.strip() for key in keys.split(","))
    return [_character_to_key(name) if len(name) == 1 else name for name in names]


def is_key(name: str) -> bool:
    """Whether a terminal can send a key of this (normal) name."""
    *modifiers, key = name.split("+")
    if not key or not set(modifiers) <= {"ctrl", "shift", "alt", "super", "meta"}:
        return False
    return len(key) == 1 or key in _NAMED or _is_character(key)


_NAMED = {key.value.split("+")[-1] for key in Keys} | {"plus", "minus", "slash", "question_mark", "space"}


def _is_character(name: str) -> bool:
    try:
        unicodedata.lookup(name.replace("_", " "))
    except KeyError:
        return False
    return True


def clashes(keymap: KeyTable, tables: Iterable[KeyTable]) -> Iterator[tuple[str, str, str]]:
    """Actions of one screen that have the same key with ``keymap``: (action with a new key, other action, key)."""
    for table in tables:
        taken: dict[str, str] = {}
        for action in sorted(table, key=lambda action: action in keymap):  # those with a new key come last
            for key in normal(keymap.get(action, table[action])):
                if key in taken and {action, taken[key]} & keymap.keys():  # others share a key and take turns
                    yield action, taken[key], key
                taken[key] = action
