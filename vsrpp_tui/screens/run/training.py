"""The training screen: places the panels, and turns keys into commands."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.events import Click, Resize
from textual.reactive import Reactive
from textual.widget import Widget

from vsrpp_core.messages import commands as cmd
from vsrpp_tui.screens.shared.base_screen import BaseScreen
from vsrpp_tui.screens.shared.messages import CommandWanted
from vsrpp_tui.state.moments import Moment
from vsrpp_tui.state.run import RunState
from vsrpp_tui.widgets.charts.charts import (
    Chart,
    GradientChart,
    Look,
    LossChart,
    RateChart,
    SpeedChart,
    ValidationChart,
    WeightsChart,
)
from vsrpp_tui.widgets.charts.plot import SIGNS, Plot
from vsrpp_tui.widgets.charts.zoom import Window, panned, zoomed
from vsrpp_tui.widgets.hint import key_at
from vsrpp_tui.widgets.panels.activity import ActivityPanel
from vsrpp_tui.widgets.panels.adaptive import AdaptivePanel, GradientPanel, RatePanel
from vsrpp_tui.widgets.panels.box import Box
from vsrpp_tui.widgets.panels.header import RunHeader, RunProgress
from vsrpp_tui.widgets.panels.learning import LossPanel, ValidationPanel, countdown
from vsrpp_tui.widgets.panels.log_view import LogView
from vsrpp_tui.widgets.panels.machine import MemoryPanel
from vsrpp_tui.widgets.panels.panel import Panel
from vsrpp_tui.widgets.panels.report import ReportPanel
from vsrpp_tui.widgets.panels.view_line import VIEWS, ViewLine
from vsrpp_tui.widgets.pictures.comparison import ComparisonView
from vsrpp_tui.widgets.pictures.sample_view import PICTURE_KEYS

CHART_SECONDS = 1.0
"""Each chart costs milliseconds; they are redrawn at most this often."""

LAID_OUT_SECONDS = 0.05
"""After a change of view: how long until its charts have their sizes and can be drawn."""

DASHBOARD = (160, 48)
"""Size from which the overview shows every panel at once."""

WORKING = ("training", "paused", "cooling", "validating", "saving", "rolling back")
STANDING_STILL = ("paused", "cooling")
"""Phases that the user can end."""


BORDER_KEYS = {
    "y": "look('other_axis')",
    "w": "look('next_smoothing')",
    "r": "look('next_range')",
    "0": "whole",
    "n": "moment(1)",
    "←": "picture(-1)",
    "→": "picture(1)",
    "[": "look_back(-1)",
    "]": "look_back(1)",
    "+": "zoom(1)",
    "−": "zoom(-1)",
}
"""What a click on a key in a panel's lower border does."""


