"""The command palette: every action of the screen below it with its key, and the themes."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from textual.binding import ActiveBinding
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from vsrpp_tui.user.themes import TITLES


@dataclass(frozen=True)
class Entry:
    name: str
    key: str
    help: str
    run: Callable[[], Awaitable[Any]]


class Actions(Provider):
    """Actions that are possible now come first; the others are listed too, so that they can be found."""

    async def discover(self) -> Hits:
        for entry in self._entries():
            yield DiscoveryHit(_shown(Content(entry.name), entry), entry.run, entry.name, entry.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for entry in self._entries():
            if (score := matcher.match(entry.name)) > 0:
                yield Hit(score, _shown(matcher.highlight(entry.name), entry), entry.run, entry.name, entry.help)

    def _entries(self) -> Iterator[Entry]:
        yield from sorted(self._bindings(), key=lambda entry: entry.help.startswith(NOT_NOW))
        for name, title in TITLES.items():
            help = "now" if self.app.theme == name else "kept for the next time too"
            yield Entry(f"Theme: {title}", "", help, partial(self.app.run_action, f"app.set_theme({name!r})"))

    def _bindings(self) -> Iterator[Entry]:
        keys: dict[str, list[str]] = {}
        found: dict[str, ActiveBinding] = {}
        for active in sorted(self.screen.active_bindings.values(), key=lambda active: active.binding.priority):
            action = active.binding.action.removeprefix("app.")
            if active.binding.id and active.binding.description and action != "command_palette":
                keys.setdefault(action, []).append(self.app.get_key_display(active.binding))
                found.setdefault(action, active)
        for action, active in found.items():
            help = ("" if active.enabled else NOT_NOW) + (active.tooltip or active.binding.description)
            run = partial(self.app.run_action, active.binding.action, active.node)
            yield Entry(active.binding.description, "  ".join(dict.fromkeys(keys[action])), help, run)


NOT_NOW = "not now: "


def _shown(name: Content, entry: Entry) -> Content:
    return Content.assemble(name, ("   " + entry.key, "$primary")) if entry.key else name
