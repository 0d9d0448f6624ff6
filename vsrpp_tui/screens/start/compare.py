"""Several runs on one screen, as they are trained: curves, figures, settings that differ, and pictures."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.events import Click, Resize

from vsrpp_tui.screens.shared.base_screen import BRAND, BaseScreen
from vsrpp_tui.state.compared import ComparedRun
from vsrpp_tui.threads.compared import ComparedRuns
from vsrpp_tui.user.themes import RUNS
from vsrpp_tui.widgets.charts.plot import Plot
from vsrpp_tui.widgets.charts.runs import RunsChart, RunsLook
from vsrpp_tui.widgets.charts.zoom import Window, panned, zoomed
from vsrpp_tui.widgets.hint import key_at
from vsrpp_tui.widgets.panels.box import Box
from vsrpp_tui.widgets.panels.runs import Drawn, differences, figures
from vsrpp_tui.widgets.panels.view_line import SHORT_HINT, ViewLine
from vsrpp_tui.widgets.pictures.runs import RunsView
from vsrpp_tui.widgets.pictures.sample_view import PICTURE_KEYS

LOOK_SECONDS = 1.0
"""Between two looks at the runs."""

VIEWS = ("overview", "settings", "pictures")
ALL_AT_ONCE = (160, 48)
"""Size from which the overview has the pictures too."""

BORDER_KEYS = {
    "y": "figure",
    "t": "axis",
    "0": "whole",
    "←": "picture(-1)",
    "→": "picture(1)",
    "[": "look_back(-1)",
    "]": "look_back(1)",
    "+": "zoom(1)",
    "−": "zoom(-1)",
}
"""What a click on a key in a panel's lower border does."""


