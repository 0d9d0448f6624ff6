"""A field of a form: its name, its input, and beside or below it an explanation or what is wrong."""

import asyncio
from dataclasses import dataclass
from typing import Literal

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.suggester import Suggester, SuggestFromList
from textual.widgets import Checkbox, Input, Static

from vsrpp_tui.forms.paths import complete


@dataclass(frozen=True)
class Field:
    """``path`` fields have the whole width, the text below; a ``word`` is short, with the text beside it."""

    key: str
    name: str
    about: str = ""
    kind: Literal["path", "word"] = "word"
    placeholder: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tick:
    """A box to tick."""

    key: str
    name: str
    about: str = ""


class PathSuggester(Suggester):
    """Completes the last path in the line from the disk."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        return await asyncio.to_thread(complete, value)


class FieldRow(Horizontal):
    """One field."""

    def __init__(self, field: Field, value: str) -> None:
        super().__init__(classes=f"field {field.kind}")
        self.field = field
        self._label = Static(markup=False, classes="field-name")
        self._about = Static(markup=False, classes="field-about")
        self.input = Input(
            value,
            compact=True,
            select_on_focus=False,
            placeholder=field.placeholder,
            suggester=PathSuggester() if field.kind == "path" else _suggester(field.choices),
        )

    def compose(self) -> ComposeResult:
        yield self._label
        if self.field.kind == "path":
            with Vertical():
                yield self.input
                yield self._about
        else:
            yield self.input
            yield self._about

    def on_mount(self) -> None:
        self.show("", "")

    def show(self, fault: str, note: str) -> None:
        sign, style = ("✗ ", "$error") if fault else ("  ", "")
        self._label.update(Content.assemble((sign, style), self.field.name))
        about = self.field.about if not note else f"{note} · {self.field.about}" if self.field.about else note
        self._about.update(Content.styled(fault, "$error") if fault else Content.styled(about, "$secondary"))


def _suggester(choices: tuple[str, ...]) -> Suggester | None:
    return SuggestFromList(choices) if choices else None


class TickBox(Checkbox):
    """Its sign is shown or not; the library's only changes colour."""

    def __init__(self, tick: Tick, ticked: bool) -> None:
        super().__init__(tick.name, ticked, compact=True, name=tick.key, tooltip=tick.about)

    @property
    def _button(self) -> Content:
        return Content.assemble(("[", "$secondary"), ("✓" if self.value else " ", "bold $success"), ("]", "$secondary"))


class TickRow(Horizontal):
    """Boxes beside each other; each is explained by its tooltip."""

    def __init__(self, ticks: tuple[Tick, ...], ticked: tuple[str, ...]) -> None:
        super().__init__(classes="field ticks")
        self._ticks, self._ticked = ticks, ticked

    def compose(self) -> ComposeResult:
        yield Static(markup=False, classes="field-name")
        for tick in self._ticks:
            yield TickBox(tick, tick.key in self._ticked)
