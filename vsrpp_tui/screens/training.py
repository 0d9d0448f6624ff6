"""The training screen: places the panels, and turns keys into commands."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static

from vsrpp_core.messages import commands as cmd
from vsrpp_tui.state import RunState
from vsrpp_tui.widgets.charts import LossChart, ValidationChart
from vsrpp_tui.widgets.events import EventsPanel
from vsrpp_tui.widgets.footer import KeyFooter
from vsrpp_tui.widgets.header import RunHeader, RunProgress
from vsrpp_tui.widgets.panel import Panel
from vsrpp_tui.widgets.panels import AdaptivePanel, LossPanel, MemoryPanel, ValidationPanel, next_validation

VIEWS = ("overview", "charts", "events")
CHART_SECONDS = 1.0
"""A chart costs tens of milliseconds; it is redrawn this often at most."""

WORKING = ("training", "paused", "validating", "saving", "rolling back")


class TrainingScreen(Screen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "pause", "Pause", id="pause", tooltip="stand still between two steps"),
        Binding("p", "go_on", "Resume", id="pause", tooltip="go on with training"),
        Binding("c", "checkpoint", "Checkpoint", id="checkpoint", tooltip="save a checkpoint now; it is kept"),
        Binding("v", "validate", "Validate", id="validate", tooltip="validate now, also while paused"),
        Binding("enter", "app.settings", "Settings", id="settings", key_display="⏎", tooltip="change live settings"),
        Binding("s", "next_view", "View", id="view", tooltip="overview, charts, events"),
        Binding("l", "app.log", "Log", id="log", tooltip="all events, to search and to filter"),
        Binding("question_mark", "app.help", "Help", key_display="?", id="help", tooltip="all keys and words"),
        Binding("q", "app.leave", "Quit", id="quit", tooltip="save, then quit"),
        Binding("m", "app.mark", "Mark", id="mark", tooltip="a note for the log and TensorBoard"),
        Binding("b", "app.tensorboard", "TensorBoard", id="tensorboard", tooltip="in a browser on this machine"),
        Binding("x", "app.keep_screen", "Screenshot", id="screenshot", tooltip="save a picture of the screen"),
    ]

    AUTO_FOCUS = ""

    class Ordered(Message):
        """The user wants the trainer to do something."""

        def __init__(self, command: cmd.Command) -> None:
            super().__init__()
            self.command = command

    def __init__(self) -> None:
        super().__init__()
        self.state = RunState()
        self._drawn: RunState | None = None
        self._view = 0
        self._header = RunHeader(id="header")
        self._validation = ValidationPanel(id="validation-figures")
        self._panels: tuple[Panel, ...] = (
            self._header,
            RunProgress(id="progress"),
            LossPanel(id="loss-figures"),
            self._validation,
            AdaptivePanel(title="Adaptive", id="adaptive", classes="panel"),
            MemoryPanel(title="Memory and speed", id="memory", classes="panel"),
        )
        self._charts = (LossChart(id="loss-chart"), ValidationChart(id="validation-chart"))
        self._events = EventsPanel(id="events")

    def compose(self) -> ComposeResult:
        header, progress, loss, validation, adaptive, memory = self._panels
        loss_chart, validation_chart = self._charts
        yield header
        yield progress
        with Container(id="panels"):
            with Vertical(id="loss", classes="panel") as box:
                box.border_title = "Loss"
                yield loss
                yield loss_chart
            with Vertical(id="validation", classes="panel") as box:
                box.border_title = "Validation"
                yield validation
                yield validation_chart
            yield adaptive
            yield memory
        yield self._events
        yield Static("This terminal is too small for VSR++; at least 60 × 16 is needed.", id="too-small")
        yield KeyFooter()

    def on_mount(self) -> None:
        self.add_class("-view-overview")
        self.set_interval(CHART_SECONDS, self._draw_charts)
        self.app.theme_changed_signal.subscribe(self, lambda _: self.on_resize())

    # showing

    def show(self, state: RunState) -> None:
        """Show ``state`` in every panel; charts follow at their own pace."""
        before, self.state = self.state, state
        moved_on = state.phase != before.phase
        if moved_on or state.answered != before.answered:  # a short save begins and ends between two looks
            self._header.asked = ""
        if moved_on:
            self.refresh_bindings()
        for panel in self._panels:
            panel.show(state)
        self._events.show(state)
        if isinstance(self._validation.parent, Vertical):
            self._validation.parent.border_subtitle = next_validation(state)

    def on_resize(self) -> None:
        self._drawn = None
        self.call_after_refresh(self._draw_charts)

    def _draw_charts(self) -> None:
        if self._drawn is self.state:
            return
        self._drawn = self.state
        for chart in self._charts:
            chart.show(self.state)

    # keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        phase = self.state.phase
        match action:
            case "pause":
                return phase != "paused" and (True if phase in WORKING else None)
            case "go_on":
                return phase == "paused"
            case "checkpoint" | "validate":
                return True if phase in WORKING else None
            case _:
                return True

    def action_pause(self) -> None:
        self._order(cmd.Pause(), "pausing after this step")

    def action_go_on(self) -> None:
        self._order(cmd.Resume(), "")

    def action_checkpoint(self) -> None:
        self._order(cmd.SaveCheckpoint(), "saving after this step")

    def action_validate(self) -> None:
        self._order(cmd.Validate(), "validating after this step")

    def action_next_view(self) -> None:
        self.remove_class(f"-view-{VIEWS[self._view]}")
        self._view = (self._view + 1) % len(VIEWS)
        self.add_class(f"-view-{VIEWS[self._view]}")
        self._drawn = None
        self.call_after_refresh(self._draw_charts)

    def _order(self, command: cmd.Command, asked: str) -> None:
        self._header.asked = asked
        self._header.show(self.state)
        self.post_message(self.Ordered(command))
