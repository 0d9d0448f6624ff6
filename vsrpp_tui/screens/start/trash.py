"""What was deleted from a run, to be restored."""

from datetime import datetime

from textual.content import Content

from vsrpp_core.errors import VsrppError
from vsrpp_core.run.folder import RunFolder, Trashed
from vsrpp_tui.screens.shared.table import TableScreen
from vsrpp_tui.widgets.pick_list import Row
from vsrpp_tui.widgets.text import file_size

HEADINGS = f"{'deleted':<19}  {'step':>9}  {'files':>7}  {'size':>8}"


class TrashScreen(TableScreen[str]):
    """Restores the chosen deletion after a second Enter, and is dismissed with what it did; a failure is shown here."""

    def __init__(self, run: RunFolder, trashed: tuple[Trashed, ...]) -> None:
        super().__init__("the trash of", run.name, HEADINGS)
        self._run = run
        self._trashed = {one.path.name: one for one in trashed}
        self._asked = ""
        """The row whose Enter was pressed, and which the next Enter brings back."""

    def on_mount(self) -> None:
        self.fill([_row(one) for one in self._trashed.values()], "")

    def on_row(self, key: str) -> None:
        self._asked = ""
        self.note(Content.styled(f".trash/{key}", "$secondary"), Content("enter brings it back into the run"))

    def on_chosen(self, key: str) -> None:
        one = self._trashed[key]
        if self._asked != key:
            self._asked = key
            held = f"{_count(one)}, {file_size(one.size)}"
            question = f"Bring {held} back into {self._run.name}? enter once more: yes · esc: they stay in the trash"
            self.note(Content.styled(f".trash/{key}", "$secondary"), Content.styled(question, "$warning"))
            return
        try:
            self._run.restore_from_trash(one.path)
        except VsrppError as error:
            self._asked = ""
            self.note(Content.styled(str(error), "$warning"))
            return
        reached = f" of step {one.step:,}" if one.step else ""
        self.dismiss(f"brought back: {_count(one)}{reached}, {file_size(one.size)}")


def _count(one: Trashed) -> str:
    return "1 file" if one.n_files == 1 else f"{one.n_files:,} files"


def _row(one: Trashed) -> Row:
    time = datetime.fromtimestamp(one.moved_at).strftime("%Y-%m-%d %H:%M:%S")
    step = f"{one.step:,}" if one.step else "–"
    return Row(Content(f"{time}  {step:>9}  {one.n_files:>7,}  {file_size(one.size):>8}"), one.path.name)
