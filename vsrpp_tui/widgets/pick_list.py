"""A list to choose from, with a sign at the highlighted row. It scrolls if there is not enough room."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.strip import Strip
from textual.widgets import OptionList
from textual.widgets.option_list import Option

SIGN, NO_SIGN = "▸ ", "  "


@dataclass(frozen=True)
class Row:
    """``key`` identifies the row; one that cannot be chosen needs none, and the cursor skips it."""

    text: Content
    key: str = ""
    choosable: bool = True
    can_mark: bool = False
    """Its first cells are a sign that a click changes."""


def remark(text: Content | str = "") -> Row:
    """A row that cannot be chosen: a remark, or an empty line."""
    return Row(Content.styled(text, "$secondary") if isinstance(text, str) else text, choosable=False)


class PickList(OptionList):
    """Chosen from with the arrow keys and Enter, or by a click; posts OptionList's own messages."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "select", "Choose", key_display="⏎")]

    @dataclass
    class Marked(Message):
        """The sign of a row was clicked."""

        key: str

    def __init__(self, *, id: str, one_click: bool = True) -> None:
        """``one_click``: a click chooses; otherwise the first click only highlights, as a slip would cost too much."""
        super().__init__(id=id, markup=False, compact=True)
        self._rows: tuple[Row, ...] = ()
        self._one_click = one_click

    @property
    def chosen(self) -> str:
        """The key of the row at the cursor, or empty."""
        option = self.highlighted_option
        return (option.id or "") if option else ""

    def show(self, rows: Sequence[Row], first: str = "") -> None:
        """Replace the rows. The cursor stays at its row; where that is gone it goes to ``first``, or to the top."""
        before, self._rows = self._rows, tuple(rows)
        if [(row.key, row.choosable) for row in before] == [(row.key, row.choosable) for row in rows]:
            for index, row in enumerate(rows):
                if row != before[index]:
                    self.replace_option_prompt_at_index(index, row.text)
            return
        chosen = self.chosen
        self.set_options(Option(row.text, id=row.key or None, disabled=not row.choosable) for row in rows)
        keys = [row.key for row in rows if row.choosable]
        wanted = next((key for key in (chosen, first) if key and key in keys), keys[0] if keys else "")
        self.highlighted = self.get_option_index(wanted) if wanted else None

    def on_click(self, event: events.Click) -> None:
        row = event.style.meta.get("option")
        if row is not None and self._rows[row].can_mark and event.x < 2 * len(SIGN):
            self.post_message(self.Marked(self._rows[row].key))
            event.prevent_default()
            return
        if row is None or self._one_click or row == self.highlighted or self.get_option_at_index(row).disabled:
            return
        self.highlighted = row
        event.prevent_default()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Let the screen handle Enter when nothing is highlighted."""
        return action != "select" or self.highlighted is not None

    def _get_left_gutter_width(self) -> int:
        return len(SIGN)

    def render_line(self, y: int) -> Strip:
        line = super().render_line(y)
        sign, style = NO_SIGN, next((segment.style for segment in line), None)
        place = self.scroll_offset.y + y
        if place < len(self._lines) and self._lines[place] == (self.highlighted, 0):
            sign = SIGN
        return Strip([Segment(sign, style), *line]).crop(0, self.scrollable_content_region.width)
