"""Asks for the folder of another run."""

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from vsrpp_core.run.names import home_for_short
from vsrpp_tui.widgets.hint import Hint

HINT = "enter opens it     esc  back"


class OpenRun(ModalScreen[Path]):
    """Dismissed with the folder, or with None. One that does not exist yet must be confirmed: it may be a typo."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Back", id="cancel")]

    def __init__(self, beside: Path) -> None:
        """``beside``: the run shown now; most others are in the same folder."""
        super().__init__()
        self._start = f"{home_for_short(beside.parent)}/"
        self._confirmed = ""

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Open a run"
            yield Static("The folder of a run, or of one to create.", markup=False)
            yield Input(self._start, select_on_focus=False, id="path")
            yield Hint(HINT, id="hint")

    def on_input_changed(self) -> None:
        self._confirmed = ""
        self.query_one("#hint", Static).update(HINT)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        typed = event.value.strip()
        try:
            path = Path(typed).expanduser().absolute()
            trouble = self._trouble(typed, path)
        except (OSError, RuntimeError, ValueError) as error:  # no such user, or no name a file can have
            trouble = f"{typed} cannot be opened ({error})."
        if trouble:
            self.query_one("#hint", Static).update(trouble)
        else:
            self.dismiss(path)

    def _trouble(self, typed: str, path: Path) -> str:
        """Why ``path`` is not opened now, a sentence, or empty."""
        if not typed:
            return "Type the path of a folder."
        if path.is_dir():
            return ""
        if path.exists():
            return f"{path} is a file, not a run's folder; choose a folder."
        if self._confirmed != typed:
            self._confirmed = typed
            return f"{path} does not exist yet; press enter again to create a new run."
        return ""
