"""The events panel: what happened, newest at the bottom; the whole log when it has the screen to itself."""

from datetime import datetime

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from vsrpp_tui.state import LogLine, RunState, Tone

SIGNS: dict[Tone, tuple[str, str]] = {
    "plain": (" ", "$foreground"),
    "good": ("✓", "$success"),
    "warning": ("!", "$warning"),
    "fault": ("✗", "$error"),
}


class LinesPanel(VerticalScroll):
    """Stays at the newest line until the user scrolls up, and again from when they are back at the end."""

    def __init__(self, title: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.border_title = title
        self._lines: tuple[LogLine, ...] = ()
        self._text = Static(markup=False)

    def compose(self) -> ComposeResult:
        yield self._text

    def show_lines(self, lines: tuple[LogLine, ...]) -> None:
        if lines is self._lines:
            return
        self._lines = lines
        self._text.update(Content("\n").join(_line(line) for line in lines))

    def on_mount(self) -> None:
        self.anchor()


class EventsPanel(LinesPanel):
    """What a session said."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__("Events", id=id)

    def show(self, state: RunState) -> None:
        self.show_lines(state.log)


def _line(line: LogLine) -> Content:
    sign, style = SIGNS[line.tone]
    return Content.assemble((_clock(line.time), "$secondary"), "  ", (f"{sign} {line.text}", style))


def _clock(time: float) -> str:
    """Of today the time, of another day also the date."""
    moment = datetime.fromtimestamp(time)
    return f"{moment:%H:%M:%S}" if moment.date() == datetime.now().date() else f"{moment:%d.%m. %H:%M}"