class TrainingScreen(BaseScreen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "pause", "Pause", id="pause", tooltip="pause between two steps"),
        Binding("p", "resume", "Resume", id="pause", tooltip="resume"),
        Binding("c", "checkpoint", "Checkpoint", id="checkpoint", tooltip="save a checkpoint now; it is kept"),
        Binding("v", "validate", "Validate", id="validate", tooltip="validate now, also while paused"),
        Binding("enter", "app.settings", "Settings", id="settings", key_display="⏎", tooltip="change live settings"),
        Binding("s", "next_view(1)", "View", id="view", tooltip="next view: charts, report, activity, pictures, log"),
        Binding("S,shift+s", "next_view(-1)", "View before", show=False, id="view_before", tooltip="view before"),
        Binding("i", "view('pictures')", "Pictures", show=False, id="pictures", tooltip="LR, KI and GT side by side"),
        Binding("l", "app.log", "Log", id="log", tooltip="all events, to search and to filter"),
        Binding("f", "full", "Full screen", show=False, id="full", tooltip="the panel with the focus alone, or all"),
        Binding("escape", "back", "Back", show=False, id="leave_full", tooltip="from one panel to the view"),
        Binding("tab", "next_panel(1)", "Next panel", show=False, id="next_panel", tooltip="next panel"),
        Binding("shift+tab", "next_panel(-1)", "Panel before", show=False, id="panel_before", tooltip="panel before"),
        Binding("r", "look('next_range')", "Steps shown", show=False, id="range", tooltip="charts: last steps or all"),
        Binding("y", "look('other_axis')", "Log or linear", show=False, id="axis", tooltip="charts: log or linear"),
        Binding("w", "look('next_smoothing')", "Smoothing", show=False, id="smoothing", tooltip="charts: smoother"),
        Binding("z", "closer(0.5)", "Closer look", show=False, id="zoom_in", tooltip="charts: half as many steps"),
        Binding("Z,shift+z", "closer(2)", "Wider look", show=False, id="zoom_out", tooltip="charts: twice as many"),
        Binding("comma", "pan(-0.5)", "Earlier steps", show=False, id="earlier", tooltip="charts: half a width back"),
        Binding("full_stop", "pan(0.5)", "Later steps", show=False, id="later", tooltip="charts: half a width forward"),
        Binding("n", "moment(1)", "Next moment", show=False, id="next_moment", tooltip="charts: what happened next"),
        Binding(
            "N,shift+n",
            "moment(-1)",
            "Moment before",
            show=False,
            id="moment_before",
            tooltip="charts: note, checkpoint, start or setting before",
        ),
        Binding("0", "whole", "All steps", show=False, id="whole", tooltip="charts: all steps again"),
        *PICTURE_KEYS,
        Binding("question_mark", "app.help", "Help", key_display="?", id="help", tooltip="keys and words"),
        Binding("q", "app.leave", "Quit", id="quit", tooltip="save, then quit"),
        Binding("d", "app.detach", "Detach", id="detach", tooltip="train on in the background; the shell is free"),
        Binding("e", "app.finish", "Finish", id="finish", tooltip="let the rate fall, and end the run there"),
        Binding("m", "app.mark", "Mark", id="mark", tooltip="a note for the log and TensorBoard"),
        Binding("b", "app.tensorboard", "TensorBoard", id="tensorboard", tooltip="TensorBoard, on this machine only"),
        Binding("x", "app.keep_screen", "Screenshot", id="screenshot", tooltip="save a picture of the screen"),
    ]
    MORE_KEYS = (
        (("wheel", "drag"), "charts: closer, wider, moved; a double click shows all"),
        (("click",), "on a title: the whole screen; on VSR++: every action"),
    )

    AUTO_FOCUS = ""

    focused: Reactive[Widget | None] = Reactive(None, repaint=False)
    """A panel redraws its own border; the library would redraw the whole screen."""

    _header: RunHeader

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` gives seconds, for how long the trainer has been silent."""
        super().__init__()
        self.state = RunState()
        self._clock, self._heard_at = clock, clock()
        self.silence: Callable[[], float] = lambda: clock() - self._heard_at
        """Seconds since the last step or change of phase; whoever knows better replaces it."""
        self._drawn: tuple[RunState | None, list[Chart]] = None, []
        """The state and the charts that were drawn last."""
        self._waiting: list[Chart] = []
        """Charts to draw with the next updates of the figures."""
        self._panels: tuple[Panel, ...] = ()
        self._view, self._look = VIEWS[0], Look()
        self._full: Widget | None = None
        """The panel that has the whole screen."""
        self._is_behind = False
        """Whether the panels do not follow the view yet."""
        self._asked = 0
        """Number of the command that was sent last, until it is answered."""
        self._header = RunHeader(id="header")
        self._views = ViewLine(id="views")
        self._pictures = ComparisonView(id="comparison")
        self._events = LogView("Events", id="events")
        self._boxes = (
            Box("Loss", LossPanel(id="loss-figures"), LossChart(id="loss-chart"), id="loss"),
            Box("Validation", ValidationPanel(id="validation-figures"), ValidationChart(), id="validation"),
            Box("Adaptive", AdaptivePanel(id="adaptive-figures"), WeightsChart(), id="adaptive"),
            Box("Gradient", GradientPanel(), GradientChart(), id="gradient"),
            Box("Learning rate", RatePanel(), RateChart(), id="rate"),
            Box("Memory and speed", MemoryPanel(id="memory-figures"), SpeedChart(), id="memory"),
            Box("Report", ReportPanel(id="report-figures"), id="report"),
            Box("Layer activity", ActivityPanel(id="activity-figures"), id="activity"),
            Box("Pictures", self._pictures, id="pictures"),
        )
        self._places: tuple[Widget, ...] = (*self._boxes, self._events)

    def body(self) -> ComposeResult:
        yield RunProgress(id="progress")
        yield self._views
        with Container(id="panels"):
            yield from self._places

    def on_mount(self) -> None:
        self._arrange()
        self._panels = tuple(self.query(Panel))
        self.set_interval(CHART_SECONDS, self._draw_charts_beside_figures)
        self.app.theme_changed_signal.subscribe(self, lambda _: self._redraw())

    # showing

    def show(self, state: RunState) -> None:
        """Show ``state`` in every panel; charts follow at their own pace."""
        before, self.state = self.state, state
        moved_on = state.phase != before.phase
        if self._asked in {answer.number for answer in state.answers} or state.is_over:
            self._header.asked, self._asked = "", 0
        if moved_on:
            self.refresh_bindings()
        if moved_on or not self._drawn[1]:  # around charts a border costs more: it waits for theirs
            self._label_borders()
        if moved_on or state.step is not before.step:
            self._heard_at = self._clock()
        self._header.silence = self.silence()
        for panel in self._panels:
            panel.show(state)
        self._events.show(state.log)
        self._pictures.show(state)
        self._draw_waiting()

    def _label_borders(self) -> None:
        """Show what comes next, and which keys work here."""
        look = self._look
        said = {
            "loss": look.describe_smoothed(),
            "validation": countdown(self.state),
            "adaptive": look.describe_range(),
            "gradient": look.describe_smoothed(),
            "rate": look.describe_range(),
            "pictures": self._pictures.keys,
        }
        charts = {box.id for box in self._places if any(chart.display for chart in self._charts_of(box))}
        shown = [box for box in self._boxes if box.display and box.id in charts]
        if look.moment and shown:
            said[str(shown[0].id)] = self._moment_words(look.moment, shown[0].size.width)
        for box in self._boxes:
            words = said.get(str(box.id), "") if box.id in charts | {"validation", "pictures"} else ""
            box.say(self._pictures.title if box.id == "pictures" else box.title, words)

    def on_resize(self, event: Resize) -> None:
        self.set_class(event.size.width >= DASHBOARD[0] and event.size.height >= DASHBOARD[1], "-dashboard")
        self._redraw()

    def _arrange(self) -> None:
        """Apply the view, or the panel on the whole screen, and redraw what became visible."""
        self._is_behind = False
        shown = "-full" if self._full else f"-view-{self._view}"
        self.set_classes({*(self.classes - {"-full", *(f"-view-{view}" for view in VIEWS)}), shown})  # restyled once
        for box in self._places:
            box.set_class(box is self._full, "-full")
        self._views.show(self._view, _name(self._full) if self._full else "")
        self._redraw()

    def _redraw(self) -> None:
        self._drawn = None, []
        self.call_after_refresh(self._draw_charts)

    def _draw_charts(self) -> None:
        """Draw the visible charts, each in its own turn of the loop, so that a key waits for one at most."""
        changed = dict.fromkeys((*self._changed_charts(), *self._waiting))  # those that wait count as drawn already
        self._waiting.clear()
        for chart in changed:
            chart.call_later(self._draw, chart)
        self._label_borders()

    def _draw_charts_beside_figures(self) -> None:
        """Draw the charts with the next updates of the figures, one with each: together they are composited once.

        Those that no update came for are drawn now.
        """
        for chart in self._waiting:
            chart.call_later(self._draw, chart)
        self._waiting = self._changed_charts()
        self._label_borders()  # also of pictures that have been read meanwhile

    def _draw_waiting(self) -> None:
        if self._waiting:
            self._draw(self._waiting.pop(0))

    def _changed_charts(self) -> list[Chart]:
        """The visible charts, if they or the state differ from those drawn last."""
        charts = self._charts()
        state, drawn = self._drawn
        if state is self.state and drawn == charts:
            return []
        self._drawn = self.state, charts
        self._pictures.show(self.state)
        return list(charts)

    def _draw(self, chart: Chart) -> None:
        if chart.is_on_screen:
            chart.show(self.state, self._look)

    def _charts(self) -> list[Chart]:
        """The visible ones; that of the focused panel first."""
        boxes = sorted(self._places, key=lambda box: not box.has_focus)
        return [chart for box in boxes for chart in self._charts_of(box) if chart.is_on_screen]

    @staticmethod
    def _charts_of(box: Widget) -> list[Chart]:
        return [part for part in box.children if isinstance(part, Chart)]

    # keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        phase = self.state.phase
        match action:
            case "pause":
                return phase not in STANDING_STILL and (True if phase in WORKING else None)
            case "resume":
                return phase in STANDING_STILL
            case "checkpoint" | "validate":
                return True if phase in WORKING else None
            case "picture" | "zoom" | "look_back":  # else the keys are the log's, to scroll it
                return self._pictures.is_on_screen
            case _:
                return True

    def action_pause(self) -> None:
        self._order(cmd.Pause(), "pausing after this step")

    def action_resume(self) -> None:
        self._order(cmd.Resume(), "resuming")

    def action_checkpoint(self) -> None:
        self._order(cmd.SaveCheckpoint(), "saving after this step")

    def action_validate(self) -> None:
        self._order(cmd.Validate(), "validating after this step")

    def action_next_view(self, by: int) -> None:
        self.action_view(VIEWS[(VIEWS.index(self._view) + by) % len(VIEWS)])

    def action_view(self, view: str) -> None:
        self._view, self._full = view, None
        self._follow()

    def _follow(self) -> None:
        """Redraw the line of views at once; the panels, which need a new layout, follow."""
        self._views.show(self._view, _name(self._full) if self._full else "")
        self._is_behind = True
        self.call_after_refresh(self._catch_up)

    def _catch_up(self) -> None:
        """Arrange the panels, where they do not yet follow the view."""
        if self._is_behind:
            self._arrange()
            self.set_timer(LAID_OUT_SECONDS, self._draw_charts)

    def on_view_line_chosen(self, message: ViewLine.Chosen) -> None:
        self.action_view(message.view)

    def action_look(self, change: str) -> None:
        """Another range, axis or smoothing, of all charts."""
        look: Look = getattr(self._look, change)()
        self._look = look
        self._redraw()

    def action_closer(self, factor: float) -> None:
        """Fewer or more steps, in all charts."""
        self._move_window(lambda window, extent: zoomed(window, factor, extent))

    def action_pan(self, share: float) -> None:
        """Earlier or later steps, in all charts."""
        self._move_window(lambda window, extent: panned(window, share, extent))

    def action_moment(self, by: int) -> None:
        """To what happened before or after, in all charts; at first to the last."""
        moments, now = self.state.moments, self._look.moment
        if moments:
            place = moments.index(now) + by if now in moments else len(moments) - 1
            extent = next((chart.extent for chart in self._charts() if chart.extent), None)
            self._look = self._look.at(moments[min(max(place, 0), len(moments) - 1)], extent)
            self._redraw()

    def _moment_words(self, moment: Moment, width: int) -> str:
        """Which one it is, as far as it fits into a border of ``width`` cells."""
        moments = self.state.moments
        place = f"n {moments.index(moment) + 1} of {len(moments)}" if moment in moments else "n"
        return Content(f"{place} · {SIGNS[moment.kind][0]} {moment.text}").truncate(width - 4, ellipsis=True).plain

    def action_whole(self) -> None:
        for chart in self.query(Chart):
            chart.fit()
        self._look = replace(self._look, window=None, last_steps=0, moment=None)
        self._redraw()

    def _move_window(self, move: Callable[[Window, Window], Window | None]) -> None:
        chart = next((chart for chart in self._charts() if chart.extent), None)
        if chart and chart.extent and chart.window:
            self._look = replace(self._look, window=move(chart.window, chart.extent), last_steps=0)
            self._redraw()

    def on_plot_moved(self, message: Plot.Moved) -> None:
        """Show the steps that the mouse chose on one chart in all of them."""
        self._look = replace(self._look, window=message.window, last_steps=0)
        self._redraw()

    def action_picture(self, by: int) -> None:
        self._pictures.next_sample(by)
        self._label_borders()

    def action_look_back(self, by: int) -> None:
        self._pictures.look_back(by)
        self._label_borders()

    def action_zoom(self, by: int) -> None:
        self._pictures.look_closer(by)
        self._label_borders()

    # one panel on the whole screen

    def action_full(self) -> None:
        """Enlarge the focused panel, else the one under the mouse, else the first; or go back to the view."""
        self._catch_up()
        shown = [box for box in self._places if box.display]
        chosen = [box for box in shown if box.has_focus or box.has_focus_within]
        hovered = [box for box in shown if box.has_pseudo_class("hover")]
        self._full = None if self._full else next(iter([*chosen, *hovered, *shown]), None)
        self._follow()

    def current_panel(self) -> tuple[str, str]:
        """Id and name of the panel that fills the screen or has the focus; empty if none does."""
        box = self._full or next((box for box in self._places if box.has_focus or box.has_focus_within), None)
        return (str(box.id), _name(box)) if box else ("", "")

    def action_back(self) -> None:
        """Leave the whole screen for the view; in the view, drop the focus."""
        if self._full is None:
            self.set_focus(None)
            return
        self._full = None
        self._follow()

    def action_next_panel(self, by: int) -> None:
        """To the next panel; on the whole screen including those that the view does not show."""
        self._catch_up()
        if self._full is None:
            self.focus_next() if by > 0 else self.focus_previous()
            return
        self._full = self._places[(self._places.index(self._full) + by) % len(self._places)]
        self._follow()
        self.call_after_refresh(self.set_focus, self._full)

    async def on_click(self, event: Click) -> None:
        """On a panel's title: the whole screen for it, or back. On a key in its lower border: what the key does."""
        at = event.screen_offset
        for box in self._places:
            if not box.display or not box.region.contains_point(at):
                continue
            if at.y == box.region.y:
                self._full = None if self._full else box
                self._arrange()
            elif at.y == box.region.bottom - 1:
                words = str(box.border_subtitle or "")
                key = key_at(words, at.x - (box.region.right - 3 - len(words)))
                if key in BORDER_KEYS:
                    await self.run_action(BORDER_KEYS[key])
            return

    def _order(self, command: cmd.Command, asked: str) -> None:
        if self._header.asked == asked:  # a key that is held asks once
            return
        self._header.asked, self._asked = asked, command.number
        self._header.show(self.state)
        self.post_message(CommandWanted(command))


def _name(box: Widget) -> str:
    return str(box.border_title or "").split(" ·")[0]
