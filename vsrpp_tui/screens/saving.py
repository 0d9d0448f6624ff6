"""Shown between the wish to quit and the last saved checkpoint."""

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from vsrpp_tui.state import RunState


class SavingScreen(ModalScreen[None]):
    """Has no keys: it goes when the trainer has said that everything is kept."""

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Saving"
            yield Static("the step in progress is finished, then everything is saved …", id="saving", markup=False)

    def show(self, state: RunState) -> None:
        if state.phase in ("saving", "stopping"):
            text = f"writing the checkpoint of step {state.current_step:,} …"
            for line in self.query("#saving").results(Static):  # none yet in the moment the screen opens
                line.update(text)
