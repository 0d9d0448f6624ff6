"""The footer, of which nothing is cut: keys that do not fit whole are left out, and are in the palette (ctrl+p)."""

from textual.app import ComposeResult
from textual.events import Resize
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

PADDING = 3
"""Cells around key and description."""


class KeyFooter(Footer):
    """Bindings are shown in their order, as many as there is room for."""

    def __init__(self) -> None:
        super().__init__(show_command_palette=False)

    def compose(self) -> ComposeResult:
        room = self.app.size.width
        for widget in super().compose():
            if isinstance(widget, FooterKey):
                room -= len(widget.key_display) + len(widget.description) + PADDING
                if room < 0:
                    return
            yield widget

    def on_resize(self, event: Resize) -> None:
        self.call_after_refresh(self.recompose)
