"""The line that names the views of the training screen, the one shown among them."""

from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.widgets import Static

VIEWS = ("overview", "charts", "report", "activity", "pictures", "log")
HINT = "s next · f full screen"
FULL_HINT = "tab next · esc back"
GAP = 3


class ViewLine(Static):
    """Names side by side; a click on one chooses it."""

    ALLOW_SELECT = False

    class Chosen(Message):
        def __init__(self, view: str) -> None:
            super().__init__()
            self.view = view

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)
        self._view, self._full = VIEWS[0], ""

    def show(self, view: str, full: str) -> None:
        """``full`` is the title of the panel that has the whole screen, or empty."""
        self._view, self._full = view, full
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        names = [self._word(view) for view in VIEWS]
        left = Content(" " * GAP).join(names)
        if self._full:
            left = Content.assemble((f"{self._view} › ", "$secondary"), (f"▸ {self._full}", "bold $primary"))
        hint = FULL_HINT if self._full else HINT
        room = self.content_size.width - left.cell_length - len(hint)
        right = Content.styled(" " * room + hint, "$secondary") if room >= GAP else Content("")
        self.update(Content.assemble(left, right))

    def _word(self, view: str) -> Content:
        if view == self._view:
            return Content.styled(f"▸ {view}", "bold $primary")
        return Content.styled(f"  {view}", "$secondary")

    def on_click(self, event: Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None or self._full:
            return
        end = 0
        for view in VIEWS:
            end += len(view) + 2 + GAP
            if offset.x < end:
                self.post_message(self.Chosen(view))
                return
