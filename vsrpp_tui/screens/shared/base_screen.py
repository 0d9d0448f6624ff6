"""What the full screens share: a header, keys in the footer, and where the terminal is too small a sentence instead."""

from typing import TypeVar

from textual.app import ComposeResult
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from vsrpp_tui.widgets.footer import KeyFooter
from vsrpp_tui.widgets.text import spread

Result = TypeVar("Result")
TOO_SMALL = "This terminal is too small for VSR++; at least 45 × 16 is needed."
BRAND = ("VSR++", "bold $primary")


class BaseScreen(Screen[Result]):
    """Subclasses write ``body``. Where the terminal is too small, the stylesheet hides all but the sentence."""

    def __init__(self) -> None:
        super().__init__()
        self._header = Static(id="screen-header", markup=False)
        self._headline: Content | None = None

    def compose(self) -> ComposeResult:
        yield self._header
        yield from self.body()
        yield Static(TOO_SMALL, id="too-small")
        yield KeyFooter()

    def body(self) -> ComposeResult:
        """What stands between header and footer."""
        raise NotImplementedError

    @property
    def line_width(self) -> int:
        """Cells of a line from border to border."""
        return max(self.size.width - 2, 20)

    def set_header(self, left: Content, right: Content) -> None:
        headline = spread(left, right, self.line_width)
        if headline != self._headline:
            self._headline = headline
            self._header.update(headline)
