"""Shown between the wish to quit and the last saved checkpoint."""

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from vsrpp_tui.state import RunState


class SavingScreen(ModalScreen[None]):
    """Has no keys: it goes when the trainer has said that everything is kept."""

    def __init__(self) -> None:
        super().__init__()
        self._text = Static("the step in progress is finished, then everything is saved …", markup=False)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Saving"
            yield self._text

    def show(self, state: RunState) -> None:
        if state.phase in ("saving", "stopping"):
            self._text.update(f"writing the checkpoint of step {state.current_step:,} …")
