"""A short note for the journal and the TensorBoard timeline."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from vsrpp_tui.widgets.hint import Hint

LONGEST = 200
"""Letters: a note is one line in a log and on a timeline."""


class MarkScreen(ModalScreen[str]):
    """Dismissed with the note, or with an empty one."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss('')", "Back", id="cancel")]

    def __init__(self, step: int) -> None:
        super().__init__()
        self._step = step

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Mark this moment"
            yield Static(
                f"A note at step {self._step:,}, for the events, training.log and TensorBoard (Events/Marks).",
                markup=False,
            )
            yield Input(placeholder="what to remember", max_length=LONGEST, id="note")
            yield Hint("enter  place it     esc  back, nothing is kept")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.value.strip():
            self.dismiss(event.value.strip())
