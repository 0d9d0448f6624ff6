"""The keys of every screen, read from its bindings: what ``[keys]`` in the user's ``tui.toml`` may change.

Apart from user/, which knows no screen. It loads them all, so it is called only if the file has ``[keys]``.
"""

import pkgutil
from importlib import import_module

from textual.screen import Screen

import vsrpp_tui.screens
from vsrpp_tui.app.app import VsrppApp
from vsrpp_tui.screens.shared.key_rows import bindings_of
from vsrpp_tui.user.keys import KeyTable


def key_tables() -> list[KeyTable]:
    """A table for each screen, with the keys that work everywhere."""
    everywhere = keys_of(VsrppApp)
    return [{**everywhere, **keys_of(kind)} for kind in screens()]


def screens() -> list[type[Screen[object]]]:
    """Every class of screen."""
    names = [module.name for module in pkgutil.walk_packages(vsrpp_tui.screens.__path__, "vsrpp_tui.screens.")]
    kinds = [kind for name in names for kind in vars(import_module(name)).values() if isinstance(kind, type)]
    return [kind for kind in dict.fromkeys(kinds) if issubclass(kind, Screen) and kind is not Screen]


def keys_of(kind: type) -> dict[str, str]:
    """Actions and keys of an application or a screen, with those of its bases."""
    return {name: bindings[-1].key for name, bindings in bindings_of(kind).items()}
