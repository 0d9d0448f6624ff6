"""The keys of a screen and what they do, read from its bindings: for its help, and for docs/keys.md.

A binding without a tooltip is an aid of its screen (the next field, a list to scroll) and is not listed.
"""

from collections.abc import Mapping

from textual.binding import Binding
from textual.dom import DOMNode

KeyRow = tuple[tuple[str, ...], str]
"""Keys as they are written, and what they do."""

WRITTEN = {
    "question_mark": "?",
    "full_stop": ".",
    "comma": ",",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "plus": "+",
    "minus": "-",
    "equals_sign": "=",
    "slash": "/",
    "escape": "esc",
    "backspace": "⌫",
    "left": "←",
    "right": "→",
    "up": "↑",
    "down": "↓",
}

EVERYWHERE: tuple[KeyRow, ...] = (
    (("ctrl+p",), "every action by its name, and the themes"),
    (("ctrl+c", "ctrl+q"), "save and quit, also while a field has the focus"),
    (("ctrl+z",), "suspend; the shell's fg returns"),
)


def bindings_of(kind: type) -> dict[str, list[Binding]]:
    """Those of an application or a screen and of its bases, by id; two that take turns at a key share theirs."""
    found: dict[str, list[Binding]] = {}
    for base in kind.__mro__:
        own: dict[str, list[Binding]] = {}
        for binding in vars(base).get("BINDINGS", ()):
            if isinstance(binding, Binding) and binding.id:
                own.setdefault(binding.id, []).append(binding)
        for name, bindings in own.items():
            found.setdefault(name, bindings)
    return found


def key_rows(kind: type[DOMNode], keymap: Mapping[str, str] | None = None) -> tuple[KeyRow, ...]:
    """The keys of a screen, with the user's ``keymap`` in place of their own, and what else its MORE_KEYS name.

    Keys that do the same share a row; those that a read-only screen refuses have none.
    """
    rows: dict[str, list[str]] = {}
    listed: set[str] = set()
    for name, bindings in bindings_of(kind).items():
        keys = [key for key in written((keymap or {}).get(name, bindings[0].key)) if key not in listed]
        about = "; ".join(str(binding.tooltip) for binding in bindings if binding.tooltip)
        if keys and about and not bindings[0].action.startswith("refuse("):
            rows.setdefault(about, []).extend(keys)
            listed.update(keys)
    more: tuple[KeyRow, ...] = getattr(kind, "MORE_KEYS", ())
    return (*((tuple(keys), about) for about, keys in rows.items()), *more)


def written(keys: str) -> list[str]:
    """The keys of a binding as people write them; S beside shift+s, which is the same to a person, stands alone."""
    names = [key.strip() for key in keys.split(",")]
    return [WRITTEN.get(name, name) for name in names if name[:6] != "shift+" or name[6:].upper() not in names]
