"""What screens with many fields share: keys that arrive in a burst, as from a paste, each reach the intended field.

The application hands a key to the field that has the focus at that moment, and the field takes it in later. So Enter
must move the focus where keys are handed out, not when the field comes to it, and what reads the fields must wait until
they have taken in what was typed before.
"""

from collections.abc import Callable
from typing import TypeVar

from textual.binding import Binding
from textual.widgets import Input

from vsrpp_tui.screens.shared.base_screen import BaseScreen

Result = TypeVar("Result")


LEAVE_FIELD = Binding(
    "enter", "leave_field", "Next", id="leave_field", show=False, priority=True, tooltip="to the next field"
)


class TypedScreen(BaseScreen[Result]):
    """Has ``LEAVE_FIELD`` among its bindings."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Enter is for buttons and boxes as well, which have it in the usual way."""
        return isinstance(self.focused, Input) if action == "leave_field" else True

    def action_leave_field(self) -> None:
        self.focus_next()

    def after_typing(self, do: Callable[[], object]) -> None:
        """Call ``do`` once the field with the focus has taken in every key that came before; its value counts then.

        What the field tells of its changes may come later still.
        """
        if self.focused is None:
            do()
        else:
            self.focused.call_later(self.call_later, do)
