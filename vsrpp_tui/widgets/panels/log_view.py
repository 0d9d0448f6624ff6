"""The lines of a log, as many as there are: wrapped to the width, days apart, only those on screen drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.segment import Segment
from rich.style import Style
from textual.events import Resize
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from vsrpp_tui.state.run import LogLine
from vsrpp_tui.widgets.panels.events import SIGNS
from vsrpp_tui.widgets.text import wrapped

INDENT = 12
"""Cells of time and sign before the text."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row on the screen: of a line its first or a later part, or the heading of a day."""

    text: str
    line: LogLine | None = None
    first: bool = False


class LogView(ScrollView, can_focus=True):
    """Stays at the newest line while it is at the end."""

    COMPONENT_CLASSES = {f"log--{part}" for part in ("time", "day", "match", *SIGNS)}  # noqa: RUF012

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: list[LogLine] = []
        self._rows: list[Row] = []
        self._needle = ""
        self._styles: dict[str, Style] = {}

    @property
    def following(self) -> bool:
        """Whether a line that comes will be seen."""
        return self.is_vertical_scroll_end

    @property
    def _room(self) -> int:
        return self.scrollable_content_region.width

    def show(self, lines: Sequence[LogLine], needle: str = "") -> None:
        """Show ``lines`` in which ``needle`` (lower case) stands out; at their end if it was at the end before."""
        at_end = self.following
        before = self._lines
        self._lines, grown = list(lines), needle == self._needle and list(lines[: len(before)]) == before
        self._needle = needle
        if grown:
            self._add(self._lines[len(before) :])
        else:
            self._rows = []
            self._add(self._lines)
        if at_end or not grown:
            self.scroll_end(animate=False, immediate=True)

    def on_resize(self, event: Resize) -> None:
        at_end = self.following
        self._rows = []
        self._add(self._lines)
        if at_end:
            self.call_after_refresh(self.scroll_end, animate=False)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles = {}

    def _add(self, lines: Sequence[LogLine]) -> None:
        width = max(self._room - INDENT, 20)
        last = next((row.line for row in reversed(self._rows) if row.line), None)
        day = _day(last) if last else ""
        for line in lines:
            if (today := _day(line)) != day:
                day = today
                self._rows.append(Row(today))
            first, *rest = wrapped(line.text, width)
            self._rows.append(Row(first, line, first=True))
            self._rows.extend(Row(part, line) for part in rest)
        self.virtual_size = Size(self._room, len(self._rows))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        index = y + self.scroll_offset.y
        blank = Strip.blank(self.size.width, self.rich_style)
        if index >= len(self._rows):
            return blank
        strip = Strip(self._segments(self._rows[index]))
        return strip.adjust_cell_length(self.size.width, self.rich_style)

    def _segments(self, row: Row) -> list[Segment]:
        if row.line is None:
            return [Segment(row.text, self._style("day"))]
        sign, _ = SIGNS[row.line.tone]
        style = self._style(row.line.tone)
        clock = f"{datetime.fromtimestamp(row.line.time):%H:%M:%S}" if row.first else ""
        start = [
            Segment(f"{clock:<10}", self._style("time")),
            Segment(f"{sign if row.first else '':<{INDENT - 10}}", style),
        ]
        return start + self._marked(row.text, style)

    def _marked(self, text: str, style: Style) -> list[Segment]:
        """What was searched for stands out."""
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


def _day(line: LogLine) -> str:
    return f"{datetime.fromtimestamp(line.time):%A, %d %B %Y}"
