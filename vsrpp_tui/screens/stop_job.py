"""Asked once before a job is stopped."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static


class StopJob(ModalScreen[bool]):
    """Dismissed with whether it is to be stopped."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "dismiss(True)", "Stop", id="stop_it"),
        Binding("escape", "dismiss(False)", "Go on", id="cancel"),
    ]

    def __init__(self, kept: str) -> None:
        """``kept``: what stays of the work, a sentence."""
        super().__init__()
        self._kept = kept

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Stop this work?"
            yield Static(self._kept, markup=False)
            yield Static("enter  stop it     esc  go on with it", classes="hint", markup=False)
