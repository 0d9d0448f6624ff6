"""The auto-tune screen: what each network is predicted and measured to cost here, and which one is trained."""

import time
from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.events import Resize
from textual.widgets import OptionList, Static

from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import events as ev
from vsrpp_tui.screens.run.by_hand import ByHandScreen
from vsrpp_tui.screens.shared.base_screen import BRAND, BaseScreen
from vsrpp_tui.screens.shared.messages import CommandWanted
from vsrpp_tui.state.run import RunState
from vsrpp_tui.state.tuning import RungState, Tuning
from vsrpp_tui.widgets.panels.rungs import RungList, details, headings, rows
from vsrpp_tui.widgets.pick_list import NO_SIGN
from vsrpp_tui.widgets.text import gigabytes

AIRY_FROM = 38
"""Lines of the screen from which rows are spaced out and the words explained."""

DEVICE_FROM = 110
"""Cells of the screen from which its first line names the device."""

NARROW = 60
"""Cells below which it names the limits in short."""


class TuneScreen(BaseScreen[None]):
    """Shows the search of a session, and turns keys into commands to it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "take", "Take it", key_display="⏎", id="take", tooltip="train this row, passed or not"),
        Binding("m", "measure", "Measure", id="measure", tooltip="measure this row next, even if skipped"),
        Binding("escape", "by_hand", "Set by hand", key_display="esc", id="by_hand", tooltip="choose other sizes"),
        Binding("question_mark", "help", "Help", key_display="?", id="help", tooltip="keys and words"),
        Binding("q", "app.leave", "Quit", id="quit", tooltip="nothing is trained; the search begins again next time"),
        Binding("l", "app.log", "Log", show=False, id="log", tooltip="all events, to search and to filter"),
        Binding("x", "app.keep_screen", "Screenshot", show=False, id="screenshot", tooltip="a picture of the screen"),
    ]
    MORE_KEYS = ((("↑", "↓"), "another row; then none is taken automatically"),)

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` gives seconds, for the countdown of an offer."""
        super().__init__()
        self.state = RunState()
        self._clock, self._offered_at = clock, 0.0
        self._moved = False
        """Whether the user has chosen a row; until then the cursor follows the search."""
        self._asked, self._refused = "", ""
        self._number = 0
        """Of the command that was sent last."""
        self._contents: dict[str, Content] = {}
        self._parts = {name: Static(id=f"tune-{name}", markup=False) for name in PARTS}
        self._table = RungList(id="tune-rows")

    def body(self) -> ComposeResult:
        with Vertical(id="tune-body"):
            yield self._parts["headings"]
            yield self._table
            yield self._parts["details"]
            yield Static(WORDS, id="tune-words", markup=False)
        yield self._parts["status"]

    def on_mount(self) -> None:
        self._table.focus()

    def on_resize(self, event: Resize) -> None:
        self.set_class(event.size.height >= AIRY_FROM, "-airy")
        self.call_after_refresh(self._draw)  # once the parts have their sizes

    @property
    def _tuning(self) -> Tuning:
        return self.state.tuning or Tuning()

    @property
    def _seconds_left(self) -> float:
        """Until the offer is taken automatically."""
        return self._tuning.seconds_left(self._clock() - self._offered_at) if self._tuning.offer else 0.0

    @property
    def _row(self) -> RungState | None:
        return self._tuning.rung(int(self._table.chosen)) if self._table.chosen else None

    # showing

    def show(self, state: RunState) -> None:
        before, self.state = self.state, state
        if self._tuning.offer and self._tuning.offer is not (before.tuning or Tuning()).offer:
            self._offered_at = self._clock()
        if state.answered > before.answered:
            for answer in state.answers[-(state.answered - before.answered) :]:
                self._asked = "" if answer.number == self._number else self._asked
                self._refused = "" if answer.accepted else answer.message
        self._draw()

    def _draw(self) -> None:
        if not self.is_mounted or not self.size.width:
            return
        width = max(self._table.size.width - len(NO_SIGN), 40)
        self._draw_header()
        self._update("headings", Content.assemble(NO_SIGN, headings(width)))
        self._table.show(rows(self._tuning, width, self.has_class("-airy")))
        self._follow()
        self._draw_details()
        self._update("status", self._status())

    def _follow(self) -> None:
        """Until the user moves, keep the cursor on the row that is offered, or measured."""
        tuning = self._tuning
        index = tuning.measuring.index if tuning.measuring else 0
        if tuning.offer:
            index = tuning.offer.index or len(tuning.rungs)
        if not self._moved and index and tuning.rung(index):
            self._table.go_to(str(index))

    def _draw_details(self) -> None:
        row = self._row
        width = self._parts["details"].content_size.width
        self._update("details", details(row, self._tuning, width) if row and width else Content(""))

    def _update(self, part: str, content: Content) -> None:
        if self._contents.get(part) != content:
            self._contents[part] = content
            self._parts[part].update(content)

    def _draw_header(self) -> None:
        left, started = Content.assemble(BRAND, "  Auto-tune"), self._tuning.started
        if started and self.size.width >= DEVICE_FROM:
            place = f"{started.n_frames} × {started.lr_width}×{started.lr_height}"
            left = Content.assemble(left, (f"  {started.device} · {started.precision} · {place}", "$secondary"))
        limits = _limits(started, self.size.width < NARROW) if started else ""
        self.set_header(left, Content.styled(limits, "$secondary"))

    def _status(self) -> Content:
        tuning = self._tuning
        offer, left = tuning.offer, self._seconds_left
        if self._asked:
            return Content.styled(f"{self._asked} …", "$warning")
        if self._refused:
            return Content.styled(f"✗ {self._refused}", "$error")
        if tuning.is_over:
            return Content.styled("the search is over", "$secondary")
        if tuning.measuring:
            return Content.styled(_measuring(tuning.measuring, len(tuning.rungs)), "$primary")
        if offer is None:
            return Content.styled("predicting what this device can run …", "$secondary")
        if not offer.index:
            ways = "" if self.has_class("-squat") else "\n↑↓ and ⏎ take a row anyway, esc sets other sizes"
            return Content.assemble(("✗ ", "$error"), (offer.advice, "$warning"), ways)
        if left:
            return Content.styled(f"takes row {offer.index} in {left:.0f} s · ⏎ now · ↑↓ stops the clock", "$success")
        verdict = "passes" if self._offers_what_passed(offer) else "is proposed for CPUs"
        return Content.assemble((f"row {offer.index} {verdict}", "$success"), " · ⏎ takes the row at ▸")

    def _offers_what_passed(self, offer: ev.ChoiceOffered) -> bool:
        rung = self._tuning.rung(offer.index)
        return rung is not None and rung.passed

    # keys

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """The user has moved to a row."""
        self._moved = True
        self._hold()
        self._draw_details()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.action_take()

    def _hold(self) -> None:
        """The user is present: cancel the automatic choice."""
        if self._seconds_left and self._asked != HOLDING:
            self._order(cmd.HoldChoice(), HOLDING)

    def action_take(self) -> None:
        row, offer = self._row, self._tuning.offer
        if row and (self._moved or (offer and offer.index == row.index)):
            self._order(cmd.ChooseRung(row.index), f"taking row {row.index}")
            return
        self.notify("nothing has passed so far; ↑↓ to a row, and ⏎ takes it anyway", severity="warning")

    def action_measure(self) -> None:
        if row := self._row:
            self._moved = True
            self._order(cmd.MeasureRung(row.index), f"row {row.index} is measured next")

    def action_by_hand(self) -> None:
        self._hold()
        self.app.push_screen(ByHandScreen(self._tuning, self._row), self._set)

    def _set(self, command: cmd.SetByHand | None) -> None:
        if command:
            self._order(command, "taking what was set by hand")

    async def action_help(self) -> None:
        self._hold()
        await self.app.run_action("help")

    def _order(self, command: cmd.Command, asked: str) -> None:
        self._asked, self._refused, self._number = asked, "", command.number
        self._draw()
        self.post_message(CommandWanted(command))


