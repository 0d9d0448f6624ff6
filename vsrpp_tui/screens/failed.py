"""Shown when a session broke: what happened, what is kept, what can be done."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from vsrpp_core.messages import events as ev


class FailedScreen(ModalScreen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.to_start", "Back to the start"),
        Binding("q", "app.leave", "Quit"),
    ]

    def __init__(self, failure: ev.SessionFailed) -> None:
        super().__init__()
        self._failure = failure

    def compose(self) -> ComposeResult:
        failure = self._failure
        kept = (
            f"{failure.checkpoint} holds step {failure.step:,}"
            if failure.checkpoint
            else "earlier checkpoints are intact"
        )
        with Vertical(classes="dialog fault") as dialog:
            dialog.border_title = "Training stopped with an error"
            yield Static(Content.assemble((failure.error, "$foreground"), "\n\n", (kept, "$secondary")), markup=False)
            yield Static("esc  back to the start     q  quit", classes="hint", markup=False)
