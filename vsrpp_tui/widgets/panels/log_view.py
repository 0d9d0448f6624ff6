"""The lines of a log, as many as there are: wrapped to the width, and only those on the screen are drawn."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.segment import Segment
from rich.style import Style
from textual.events import Resize
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from vsrpp_core.messages.describe import Tone
from vsrpp_tui.state.log import LogLine
from vsrpp_tui.widgets.text import wrapped

SIGNS: dict[Tone, str] = {"plain": " ", "good": "✓", "warning": "!", "fault": "✗"}

GAP = 2
"""Cells between time and sign."""

LEAST_TEXT = 16

LONGEST = 5000
"""Characters shown of a line."""

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
"""What would move the cursor or end the line: a file's name may hold it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row on the screen: the first or a later part of a line, or without a line the heading of a day."""

    text: str
    line: LogLine | None = None
    time: str = ""
    """Beside the text; spaces beside a later part."""
    sign: str = " "


class LogView(ScrollView, can_focus=True):
    """Stays at the newest line until the user scrolls up, and again from when they are back at the end."""

    COMPONENT_CLASSES = {f"log--{part}" for part in ("time", "day", "match", *SIGNS)}  # noqa: RUF012

    def __init__(self, title: str = "", *, days: bool = False, id: str | None = None) -> None:
        """``days``: put a heading over each day, and begin at the top. Otherwise a line of another day than today
        carries its date, and few lines are at the bottom, where new ones come.
        """
        super().__init__(id=id)
        self.border_title = title
        self._days = days
        self._lines: Sequence[LogLine] = ()
        self._rows: list[Row] = []
        self._needle = ""
        self._styles: dict[str, Style] = {}

    @property
    def lines(self) -> Sequence[LogLine]:
        """All lines, also those that are not on the screen."""
        return self._lines

    @property
    def following(self) -> bool:
        """Whether a new line will be seen."""
        return self.is_vertical_scroll_end

    def show(self, lines: Sequence[LogLine], needle: str = "") -> None:
        """Show ``lines``, in which ``needle`` (lower case) stands out; at their end where they are not the old ones."""
        before = self._lines
        kept = _kept(before, lines) if needle == self._needle else 0
        if kept == len(before) == len(lines):
            return
        self._lines, self._needle = lines, needle
        dropped = len(before) - kept
        if not kept or (dropped and self._days):
            self._rebuild()
        else:
            if dropped:
                del self._rows[: next((i for i, row in enumerate(self._rows) if row.line is lines[0]), 0)]
            self._add(lines[kept:])
        if not kept:
            self.anchor()

    def on_mount(self) -> None:
        self.anchor()

    def on_resize(self, event: Resize) -> None:
        self._rebuild()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self.call_later(self._follow_at_the_end)  # to anchor ends the animation that is just calling this

    def _follow_at_the_end(self) -> None:
        if self.following:
            self.anchor()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles = {}

    def _rebuild(self) -> None:
        self._rows = []
        self._add(self._lines)

    def _add(self, lines: Sequence[LogLine]) -> None:
        width = self.content_size.width - self.styles.scrollbar_size_vertical  # also before there is a scrollbar
        if width <= 0:  # in no view so far
            return
        last = self._rows[-1].line if self._rows else None
        for line in lines:
            if self._days and (last is None or _day(line) != _day(last)):
                self._rows.append(Row(_day(line)))
            self._rows += self._rows_of(line, width)
            last = line
        self.virtual_size = Size(width, len(self._rows))
        self.refresh()

    def _rows_of(self, line: LogLine, width: int) -> list[Row]:
        """What does not fit into one row continues below, beside the time."""
        moment = datetime.fromtimestamp(line.time)
        is_short = self._days or moment.date() == datetime.now().date()
        time = f"{moment:%H:%M:%S}" if is_short else f"{moment:%m-%d %H:%M}"
        first, *rest = wrapped(CONTROL.sub(" ", line.text[:LONGEST]), max(width - len(time) - GAP - 2, LEAST_TEXT))
        return [Row(first, line, time, SIGNS[line.tone]), *(Row(part, line, " " * len(time)) for part in rest)]

    def render_line(self, y: int) -> Strip:
        empty = 0 if self._days else max(self.size.height - len(self._rows), 0)
        index = y + self.scroll_offset.y - empty
        segments = self._segments(self._rows[index]) if 0 <= index < len(self._rows) else []
        return Strip(segments).adjust_cell_length(self.size.width, self.rich_style)

    def _segments(self, row: Row) -> list[Segment]:
        if row.line is None:
            return [Segment(row.text, self._style("day"))]
        style = self._style(row.line.tone)
        time = Segment(row.time + " " * GAP, self._style("time"))
        return [time, Segment(f"{row.sign} ", style), *self._matches(row.text, style)]

    def _matches(self, text: str, style: Style) -> list[Segment]:
        """The text, in which what was searched for stands out."""
        segments, place = [], 0
        while self._needle and (found := text.lower().find(self._needle, place)) >= 0:
            end = found + len(self._needle)
            segments += [Segment(text[place:found], style), Segment(text[found:end], self._style("match"))]
            place = end
        return [*segments, Segment(text[place:], style)]

    def _style(self, part: str) -> Style:
        if part not in self._styles:
            self._styles[part] = self.get_component_rich_style(f"log--{part}")
        return self._styles[part]


def _kept(before: Sequence[LogLine], after: Sequence[LogLine]) -> int:
    """How many of the first lines ``after`` were the last ones ``before``; the oldest may have been dropped."""
    if not before:
        return 0
    count = next((i for i in range(len(after), 0, -1) if after[i - 1] is before[-1]), 0)
    return count if list(after[:count]) == list(before[-count:]) else 0


def _day(line: LogLine) -> str:
    return f"{datetime.fromtimestamp(line.time):%A, %Y-%m-%d}"
