"""A bordered place for figures over their charts, that the user can focus and give the whole screen."""

from textual.containers import Vertical
from textual.widget import Widget


class Box(Vertical, can_focus=True):
    """Its border tells its name and, beneath, what is to come or what its keys do."""

    def __init__(self, title: str, *inside: Widget, id: str) -> None:
        super().__init__(*inside, id=id, classes="panel")
        self.border_title = self.title = title
        self._said: tuple[str, str] = (title, "")

    def say(self, title: str, subtitle: str = "") -> None:
        """Set both borders' words where they differ: each setting costs drawing all that is inside."""
        before, self._said = self._said, (title, subtitle)
        if title != before[0]:
            self.border_title = title
        if subtitle != before[1]:
            self.border_subtitle = subtitle
