"""Every action that has a key, by the screen it works on: what ``tui.toml`` may give another key.

A table of its own, so that the user's file is checked before any screen is loaded; a test holds it to the bindings.
"""

import unicodedata
from collections.abc import Iterator

from textual.keys import Keys, _character_to_key

EVERYWHERE = {"leave": "ctrl+c,ctrl+q", "palette": "ctrl+p"}

_TRAINING = {
    "pause": "p",
    "checkpoint": "c",
    "validate": "v",
    "settings": "enter",
    "view": "s",
    "log": "l",
    "help": "question_mark",
    "quit": "q",
    "mark": "m",
    "tensorboard": "b",
    "screenshot": "x",
    "view_before": "S,shift+s",
    "pictures": "i",
    "full": "f",
    "leave_full": "escape",
    "next_panel": "tab",
    "panel_before": "shift+tab",
    "range": "r",
    "axis": "y",
    "smoothing": "w",
    "zoom_in": "z",
    "zoom_out": "Z,shift+z",
    "earlier": "comma",
    "later": "full_stop",
    "whole": "0",
    "picture_before": "left",
    "next_picture": "right",
    "closer": "plus,equals_sign",
    "further": "minus",
}

_SEARCH = {
    "take": "enter",
    "measure": "m",
    "by_hand": "escape",
    "help": "question_mark",
    "quit": "q",
    "log": "l",
    "screenshot": "x",
}

_REPLAY = {
    "pause": "p,space",
    "back": "left",
    "forward": "right",
    "first": "home",
    "last": "end",
    "faster": "plus",
    "slower": "minus",
}

SCREENS: dict[str, dict[str, str]] = {
    "start": {
        "resume": "f,r",
        "delete": "l,d",
        "start": "s,l,d",
        "tune": "a",
        "trash": "w",
        "open": "o",
        "upscale": "u",
        "demo": "t",
        "choose": "enter",
        "help": "question_mark",
        "quit": "q",
        "prepare": "n",
        "check": "k",
    },
    "training": _TRAINING,
    "watching": _TRAINING,
    "replay": {
        **_TRAINING,
        **_REPLAY,
    },
    "tune screen": _SEARCH,
    "replayed search": {**_SEARCH, **_REPLAY},
    "by hand": {"cancel": "escape"},
    "settings": {
        "apply": "ctrl+s",
        "discard": "escape",
        "leave_field": "enter",
        "next_field": "down",
        "previous_field": "up",
    },
    "log screen": {
        "search": "slash",
        "filter": "f",
        "close_log": "escape,l",
        "help": "question_mark",
        "screenshot": "x",
    },
    "form": {
        "begin": "ctrl+s",
        "browse": "ctrl+o",
        "cancel": "escape",
        "leave_field": "enter",
        "next_field": "down",
        "previous_field": "up",
    },
    "file choice": {"cancel": "escape", "take": "ctrl+s", "folder_above": "backspace,left"},
    "job": {
        "stop_job": "escape",
        "use": "enter",
        "detail": "i,plus,minus",
        "help": "question_mark",
        "quit": "q",
    },
    "check": {"move_aside": "m"},
    "question": {"do_it": "enter", "cancel": "escape"},
    "failed": {"to_start": "escape", "quit": "q"},
    "help screen": {"close_help": "escape,question_mark,q"},
    "dialog": {"cancel": "escape"},
    "table": {"cancel": "escape", "help": "question_mark", "quit": "q"},
    "deletion": {
        "cancel": "escape",
        "list_up": "up",
        "list_down": "down",
        "list_page_up": "pageup",
        "list_page_down": "pagedown",
    },
}
"""Action and its keys, as Textual names them, for each screen."""


def actions() -> list[str]:
    """All of them, each once."""
    return sorted({*EVERYWHERE, *(action for keys in SCREENS.values() for action in keys)})


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


def clashes(keymap: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    """Actions of one screen that have the same key with ``keymap``: (action that was given it, other action, key)."""
    for screen in SCREENS.values():
        taken: dict[str, str] = {}
        known = {**EVERYWHERE, **screen}
        for action in sorted(known, key=lambda action: action in keymap):  # those given another key come last
            for key in normal(keymap.get(action, known[action])):
                if key in taken and {action, taken[key]} & keymap.keys():  # others share a key and take turns
                    yield action, taken[key], key
                taken[key] = action
