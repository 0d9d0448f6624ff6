"""A tree in which to choose a file or a folder, with the keys or the mouse."""

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import DirectoryTree, Static

from vsrpp_core.run.names import home_for_short


class VisibleTree(DirectoryTree):
    """Hides dotfiles."""

    def filter_paths(self, paths: Iterable[Path]) -> Iterable[Path]:
        return [path for path in paths if not path.name.startswith(".")]


class BrowseScreen(ModalScreen[Path]):
    """Dismissed with a path, or None. Enter takes a file and opens a folder; ctrl+s takes the highlighted entry."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back", id="cancel"),
        Binding("ctrl+s", "take", "Take", id="take", priority=True),
        Binding("backspace,left", "up", "Folder above", id="folder_above"),
    ]

    def __init__(self, name: str, place: Path) -> None:
        super().__init__()
        self._name, self._place = name, place

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide", id="browse") as dialog:
            dialog.border_title = f"Choose: {self._name}"
            dialog.border_subtitle = "⏎ open or take · ctrl+s take this · ← folder above · esc back"
            yield Static(id="browse-place", markup=False)
            yield VisibleTree(self._place, id="browse-tree")

    def on_mount(self) -> None:
        self._show_place()
        self.query_one(VisibleTree).focus()

    def on_directory_tree_file_selected(self, event: DirectoryTree.FileSelected) -> None:
        self.dismiss(event.path.absolute())

    def action_take(self) -> None:
        node = self.query_one(VisibleTree).cursor_node
        if node and node.data:
            self.dismiss(node.data.path.absolute())

    def action_up(self) -> None:
        tree = self.query_one(VisibleTree)
        self._place = Path(tree.path).absolute().parent
        tree.path = self._place
        self._show_place()

    def _show_place(self) -> None:
        self.query_one("#browse-place", Static).update(home_for_short(self._place))
