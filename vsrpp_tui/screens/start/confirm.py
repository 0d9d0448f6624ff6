"""The question before a run is put in its trash."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from vsrpp_core.run.folder import RunSummary
from vsrpp_tui.widgets.hint import Hint
from vsrpp_tui.widgets.text import file_size

YES = ("ja", "yes")


class ConfirmDelete(ModalScreen[bool]):
    """Dismissed with True once ``ja`` or ``yes`` was typed: one slip of a finger must not cost a week."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(False)", "Back", id="cancel"),
        Binding("up", "scroll_files('up')", show=False, id="list_up"),
        Binding("down", "scroll_files('down')", show=False, id="list_down"),
        Binding("pageup", "scroll_files('page_up')", show=False, id="list_page_up"),
        Binding("pagedown", "scroll_files('page_down')", show=False, id="list_page_down"),
    ]

    def __init__(self, run: RunSummary, files: Sequence[tuple[Path, int]]) -> None:
        """``files``: everything that goes, with its size in bytes."""
        super().__init__()
        self._run, self._files = run, sorted(files, key=lambda file: (-file[1], file[0]))

    def compose(self) -> ComposeResult:
        run = self._run
        reached = f"step {run.newest.step:,}, " if run.newest and run.newest.step else ""
        total = sum(size for _, size in self._files)
        with Vertical(classes="dialog wide", id="delete") as dialog:
            dialog.border_title = f"Delete {run.path.name}?"
            dialog.border_subtitle = "↑ ↓ scroll the files"
            yield Static(f"{reached}{len(self._files):,} files, {file_size(total)} in all", markup=False)
            with VerticalScroll(id="delete-files", can_focus=False):
                yield Static(Content("\n").join(map(self._line, self._files)), id="delete-list", markup=False)
            yield Static(
                "They move into the run's .trash folder and can be brought back; config.toml stays.", markup=False
            )
            yield Input(placeholder="type ja or yes, then Enter", id="sure")
            yield Hint("esc  back, nothing is touched", id="hint")

    def _line(self, file: tuple[Path, int]) -> Content:
        path, size = file
        return Content.assemble((f"{file_size(size):>8}", "$secondary"), f"  {path.relative_to(self._run.path)}")

    def action_scroll_files(self, how: str) -> None:
        files = self.query_one("#delete-files", VerticalScroll)
        move = {
            "up": files.scroll_up,
            "down": files.scroll_down,
            "page_up": files.scroll_page_up,
            "page_down": files.scroll_page_down,
        }[how]
        move(animate=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.value.strip().lower() in YES:
            self.dismiss(True)
        else:
            word, event.input.value = event.input.value.strip(), ""
            reason = f"“{word}” is neither ja nor yes; " if word else ""
            self.query_one("#hint", Static).update(f"{reason}esc  back, nothing is touched")
