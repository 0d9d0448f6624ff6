"""The events panel: what happened, newest at the bottom; the whole log when it has the screen to itself."""

from datetime import datetime
from time import monotonic

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.events import Resize
from textual.widgets import Static

from vsrpp_tui.state.run import LogLine, RunState, Tone
from vsrpp_tui.widgets.text import wrapped

SIGNS: dict[Tone, tuple[str, str]] = {
    "plain": (" ", "$foreground"),
    "good": ("✓", "$success"),
    "warning": ("!", "$warning"),
    "fault": ("✗", "$error"),
}

GAP = 2
"""Cells between time and sign."""

LEAST_TEXT = 16
LINES_BESIDE = 100
"""As many of the last lines are there to scroll through beside other panels: each costs at every new one."""

FLOOD, FLOOD_SECONDS = 40, 1.0
"""Where so many lines come between two looks nobody can read them, and drawing them is left to every second."""


class LinesPanel(VerticalScroll):
    """Stays at the newest line until the user scrolls up, and again from when they are back at the end."""

    def __init__(self, title: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.border_title = title
        self._lines: tuple[LogLine, ...] = ()
        self._drawn_at = -FLOOD_SECONDS
        self._newest: frozenset[LogLine] = frozenset()
        """The last lines drawn."""
        self._text = Static(markup=False)

    def compose(self) -> ComposeResult:
        yield self._text

    def show_lines(self, lines: tuple[LogLine, ...]) -> None:
        if lines is self._lines:
            return
        now = monotonic()
        if now - self._drawn_at < FLOOD_SECONDS and len(lines) >= FLOOD and lines[-FLOOD] not in self._newest:
            return  # it is drawn at a later look
        self._lines, self._drawn_at, self._newest = lines, now, frozenset(lines[-FLOOD:])
        self._draw()

    def on_mount(self) -> None:
        self.anchor()

    def on_resize(self, event: Resize) -> None:
        self._draw()

    def _draw(self) -> None:
        width = self.content_size.width - self.styles.scrollbar_size_vertical  # also before there is a scrollbar
        if width > 0:  # else it is in no view so far
            alone = self.has_class("-full") or self.screen.has_class("-view-log")
            lines = self._lines if alone else self._lines[-LINES_BESIDE:]
            self._text.update(Content("\n").join(_line(line, width) for line in lines))


class EventsPanel(LinesPanel):
    """What a session said."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__("Events", id=id)

    def show(self, state: RunState) -> None:
        self.show_lines(state.log)


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
