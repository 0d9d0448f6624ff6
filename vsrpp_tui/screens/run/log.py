"""The event log on a screen of its own: everything in the journal, with search, filters and following."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import Input

from vsrpp_core.messages import events as ev
from vsrpp_core.messages import journal
from vsrpp_tui.screens.shared.base_screen import BaseScreen
from vsrpp_tui.state.log import LOG_LIMIT, LogLine, log_line
from vsrpp_tui.state.run import RunState
from vsrpp_tui.widgets.panels.log_view import LogView

SAVES = (ev.CheckpointSaved, ev.CheckpointFailed, ev.SessionEnded)
VALIDATIONS = (ev.ValidationFinished, ev.ValidationAborted)
FILTERS: tuple[tuple[str, Callable[[LogLine], bool]], ...] = (
    ("all", lambda line: True),
    ("warnings and faults", lambda line: line.tone in ("warning", "fault")),
    ("saves", lambda line: line.event in SAVES),
    ("validations", lambda line: line.event in VALIDATIONS),
)


def older_lines(path: Path, first: LogLine) -> list[LogLine]:
    """The lines of the journal before ``first``, which is not among them."""
    lines: list[LogLine] = []
    for event in journal.replay(path):
        line = log_line(event)
        if line == first:
            break
        if line:
            lines.append(line)
    return lines


class LogScreen(BaseScreen[None]):
    """Shows the lines of RunState, which are the newest, and before them those that only the journal has."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,l", "close", "Close", id="close_log", key_display="esc", tooltip="back to the training screen"),
        Binding("slash", "search", "Search", id="search", key_display="/", tooltip="only lines with what you type"),
        Binding("f", "filter", "Filter", id="filter", tooltip="all, or only warnings, saves, validations"),
        Binding("x", "app.keep_screen", "Screenshot", id="screenshot", tooltip="save a picture of this screen"),
        Binding("question_mark", "app.help", "Help", id="help", key_display="?", tooltip="keys and words"),
    ]
    MORE_KEYS = ((("end",), "follow the newest line again"),)

    AUTO_FOCUS = "LogView"

    @dataclass
    class OlderRead(Message):
        lines: list[LogLine]
        fault: str = ""

    def __init__(self, journal: Path, state: RunState) -> None:
        super().__init__()
        self._journal = journal
        self._lines: list[LogLine] = list(state.log)
        self._newest = state.log
        self._remark = ""
        """A remark on the lines that only the journal has."""
        self._filter = 0
        self._count = len(self._lines)
        """Lines shown, of all."""
        self._needle = ""

    def body(self) -> ComposeResult:
        yield LogView(days=True, id="log")
        yield Input(placeholder="/ to search, enter back to the lines", compact=True, id="log-search")

    def on_mount(self) -> None:
        if len(self._lines) >= LOG_LIMIT:
            self._remark = "reading the journal …"
            Thread(target=self._read, args=(self._lines[0],), name="log", daemon=True).start()
        self.set_interval(1, self._draw_header)  # whether it follows changes by scrolling too
        self.call_after_refresh(self._draw)

    def on_resize(self) -> None:
        self._draw_header()

    # lines

    def show(self, state: RunState) -> None:
        """Add the new lines of ``state``."""
        if state.log is self._newest:
            return
        self._newest = state.log
        last = self._lines[-1] if self._lines else None
        place = next((i for i in reversed(range(len(state.log))) if state.log[i] is last), None)
        if place is None and last is not None:  # more came at once than a state holds, or it is another run's
            self._lines = list(state.log)
        else:
            self._lines += state.log[(-1 if place is None else place) + 1 :]
        self._draw()

    def _read(self, first: LogLine) -> None:
        try:
            message = self.OlderRead(older_lines(self._journal, first))
        except OSError as error:
            message = self.OlderRead([], f"{self._journal.name} cannot be read ({error.strerror})")
        self.post_message(message)

    def on_log_screen_older_read(self, message: OlderRead) -> None:
        self._remark = message.fault
        self._lines = message.lines + self._lines
        self._draw()

    # drawing

    def _draw(self) -> None:
        if not self.is_mounted:
            return
        is_shown = FILTERS[self._filter][1]
        lines = [line for line in self._lines if is_shown(line) and self._needle in line.text.lower()]
        self.query_one(LogView).show(lines, self._needle)
        self._count = len(lines)
        self._draw_header()

    def _draw_header(self) -> None:
        view = self.query_one(LogView)
        shown, name = self._count, FILTERS[self._filter][0]
        count = f"{shown:,} lines" if shown == len(self._lines) else f"{shown:,} of {len(self._lines):,} lines"
        follows = "following" if view.following else "end: follow"
        remark = f"   {self._remark}" if self._remark else ""
        left = Content.assemble(("Events", "bold $primary"), f"   {count}", (remark, "$warning"))
        right = Content.assemble((f"{name} · {follows}", "$secondary"))
        self.set_header(left, right)

    # keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "search" or not self.query_one(Input).has_focus

    def action_close(self) -> None:
        search = self.query_one(Input)
        if search.has_focus or search.value:  # first out of the search, then out of the log
            search.value = ""
            self.query_one(LogView).focus()
        else:
            self.dismiss()

    def action_search(self) -> None:
        self.query_one(Input).focus()

    def action_filter(self) -> None:
        self._filter = (self._filter + 1) % len(FILTERS)
        self._draw()

    def on_input_changed(self, event: Input.Changed) -> None:
        self._needle = event.value.strip().lower()
        self._draw()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.query_one(LogView).focus()
