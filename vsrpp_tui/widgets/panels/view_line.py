"""The line that names the views of the training screen, the one shown among them."""

from collections.abc import Sequence

from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.widgets import Static

VIEWS = ("overview", "charts", "report", "activity", "pictures", "log")
HINT, SHORT_HINT = "s next · f full screen", "s next"
FULL_HINT = "tab next · esc back"
GAP, LEAST_GAP = 3, 1
MARK = 2
"""Cells before a name, for the sign of the one that is shown."""


class ViewLine(Static):
    """Names side by side, in a narrow place on two lines; a click on one chooses it."""

    ALLOW_SELECT = False

    class Chosen(Message):
        def __init__(self, view: str) -> None:
            super().__init__()
            self.view = view

    def __init__(self, views: Sequence[str] = VIEWS, hint: str = HINT, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)
        self._views, self._hint = tuple(views), hint
        self._view, self._full = self._views[0], ""

    def show(self, view: str, full: str) -> None:
        """``full`` is the title of the panel that has the whole screen, or empty."""
        self._view, self._full = view, full
        self._draw()

    def on_resize(self) -> None:
        self.styles.height = len(self._lines())
        self._draw()

    def _draw(self) -> None:
        left = Content("\n").join(
            Content.assemble(*(part for view, gap in line for part in (self._word(view), " " * gap)))
            for line in self._lines()
        )
        if self._full:
            left = Content.assemble((f"{self._view} › ", "$secondary"), (f"▸ {self._full}", "bold $primary"))
        hint = FULL_HINT if self._full else self._hint
        room = self.content_size.width - left.cell_length - len(hint) if "\n" not in left.plain else 0
        right = Content.styled(" " * room + hint, "$secondary") if room >= GAP else Content("")
        self.update(Content.assemble(left, right))

    def _lines(self) -> list[list[tuple[str, int]]]:
        """The views of each line, and the cells after each; two lines stand in columns."""
        taken = sum(len(view) + MARK for view in self._views)
        gap = min(GAP, (self.content_size.width - taken) // (len(self._views) - 1))
        if gap >= LEAST_GAP or not self.content_size.width:
            return [[(view, gap) for view in self._views[:-1]] + [(self._views[-1], 0)]]
        half = len(self._views) // 2
        columns = [max(map(len, pair)) for pair in zip(self._views[:half], self._views[half:], strict=True)]
        lines = (self._views[:half], self._views[half:])
        return [[(view, wide + GAP - len(view)) for view, wide in zip(line, columns, strict=True)] for line in lines]

    def _word(self, view: str) -> Content:
        if view == self._view:
            return Content.styled(f"▸ {view}", "bold $primary")
        return Content.styled(f"  {view}", "$secondary")

    def on_click(self, event: Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None or self._full:
            return
        end = 0
        for view, gap in self._lines()[offset.y]:
            end += MARK + len(view) + gap
            if offset.x < end:
                self.post_message(self.Chosen(view))
                return
