"""What the tables behind the start screen share: headings, rows, and a note on the highlighted row."""

from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static

from vsrpp_tui.screens.shared.base_screen import BRAND, BaseScreen
from vsrpp_tui.widgets.pick_list import NO_SIGN, PickList, Row

Answer = TypeVar("Answer")


class TableScreen(BaseScreen[Answer | None]):
    """Dismissed with None by Escape; subclasses define what choosing a row does."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back", id="cancel", tooltip="back; nothing is changed"),
        Binding("question_mark", "app.help", "Help", key_display="?", id="help", tooltip="keys and words"),
        Binding("q", "app.leave", "Quit", id="quit", tooltip="back to the shell"),
    ]
    MORE_KEYS = ((("↑", "↓"), "another row"), (("enter",), "take this row"))

    def __init__(self, title: str, subject: str, headings: str) -> None:
        super().__init__()
        self._titles, self._headings = (title, subject), headings
        self.table = PickList(id="table-rows", one_click=False)

    def body(self) -> ComposeResult:
        with Vertical(id="table-body"):
            yield Static(NO_SIGN + self._headings, id="table-headings", markup=False)
            yield self.table
            yield Static(id="table-note", markup=False)

    def on_resize(self) -> None:
        title, subject = self._titles
        self.set_header(Content.assemble(BRAND, f"  {title}"), Content.styled(subject, "bold"))

    def head(self, headings: Content) -> None:
        """Put other headings over the columns."""
        self.query_one("#table-headings", Static).update(Content.assemble(NO_SIGN, headings))

    def note(self, *lines: Content) -> None:
        """Say something below the table."""
        self.query_one("#table-note", Static).update(Content("\n").join(lines))

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        self.on_row(event.option.id or "")

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.on_chosen(event.option.id or "")

    def on_row(self, key: str) -> None:
        """The cursor has moved to a row."""

    def on_chosen(self, key: str) -> None:
        """Enter, or a click, on a row."""

    def fill(self, rows: list[Row], first: str) -> None:
        self.table.show(rows, first)
