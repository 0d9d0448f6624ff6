"""The events panel: what happened, newest at the bottom; the whole log when it has the screen to itself."""

from datetime import datetime

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.events import Resize
from textual.widgets import Static

from vsrpp_tui.state import LogLine, RunState, Tone
from vsrpp_tui.widgets.figures import wrapped

SIGNS: dict[Tone, tuple[str, str]] = {
    "plain": (" ", "$foreground"),
    "good": ("✓", "$success"),
    "warning": ("!", "$warning"),
    "fault": ("✗", "$error"),
}

GAP = 2
"""Cells between time and sign."""

LEAST_TEXT = 16


class EventsPanel(VerticalScroll):
    """Stays at the newest line until the user scrolls up, and again from when they are back at the end."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.border_title = "Events"
        self._lines: tuple[LogLine, ...] = ()
        self._text = Static(markup=False)

    def compose(self) -> ComposeResult:
        yield self._text

    def show(self, state: RunState) -> None:
        if state.log is self._lines:
            return
        self._lines = state.log
        self._draw()

    def on_mount(self) -> None:
        self.anchor()

    def on_resize(self, event: Resize) -> None:
        self._draw()

    def _draw(self) -> None:
        if width := self.scrollable_content_region.width:  # else it is in no view so far
            self._text.update(Content("\n").join(_line(line, width) for line in self._lines))


def _line(line: LogLine, width: int) -> Content:
    """What does not fit into one row goes on below itself, beside its time."""
    sign, style = SIGNS[line.tone]
    clock = _clock(line.time)
    indent = len(clock) + GAP + len(f"{sign} ")
    text = f"\n{'':{indent}}".join(wrapped(line.text, max(width - indent, LEAST_TEXT)))
    return Content.assemble((clock, "$secondary"), " " * GAP, (f"{sign} {text}", style))


def _clock(time: float) -> str:
    """Of today the time, of another day also the date."""
    moment = datetime.fromtimestamp(time)
    return f"{moment:%H:%M:%S}" if moment.date() == datetime.now().date() else f"{moment:%d.%m. %H:%M}"