HOLDING = "stopping the clock"
PARTS = ("headings", "details", "status")

WORDS = Content("\n").join(
    Content.assemble((f"{word:<15}", "$secondary"), (meaning, "$secondary"))
    for word, meaning in (
        ("predicted", "counted from the network and what the device can do; it rules out, it never decides"),
        ("measured", "real training steps, one optimizer step with all its passes; the limit is marked │"),
        ("checkpointing", "activations computed again instead of kept: less memory, slower steps, the same network"),
        ("batch", "samples in a pass × passes in a step = effective batch"),
    )
)
"""What the columns mean, where there is room for it."""


def _limits(started: ev.TuningStarted, short: bool) -> str:
    if short:
        return f"{started.max_seconds:.1f} s · {gigabytes(started.max_memory * started.device_memory)} GB"
    memory = f"{100 * started.max_memory:.0f} % of {gigabytes(started.device_memory)} GB"
    return f"{started.max_seconds:.1f} s/iter · {memory} · batch ≥ {started.min_effective_batch}"


def _measuring(measuring: ev.MeasurementStarted, rungs: int) -> str:
    kind = "" if measuring.checkpointing == "none" else f", with checkpointing {measuring.checkpointing}"
    return f"measuring {measuring.index} of {rungs}{kind} …"
