"""Shown from the moment the user quits until the last checkpoint is saved."""

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from vsrpp_tui.state.run import RunState


class SavingScreen(ModalScreen[None]):
    """Has no keys: it closes when the trainer, or a job, has saved everything."""

    def __init__(
        self, title: str = "Saving", text: str = "the step in progress is finished, then everything is saved …"
    ) -> None:
        super().__init__()
        self._title, self._text = title, Static(text, markup=False)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = self._title
            yield self._text

    def show(self, state: RunState) -> None:
        if state.phase in ("saving", "stopping"):
            self._text.update(f"writing the checkpoint of step {state.current_step:,} …")