class CompareScreen(BaseScreen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back", key_display="esc", id="cancel", tooltip="back; nothing is changed"),
        Binding("s", "next_view(1)", "View", id="view", tooltip="next view: settings that differ, pictures"),
        Binding("S,shift+s", "next_view(-1)", "View before", show=False, id="view_before", tooltip="view before"),
        Binding("y", "figure", "Figure", id="figure", tooltip="gain over LR, PSNR, or SSIM"),
        Binding("t", "axis", "Time", id="over_time", tooltip="over the time that was worked, or over steps"),
        Binding("z", "closer(0.5)", "Closer look", show=False, id="zoom_in", tooltip="half as much of the curves"),
        Binding("Z,shift+z", "closer(2)", "Wider look", show=False, id="zoom_out", tooltip="twice as much of them"),
        Binding("comma", "pan(-0.5)", "Earlier", show=False, id="earlier", tooltip="curves: half a width back"),
        Binding("full_stop", "pan(0.5)", "Later", show=False, id="later", tooltip="curves: half a width forward"),
        Binding("0", "whole", "All", show=False, id="whole", tooltip="the whole curves again"),
        Binding("down", "scroll(1)", "Down", show=False, id="down", tooltip="further settings that differ"),
        Binding("up", "scroll(-1)", "Up", show=False, id="up", tooltip="the settings before"),
        *PICTURE_KEYS,
        Binding("question_mark", "app.help", "Help", key_display="?", id="help", tooltip="keys and words"),
        Binding("q", "app.leave", "Quit", id="quit", tooltip="back to the shell"),
    ]
    MORE_KEYS = ((("wheel", "drag"), "curves: closer, wider, moved; a double click shows all"),)
    AUTO_FOCUS = ""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Two runs or more, at most as many as there are colours."""
        super().__init__()
        self._paths = tuple(paths)
        self._compared: ComparedRuns | None = None
        self._runs: tuple[ComparedRun, ...] = ()
        self._view, self._look = VIEWS[0], RunsLook()
        self._views = ViewLine(VIEWS, SHORT_HINT, id="views")
        self._chart, self._pictures = RunsChart(id="runs-chart"), RunsView(id="comparison")
        self._figures, self._differences = Drawn(id="runs-figures"), Drawn(id="runs-settings")
        self._boxes = (
            Box("Curves", self._chart, id="curves"),
            Box("Runs", self._figures, id="runs"),
            Box("Settings that differ", self._differences, id="differences"),
            Box("Pictures", self._pictures, id="pictures"),
        )

    def body(self) -> ComposeResult:
        yield self._views
        *figures, pictures = self._boxes
        with Container(id="compared"):
            with Vertical(id="compared-figures"):
                yield from figures
            yield pictures

    @property
    def caught_up(self) -> bool:
        """Whether all that the runs have said is shown."""
        return self._compared is not None and self._compared.caught_up

    def on_mount(self) -> None:
        self._compared = ComparedRuns(self._paths, RUNS)
        self.set_interval(LOOK_SECONDS, self.draw)
        self.app.theme_changed_signal.subscribe(self, lambda _: self.draw())
        self._arrange()

    def on_unmount(self) -> None:
        if self._compared:
            self._compared.stop()

    def on_resize(self, event: Resize) -> None:
        self.set_class(event.size.width >= ALL_AT_ONCE[0] and event.size.height >= ALL_AT_ONCE[1], "-dashboard")
        self.call_after_refresh(self.draw)

    def _arrange(self) -> None:
        self.set_classes({*(self.classes - {f"-view-{view}" for view in VIEWS}), f"-view-{self._view}"})
        self._views.show(self._view, "")
        self.call_after_refresh(self.draw)

    def draw(self) -> None:
        """Show how the runs stand now."""
        if self._compared is None or not self.is_mounted:
            return
        runs = self._runs = self._compared.now()
        names = Content(" · ").join(Content.styled(run.name, f"${run.colour}") for run in runs)
        self.set_header(Content.assemble(BRAND, "  compare"), names.truncate(self.line_width - 18, ellipsis=True))
        self._figures.show(lambda width: figures(runs, width))
        self._differences.show(lambda width: differences(runs, width))
        self._pictures.show(runs)
        self._chart.show(runs, self._look)
        curves, _, _, pictures = self._boxes
        curves.say(curves.title, self._look.describe())
        pictures.say(self._pictures.title, self._pictures.keys)

    # keys

    def action_next_view(self, by: int) -> None:
        self._view = VIEWS[(VIEWS.index(self._view) + by) % len(VIEWS)]
        self._arrange()

    def on_view_line_chosen(self, message: ViewLine.Chosen) -> None:
        self._view = message.view
        self._arrange()

    def action_figure(self) -> None:
        self._chart.fit()
        self._look = self._look.next_figure()
        self.draw()

    def action_axis(self) -> None:
        self._look = self._look.other_axis()
        self.draw()

    def action_closer(self, factor: float) -> None:
        self._move(lambda window, extent: zoomed(window, factor, extent))

    def action_pan(self, share: float) -> None:
        self._move(lambda window, extent: panned(window, share, extent))

    def action_whole(self) -> None:
        self._chart.fit()
        self._show_window(None)

    def _move(self, move: Callable[[Window, Window], Window | None]) -> None:
        if self._chart.window and self._chart.extent:
            self._show_window(move(self._chart.window, self._chart.extent))

    def on_plot_moved(self, message: Plot.Moved) -> None:
        self._show_window(message.window)

    def _show_window(self, window: Window | None) -> None:
        self._look = replace(self._look, window=window)
        self.draw()

    def action_scroll(self, by: int) -> None:
        self._boxes[2].scroll_relative(y=by, animate=False)

    def action_picture(self, by: int) -> None:
        self._pictures.next_sample(by)
        self.draw()

    def action_look_back(self, by: int) -> None:
        self._pictures.look_back(by)
        self.draw()

    def action_zoom(self, by: int) -> None:
        self._pictures.look_closer(by)
        self.draw()

    async def on_click(self, event: Click) -> None:
        """On a key in a panel's lower border: what the key does."""
        at = event.screen_offset
        for box in (box for box in self._boxes if box.display and at.y == box.region.bottom - 1):
            words = str(box.border_subtitle or "")
            key = key_at(words, at.x - (box.region.right - 3 - len(words)))
            if box.region.contains_point(at) and key in BORDER_KEYS:
                await self.run_action(BORDER_KEYS[key])
                return
