"""A footer that cuts no key: those that do not fit are left out, and are in the palette (ctrl+p)."""

from textual.app import ComposeResult
from textual.events import Resize
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

PADDING = 3
"""Cells around key and description."""

Key = tuple[str, str, bool]
"""Key, description and whether it applies now."""


class KeyFooter(Footer):
    """Shows bindings in their order, as many as fit."""

    def __init__(self) -> None:
        super().__init__(show_command_palette=False)
        self._shown: tuple[int, list[Key]] | None = None

    def _current(self) -> tuple[int, list[Key]]:
        """The width in cells, and the keys that would be shown now."""
        active = (each for each in self.screen.active_bindings.values() if each.binding.show)
        return self.app.size.width, [
            (self.app.get_key_display(each.binding), each.binding.description, each.enabled) for each in active
        ]

    def compose(self) -> ComposeResult:
        self._shown = self._current() if self._bindings_ready else None
        room = self.app.size.width
        for widget in super().compose():
            if isinstance(widget, FooterKey):
                room -= len(widget.key_display) + len(widget.description) + PADDING
                if room < 0:
                    return
            yield widget

    async def recompose(self) -> None:
        """Rebuild the keys only if they differ: every change of focus asks for it."""
        if self.is_attached and self._current() != self._shown:
            await super().recompose()

    def on_resize(self, event: Resize) -> None:
        self.call_after_refresh(self.recompose)
