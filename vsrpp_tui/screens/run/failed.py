"""Shown when a session failed: what happened, what is kept, what to do."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from vsrpp_core.messages import events as ev
from vsrpp_tui.widgets.hint import Hint


class FailedScreen(ModalScreen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.to_start", "Back to the start", id="to_start", tooltip="back to the start screen"),
        Binding("q", "app.leave", "Quit", id="quit", tooltip="back to the shell"),
    ]

    def __init__(self, failure: ev.SessionFailed) -> None:
        super().__init__()
        self._failure = failure

    def compose(self) -> ComposeResult:
        failure = self._failure
        with VerticalScroll(classes="dialog wide fault") as dialog:
            dialog.border_title = "✗ Training stopped with an error"
            parts = (
                _part("What happened", failure.error),
                _part("What is kept", _kept(failure)),
                _part("What to do", _advice(failure)),
            )
            yield Static(Content("\n\n").join(parts), markup=False)
            yield Hint("esc  back to the start     q  quit")


def _part(heading: str, text: str) -> Content:
    return Content.assemble((heading, "bold $secondary"), f"\n{text}")


def _kept(failure: ev.SessionFailed) -> str:
    if failure.checkpoint:
        return f"{failure.checkpoint} holds step {failure.step:,}; earlier checkpoints are unchanged."
    if failure.step:
        return (
            f"Step {failure.step:,} could not be saved. Earlier checkpoints are unchanged; "
            "the start screen names the newest."
        )
    return "Nothing was trained in this session; what the run held before is unchanged."


def _advice(failure: ev.SessionFailed) -> str:
    if failure.checkpoint or failure.step:
        return (
            "Fix the problem above, go back to the start with esc, and resume with f. "
            "The traceback, if there was one, is in training.log in the run's folder."
        )
    return "Fix the problem above, then go back to the start with esc and try again."
