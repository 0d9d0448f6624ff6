"""The base of all text panels: a widget that shows one slice of RunState."""

from textual.content import Content
from textual.events import Resize
from textual.widgets import Static

from vsrpp_tui.state.run import RunState


class Panel(Static):
    """Redraws when its content changed or its size did; subclasses write ``picture``."""

    ALLOW_SELECT = False

    def __init__(self, *, title: str = "", id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes, markup=False)
        self.border_title = title
        self._state = RunState()
        self._shown: Content | None = None

    def show(self, state: RunState) -> None:
        self._state = state
        self._draw()

    def picture(self, state: RunState, width: int) -> Content:
        """What to show of ``state`` in ``width`` cells."""
        raise NotImplementedError

    def on_resize(self, event: Resize) -> None:
        self._draw()

    def _draw(self) -> None:
        if not self.is_attached:  # its screen is not composed yet, or being removed
            return
        if not self.content_size.width:  # in no view so far
            return
        width = self.content_size.width
        picture, before = self.picture(self._state, width), self._shown
        if picture != before:
            self._shown = picture
            grown = before is None or len(picture.wrap(width)) != len(before.wrap(width))
            self.update(picture, layout=grown)  # a new layout of the whole screen costs more than all that is drawn


def lines(*rows: Content) -> Content:
    return Content("\n").join(rows)
