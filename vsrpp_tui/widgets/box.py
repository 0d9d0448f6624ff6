"""A bordered place for figures over their charts, that the user can focus and give the whole screen."""

from textual.containers import Vertical
from textual.widget import Widget


class Box(Vertical, can_focus=True):
    """Its border tells its name and, beneath, what is to come or what its keys do."""

    def __init__(self, title: str, *inside: Widget, id: str) -> None:
        super().__init__(*inside, id=id, classes="panel")
        self.border_title = title
