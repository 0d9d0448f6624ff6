"""A bordered box of figures above their chart, that the user can focus and enlarge to the whole screen."""

from textual.containers import Vertical
from textual.widget import Widget


class Box(Vertical, can_focus=True):
    """Its borders show its name and, below, what comes next or what its keys do."""

    def __init__(self, title: str, *inside: Widget, id: str) -> None:
        super().__init__(*inside, id=id, classes="panel")
        self.border_title = self.title = title
        self._said: tuple[str, str] = (title, "")

    def say(self, title: str, subtitle: str = "") -> None:
        """Set both borders' texts if they differ: each change redraws everything inside."""
        before, self._said = self._said, (title, subtitle)
        if title != before[0]:
            self.border_title = title
        if subtitle != before[1]:
            self.border_subtitle = subtitle
