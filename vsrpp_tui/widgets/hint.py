"""Texts that name keys, which the mouse can click: below a dialog, and in a panel's lower border."""

import re

from textual.binding import Binding
from textual.events import Click
from textual.widgets import Input, Static

KEYS = {"esc": "escape", "q": "q"}
NAMED = re.compile(r"(?:^|(?<=\s))(esc|enter|q)  .+?(?=     |$)")
SIGNS = "←→[]+−"


class Hint(Static):
    """``enter  place it     esc  back``: a click on a key's text does what the key does."""

    ALLOW_SELECT = False

    def __init__(self, words: str, *, id: str | None = None) -> None:
        super().__init__(words, id=id, classes="hint", markup=False)

    async def on_click(self, event: Click) -> None:
        named = list(NAMED.finditer(str(self.content)))
        here = [found for found in named if found.start() <= event.x < found.end() and event.y == 0]
        chosen = here or (named if len(named) == 1 else [])  # a single key may be on a later line
        if chosen:
            await self._press(chosen[0][1])

    async def _press(self, key: str) -> None:
        if key == "enter":
            await self.screen.query_one(Input).action_submit()
            return
        for binding in self.screen.BINDINGS:
            if isinstance(binding, Binding) and KEYS[key] in binding.key.split(","):
                await self.app.run_action(binding.action, self.screen)


def key_at(words: str, at: int) -> str:
    """The key at position ``at`` in a text like ``y log · w mean of 24``, or the one that its part begins with."""
    if not 0 <= at < len(words):
        return ""
    if words[at] in SIGNS:
        return words[at]
    part = words[words.rfind(" · ", 0, at + 1) + 1 :].lstrip("· ")
    if part.startswith("← →"):
        return "→"
    first = part.partition(" ")[0]
    return first if len(first) == 1 else ""
