"""A question before something is done: enter or a click confirms, esc declines."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static


class AskScreen(ModalScreen[bool]):
    """Dismissed with the answer."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "dismiss(True)", "Do it", id="do_it"),
        Binding("escape", "dismiss(False)", "Back", id="cancel"),
    ]
    AUTO_FOCUS = ""

    def __init__(self, question: str, text: str, do: str, leave: str) -> None:
        """``do`` and ``leave`` name the two answers in a few words."""
        super().__init__()
        self._question, self._text, self._answers = question, text, (do, leave)

    def compose(self) -> ComposeResult:
        do, leave = self._answers
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = self._question
            yield Static(self._text, markup=False)
            with Horizontal(classes="answers"):
                yield Button(f"enter  {do}", compact=True, id="do")
                yield Button(f"esc  {leave}", compact=True, id="leave")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "do")
