"""What the screens of jobs share: a header with the phase, bars, stopping, and going back."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from vsrpp_core.messages.pace import clock
from vsrpp_tui.screens.shared.ask import AskScreen
from vsrpp_tui.screens.shared.base_screen import BRAND, BaseScreen
from vsrpp_tui.state.job import JobPhase, JobState
from vsrpp_tui.widgets.text import bar, duration

SIGNS: dict[JobPhase, tuple[str, str]] = {
    "loading": ("○", "$secondary"),
    "looking": ("○", "$primary"),
    "working": ("●", "$success"),
    "finishing": ("◆", "$primary"),
    "stopping": ("■", "$warning"),
    "done": ("✓", "$success"),
    "stopped": ("■", "$warning"),
    "failed": ("✗", "$error"),
}


LEFT_WIDTH = 14
"""Cells reserved for the time left, so that nothing moves when it becomes known."""


class JobScreen(BaseScreen[None]):
    """Shows the state it is given; subclasses define how. A finished job stays on the screen until the user leaves."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "stop", "Stop", id="stop_job", tooltip="stop, asked once; finished parts are kept"),
        Binding("escape", "leave_job", "Back", id="stop_job", tooltip="back"),
        Binding("enter", "use", "Use it", id="use", key_display="⏎", tooltip="train the run on this dataset"),
        Binding(
            "i,plus,minus", "detail", "Detail", id="detail", key_display="i", tooltip="the whole picture or a detail"
        ),
        Binding("question_mark", "app.help", "Help", key_display="?", id="help", tooltip="keys and words"),
        Binding("q", "app.leave", "Quit", id="quit", tooltip="end the work so that it can be resumed, and quit"),
    ]
    AUTO_FOCUS = ""
    TITLE_WORDS = ""
    WORKING_WORD = "working"
    KEPT = "Finished parts are kept; the same work resumes from them later."

    class StopWanted(Message):
        """The user wants the job ended."""

    class Left(Message):
        """The user leaves; ``dataset`` is what the run should be trained on from now on."""

        def __init__(self, dataset: Path | None = None) -> None:
            super().__init__()
            self.dataset = dataset

    def __init__(self, state: Any, command: str) -> None:
        """``command`` resumes the work from a shell."""
        super().__init__()
        self.state, self.command = state, command
        self._bars = Static(id="job-bars", markup=False)

    def body(self) -> ComposeResult:
        yield self._bars
        with Container(id="job-body"):
            yield from self.panels()

    def panels(self) -> tuple[Widget, ...]:
        """What fills the screen below the bars."""
        raise NotImplementedError

    def draw_panels(self, state: Any) -> None:
        """Show ``state`` in them."""
        raise NotImplementedError

    def bars(self, state: Any, width: int) -> tuple[Content, ...]:
        """Lines of progress."""
        raise NotImplementedError

    def on_mount(self) -> None:
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def show_job(self, state: Any) -> None:
        before, self.state = self.state, state
        if state != before:
            self._draw()
        if state.phase != before.phase:
            self.refresh_bindings()

    def _draw(self) -> None:
        if not self.is_mounted:
            return
        self._draw_header()
        self._bars.update(Content("\n").join(self.bars(self.state, self.line_width)))
        self.draw_panels(self.state)

    def _draw_header(self) -> None:
        state: JobState = self.state
        sign, style = SIGNS[state.phase]
        words = self.WORKING_WORD if state.phase == "working" else state.phase
        left = Content.assemble(BRAND, f"  {self.TITLE_WORDS}   ", (f"{sign} ", style), (words, f"bold {style}"))
        self.set_header(left, Content.styled(clock(state.elapsed), "$secondary"))

    # keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        over = self.state.is_over
        match action:
            case "stop":
                return not over and (True if self.state.phase != "stopping" else None)
            case "leave_job":
                return bool(over)
            case "use":
                return self.dataset_made() is not None
            case "detail":
                return self.has_detail()
            case _:
                return True

    def action_stop(self) -> None:
        self.app.push_screen(AskScreen("Stop this work?", self.KEPT, "stop it", "continue"), self._stop)

    def _stop(self, sure: bool | None) -> None:
        if sure and not self.state.is_over:
            self.post_message(self.StopWanted())

    def action_leave_job(self) -> None:
        self.post_message(self.Left())

    def action_use(self) -> None:
        self.post_message(self.Left(self.dataset_made()))

    def action_detail(self) -> None:
        """Show the other part of the picture, if there is one."""

    def dataset_made(self) -> Path | None:
        """The dataset that Enter uses for the run."""
        return None

    def has_detail(self) -> bool:
        return False

    def ending(self, state: JobState) -> Content:
        """How to continue after the end, in a line; empty while working."""
        match state.phase:
            case "stopped":
                return Content.assemble(("stopped; continue with: ", "$warning"), self.command)
            case "failed":
                return Content.styled(f"✗ {state.failure}", "$error")
            case _:
                return Content("")


@dataclass(frozen=True)
class Progress:
    """One bar: its name, 0..1, figures beside it, and the seconds left (NaN where that is unknown)."""

    label: str
    share: float
    figures: str = ""
    left: float = math.nan


def progress_lines(rows: Sequence[Progress], width: int) -> tuple[Content, ...]:
    """Bars of equal length below each other, in ``width`` cells; a name that is too long is cut."""
    name_width = min(max(len(row.label) for row in rows), max(width // 4, 12))
    tails = [f"{int(100 * row.share):>3} %  {row.figures}" for row in rows]
    lefts = [f"{duration(row.left)} left" if math.isfinite(row.left) else "" for row in rows]
    tail_width, left_width = max(map(len, tails)), max(max(map(len, lefts)), LEFT_WIDTH)
    room = max(width - name_width - tail_width - left_width - 6, 4)
    return tuple(
        _progress(row, name_width, room, f"{tail:<{tail_width}}  {left:>{left_width}}")
        for row, tail, left in zip(rows, tails, lefts, strict=True)
    )


def _progress(row: Progress, name_width: int, room: int, tail: str) -> Content:
    name = Content(row.label).truncate(name_width, ellipsis=True)
    gap = " " * (name_width - name.cell_length + 2)
    return Content.assemble(name, gap, bar(row.share, room, "$primary"), "  ", (tail, "$secondary"))


def within(parts: Sequence[str], width: int) -> Content:
    """As many of the ``parts``, from the first on, as fit into ``width`` cells."""
    shown = list(parts)
    while len(shown) > 1 and len(" · ".join(shown)) > width:
        shown.pop()
    return Content.styled(" · ".join(shown), "$secondary").truncate(width, ellipsis=True)
