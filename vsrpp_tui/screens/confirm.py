"""The question before a run is put in its trash."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from vsrpp_core.run.folder import RunSummary
from vsrpp_tui.widgets.figures import file_size

YES = ("ja", "yes")


class ConfirmDelete(ModalScreen[bool]):
    """Dismissed with True once ``ja`` or ``yes`` was typed: one slip of a finger must not cost a week."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(False)", "Back", id="cancel")]

    def __init__(self, run: RunSummary) -> None:
        super().__init__()
        self._run = run

    def compose(self) -> ComposeResult:
        run = self._run
        reached = f"step {run.newest.step:,}, " if run.newest and run.newest.step else ""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = f"Delete {run.path.name}?"
            yield Static(
                f"{reached}{run.n_files} files, {file_size(run.size)}\n\n"
                "They move into the run's .trash folder; config.toml stays.\n"
                "Training then starts at step 0.",
                markup=False,
            )
            yield Input(placeholder="type ja or yes, then Enter", id="sure")
            yield Static("esc  back, nothing is touched", id="hint", classes="hint", markup=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.value.strip().lower() in YES:
            self.dismiss(True)
        else:
            word, event.input.value = event.input.value.strip(), ""
            told = f"“{word}” is neither ja nor yes; " if word else ""
            self.query_one("#hint", Static).update(f"{told}esc  back, nothing is touched")
