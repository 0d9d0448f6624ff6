"""The training screen's views and panels through Textual's pilot, at the sizes terminals have."""

import gc
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.app import App
from textual.drivers.headless_driver import HeadlessDriver
from textual.events import MouseMove, MouseScrollDown, MouseScrollUp
from textual.pilot import Pilot
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Static

from tests.helpers import ROOT, make_event
from tests.vsrpp_tui.conftest import compared, started, step
from tests.vsrpp_tui.pilot import NOW, SIZES, learned, on_screen, until
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.kinds import RunPhase
from vsrpp_tui.app.app import VsrppApp
from vsrpp_tui.screens.run.training import TrainingScreen
from vsrpp_tui.state.run import RunState, reduce, replay
from vsrpp_tui.terminal.graphics import Graphics
from vsrpp_tui.user.themes import THEME
from vsrpp_tui.widgets.charts.charts import Chart, LossChart
from vsrpp_tui.widgets.charts.plot import Plot
from vsrpp_tui.widgets.panels.view_line import VIEWS, ViewLine
from vsrpp_tui.widgets.pictures.pixels import PLACEHOLDER


class Alone(App[None]):
    """The training screen, its stylesheet and nothing else."""

    CSS_PATH = VsrppApp.CSS_PATH
    HORIZONTAL_BREAKPOINTS = VsrppApp.HORIZONTAL_BREAKPOINTS
    VERTICAL_BREAKPOINTS = VsrppApp.VERTICAL_BREAKPOINTS

    graphics: reactive[Graphics | None] = reactive(None)

    def _get_default_css_path(self) -> str:
        return ""

    def on_mount(self) -> None:
        self.register_theme(THEME)
        self.theme = THEME.name
        self.push_screen(TrainingScreen(clock=lambda: NOW))


Alone.CSS_PATH = ROOT / "vsrpp_tui" / "app.tcss"


@asynccontextmanager
async def showing(state: RunState, size: tuple[int, int]) -> AsyncIterator[Pilot[None]]:
    async with Alone().run_test(size=size) as pilot:
        await pilot.pause()
        training(pilot).show(state)
        await pilot.pause()
        yield pilot


def training(pilot: Pilot[None]) -> TrainingScreen:
    assert isinstance(pilot.app.screen, TrainingScreen)
    return pilot.app.screen


def shown(pilot: Pilot[None]) -> list[str]:
    return [str(box.id) for box in pilot.app.screen.query(".panel, #events") if box.is_on_screen]


@pytest.mark.parametrize("size", SIZES)
async def test_views_go_round_both_ways_and_each_fits(tmp_path: Path, size: tuple[int, int]) -> None:
    async with showing(learned(tmp_path), size) as pilot:
        seen = []
        for view in VIEWS:
            assert f"▸ {view}" in str(pilot.app.screen.query_one(ViewLine).render())
            boxes = [box for box in pilot.app.screen.query(".panel, #events") if box.is_on_screen]
            assert isinstance(room := boxes[0].parent, Widget)
            assert boxes and all(pilot.app.screen.region.contains_region(box.region) for box in boxes)
            assert sum(box.region.area for box in boxes) == room.region.area, "no gap and no overlap"
            seen.append(shown(pilot))
            await pilot.press("s")
        assert seen[2:] == [["report"], ["activity"], ["pictures"], ["events"]]
        assert shown(pilot) == seen[0]
        await pilot.press("S")
        assert shown(pilot) == ["events"]


async def test_charts_that_wait_for_figures_are_drawn_where_all_are_drawn_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with showing(learned(tmp_path), (120, 40)) as pilot:
        await until(pilot, lambda: "total" in on_screen(pilot))
        drawn = list[RunState]()
        monkeypatch.setattr(LossChart, "show", lambda chart, state, look: drawn.append(state))
        training(pilot)._redraw()
        training(pilot)._draw_charts_beside_figures()  # a second is over before the screen is laid out again
        await until(pilot, lambda: len(drawn) > 0, 10)


@pytest.mark.parametrize("size", SIZES)
async def test_charts_are_drawn(tmp_path: Path, size: tuple[int, int]) -> None:
    async with showing(learned(tmp_path), size) as pilot:
        await pilot.press("s")
        wanted = ("total", "sharp", "Grad", "y log", "r all steps")
        await until(pilot, lambda: all(word in on_screen(pilot) for word in wanted))
        assert any("\u2800" < sign < "\u2900" for sign in on_screen(pilot))


async def test_the_dashboard_shows_all_at_once(tmp_path: Path) -> None:
    async with showing(learned(tmp_path), (200, 60)) as pilot:
        assert len(shown(pilot)) == 8
        await until(pilot, lambda: "▀▀▀" in on_screen(pilot))
        words = on_screen(pilot)
        assert "film_a.png" in words and "backward trunk" in words and "8 pairs of 2 clips" in words


async def test_keys_change_all_charts(tmp_path: Path) -> None:
    async with showing(learned(tmp_path), (120, 40)) as pilot:
        await pilot.press("s", "y", "w", "r")
        await pilot.pause()
        words = on_screen(pilot)
        assert "y linear" in words and "w mean of 96" in words and "r last 10,000" in words


async def test_the_last_steps_are_shown_closely(tmp_path: Path) -> None:
    state = learned(tmp_path)
    for number in range(161, 1201):
        state = reduce(state, step(number))
    async with showing(state, (120, 40)) as pilot:
        await pilot.press("s", "r", "r", "r")
        await until(pilot, lambda: "r last 500" in on_screen(pilot))
        chart = pilot.app.screen.query_one("#loss-chart", Chart)
        await until(pilot, lambda: chart.window == (700, 1200))


async def test_keys_look_closer_at_the_same_steps_in_all_charts(tmp_path: Path) -> None:
    async with showing(learned(tmp_path), (120, 40)) as pilot:
        await pilot.press("s")
        charts = [pilot.app.screen.query_one(f"#{panel} Chart", Chart) for panel in ("loss", "gradient")]
        await until(pilot, lambda: all(chart.window == (1, 160) for chart in charts))
        await pilot.press("z")
        await until(pilot, lambda: all(chart.window == (80.5, 160) for chart in charts))
        await until(pilot, lambda: "0 all · steps 80 to 160" in on_screen(pilot))
        await pilot.press("comma")
        await until(pilot, lambda: all(chart.window == (40.75, 120.25) for chart in charts))
        await pilot.press("full_stop", "full_stop", "full_stop")
        await until(pilot, lambda: charts[0].window == (80.5, 160.0))
        await pilot.press("Z")
        await until(pilot, lambda: charts[1].window == (1.0, 160.0) and "r all steps" in on_screen(pilot))
        await pilot.press("z", "z", "0")
        await until(pilot, lambda: charts[0].window == (1.0, 160.0) and "r all steps" in on_screen(pilot))


async def test_the_wheel_looks_closer_and_a_drag_moves(tmp_path: Path) -> None:
    async with showing(learned(tmp_path), (120, 40)) as pilot:
        await pilot.press("s")
        loss, gradient = (pilot.app.screen.query_one(f"#{panel} Chart", Chart) for panel in ("loss", "gradient"))
        await until(pilot, lambda: loss.window == (1, 160))
        plane = loss.query_one("#plot")
        await wheel(pilot, plane, up=True)
        await until(pilot, lambda: loss.window != (1, 160) and gradient.window == loss.window)
        assert loss.window and loss.window[0] > 1 and loss.window[1] < 160
        width = loss.window[1] - loss.window[0]
        before = loss.window
        await pilot.mouse_down(plane, offset=(20, 3))
        plane.post_message(MouseMove(plane, 25, 3, 5, 0, 1, False, False, False))
        await pilot.mouse_up(plane, offset=(25, 3))
        await until(pilot, lambda: loss.window != before and gradient.window == loss.window)
        assert loss.window[0] < before[0] and loss.window[1] - loss.window[0] == pytest.approx(width)
        await pilot.double_click(plane, offset=(20, 3))
        await until(pilot, lambda: loss.window == (1, 160) == gradient.window)
        for _ in range(3):
            await wheel(pilot, plane, up=False)
        await until(pilot, lambda: loss.window == (1, 160))
        assert "r all steps" in on_screen(pilot), "there is nothing beyond all"


async def test_the_wheel_on_the_figures_of_y_stretches_that_axis_alone(tmp_path: Path) -> None:
    async with showing(learned(tmp_path), (120, 40)) as pilot:
        await pilot.press("s")
        chart = pilot.app.screen.query_one("#gradient Chart", Chart)
        await until(pilot, lambda: chart.window == (1, 160))
        high = chart._y_max - chart._y_min
        await wheel(pilot, chart.query_one("#margin-left"), up=True)
        await until(pilot, lambda: chart._y_max - chart._y_min < high)
        training(pilot).show(reduce(training(pilot).state, step(161, time=NOW)))
        await until(pilot, lambda: chart.window == (1, 161))
        assert chart._y_max - chart._y_min < high, "a new report changes nothing of that"
        await pilot.press("0")
        await until(pilot, lambda: chart._y_max - chart._y_min == pytest.approx(high))


async def test_a_chart_is_drawn_only_in_sight_and_only_when_something_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []
    draw = Plot.draw

    def note(plot: Plot, *what: Any) -> None:
        drawn.append(type(plot).__name__)
        draw(plot, *what)

    monkeypatch.setattr(Plot, "draw", note)
    state = learned(tmp_path)
    async with showing(state, (120, 40)) as pilot:
        await until(pilot, lambda: "LossChart" in drawn)
        assert set(drawn) == {"LossChart", "ValidationChart"}, "others are in no view so far"
        training(pilot)._redraw()
        while drawn:  # until the layout has settled
            drawn.clear()
            await pilot.pause(0.5)
        training(pilot)._redraw()
        await pilot.pause(0.2)
        assert drawn == [], "nothing has changed"
        training(pilot).show(reduce(state, step(161, time=NOW)))
        training(pilot)._draw_charts()
        await until(pilot, lambda: bool(drawn))
        await pilot.pause(0.2)
        assert drawn == ["LossChart"], "the validation is as it was"


async def wheel(pilot: Pilot[None], widget: Widget, up: bool) -> None:
    """Turn the mouse wheel over the middle of ``widget``."""
    kind = MouseScrollUp if up else MouseScrollDown
    await pilot._post_mouse_events([kind], widget, offset=(widget.size.width // 2, widget.size.height // 2), button=0)


@pytest.mark.parametrize("size", [(45, 16), *SIZES])
async def test_each_panel_can_have_the_whole_screen(tmp_path: Path, size: tuple[int, int]) -> None:
    async with showing(learned(tmp_path), size) as pilot:
        overview = shown(pilot)
        await pilot.press("tab", "f")
        assert shown(pilot) == ["loss"]
        titles = []
        for _ in range(10):
            assert len(shown(pilot)) == 1
            titles.append(shown(pilot)[0])
            await pilot.press("tab")
        assert len(set(titles)) == 10, "those that the view does not show are reached as well"
        await pilot.press("shift+tab")
        assert shown(pilot) == ["events"]
        await pilot.press("escape")
        assert shown(pilot) == overview


async def test_a_click_on_a_title_gives_it_the_screen_and_takes_it_back(tmp_path: Path) -> None:
    async with showing(learned(tmp_path), (120, 40)) as pilot:
        await pilot.click("#adaptive", offset=(5, 2))
        assert "charts" in on_screen(pilot) and len(shown(pilot)) == 5
        await pilot.click("#adaptive", offset=(5, 0))
        assert shown(pilot) == ["adaptive"]
        await pilot.click("#adaptive", offset=(5, 0))
        assert len(shown(pilot)) == 5


async def test_a_click_on_a_view_chooses_it(tmp_path: Path) -> None:
    async with showing(learned(tmp_path), (80, 24)) as pilot:
        await pilot.click("#views", offset=(28, 0))
        assert shown(pilot) == ["report"]


async def test_pictures_are_stepped_through(tmp_path: Path) -> None:
    async with showing(learned(tmp_path), (80, 24)) as pilot:
        await pilot.press("i")
        await until(pilot, lambda: "film_a.png   step 100 · whole" in on_screen(pilot))
        words = on_screen(pilot)
        assert all(word in words for word in ("LR 28.00 dB", "KI 29.00 dB", "GT", "Pictures · 1 of 2", "▀▀▀"))
        await pilot.press("right", "plus")
        await until(pilot, lambda: "film_b.png   step 100 · detail 2×" in on_screen(pilot))
        await pilot.press("right", "minus")
        await until(pilot, lambda: "film_a.png" in on_screen(pilot) and "whole" in on_screen(pilot))


async def test_pictures_are_pixels_where_the_terminal_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is sent once, and forgotten where it is no longer shown."""
    sent: list[str] = []
    monkeypatch.setattr(HeadlessDriver, "write", lambda self, text: sent.append(text))
    async with showing(learned(tmp_path), (80, 24)) as pilot:
        await pilot.press("i")
        await until(pilot, lambda: "▀▀▀" in on_screen(pilot))
        assert not any("\x1b_G" in text for text in sent)
        pilot.app.graphics = Graphics((10, 20))  # type: ignore[attr-defined]
        await until(pilot, lambda: PLACEHOLDER in on_screen(pilot))
        assert "▀" not in on_screen(pilot) and "LR 28.00 dB" in on_screen(pilot)
        (first,) = [text for text in sent if text.startswith("\x1b_Gi=")]
        number = first[5:].partition(",")[0]
        await pilot.press("right")
        await until(pilot, lambda: any(f"a=d,d=I,i={number}," in text for text in sent))
        pilot.app.graphics = None  # type: ignore[attr-defined]
        await until(pilot, lambda: "▀▀▀" in on_screen(pilot) and PLACEHOLDER not in on_screen(pilot))
    uploads, removals = (sum(text.startswith(begin) for text in sent) for begin in ("\x1b_Gi=", "\x1b_Ga=d"))
    assert uploads == removals == 2


async def test_pictures_that_are_passed_over_are_dropped(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    """Each begins to be read and is cancelled by the next; no coroutine may be left unawaited."""
    async with showing(learned(tmp_path), (80, 24)) as pilot:
        await pilot.press("i")
        for _ in range(5):
            training(pilot).action_picture(1)
        await until(pilot, lambda: "film_b.png   step 100 · whole" in on_screen(pilot))
        gc.collect()
    assert not [warning for warning in recwarn if "never awaited" in str(warning.message)]


async def test_a_new_validation_replaces_the_picture_on_the_screen(tmp_path: Path) -> None:
    state = learned(tmp_path)
    async with showing(state, (80, 24)) as pilot:
        await pilot.press("i")
        await until(pilot, lambda: "step 100 · whole" in on_screen(pilot))
        training(pilot).show(reduce(state, compared("film_a", step=200)))
        await until(pilot, lambda: "step 200 · whole" in on_screen(pilot))


async def test_pictures_of_earlier_validations_are_looked_back_at(tmp_path: Path) -> None:
    state = learned(tmp_path)
    for number in (100, 200, 300):
        event = replace(compared("film_a", number), kept=f"pictures/step_{number}/film_a.png")
        (tmp_path / event.kept).parent.mkdir()
        shutil.copyfile(tmp_path / event.path, tmp_path / event.kept)
        state = reduce(state, event)
    async with showing(state, (80, 24)) as pilot:
        await pilot.press("i")
        await until(pilot, lambda: "step 300 · whole" in on_screen(pilot) and "[ ] step" in on_screen(pilot))
        await pilot.press("[", "[", "[", "]")
        await until(pilot, lambda: "step 200 (2 of 3) · whole" in on_screen(pilot))
        training(pilot).show(reduce(state, compared("film_a", 400)))
        assert "step 200 (2 of 3)" in on_screen(pilot), "it stays where it was looked at"
        await pilot.press("]")
        await until(pilot, lambda: "step 400 · whole" in on_screen(pilot))


async def test_charts_carry_what_happened_and_keys_jump_between(tmp_path: Path) -> None:
    state = reduce(learned(tmp_path), make_event(ev.MarkPlaced, step=40, text="edges come"))
    for event in (
        make_event(ev.ParameterChanged, step=60, key="loss.l1", old=0.5, new=0.4),
        make_event(ev.CheckpointSaved, step=80, kind="regular", name="checkpoint_step_80.pth", is_best=False),
    ):
        state = reduce(state, event)
    async with showing(state, (120, 40)) as pilot:
        assert "◆" not in on_screen(pilot), "a chart that nobody asks is calm"
        await pilot.press("n")
        await until(pilot, lambda: "3 of 3 · ▴ step 80: saved" in on_screen(pilot))
        await pilot.press("N", "N", "N")
        await until(pilot, lambda: "1 of 3 · ◆ step 40: mark: edges come" in on_screen(pilot))
        await until(pilot, lambda: all(sign in on_screen(pilot) for sign in ("▴", "±", "┊")))
        await pilot.press("0")
        await until(pilot, lambda: "◆" not in on_screen(pilot))


async def test_a_missing_picture_is_told_in_its_panel(tmp_path: Path) -> None:
    state = learned(tmp_path)
    (tmp_path / "pictures" / "film_a.png").unlink()
    async with showing(state, (120, 40)) as pilot:
        await pilot.press("i")
        await until(pilot, lambda: "not there any more" in " ".join(on_screen(pilot).split()))
        await pilot.press("right")
        await until(pilot, lambda: "film_b.png" in on_screen(pilot))


async def test_before_the_first_figures_every_view_says_what_is_missing(tmp_path: Path) -> None:
    async with showing(replay([started(run=str(tmp_path))]), (120, 40)) as pilot:
        said = []
        for _ in VIEWS:
            await pilot.pause()
            said.append(on_screen(pilot))
            await pilot.press("s")
        assert "waiting for the first step" in said[0] and "waiting for the first validation" in said[0]
        assert "no points yet" in said[1] and "too early to say" in said[2]
        assert "not yet" in said[3] and "no pictures yet" in said[4]


@pytest.mark.parametrize("view", range(len(VIEWS)))
async def test_resizing_down_to_nothing_and_back_is_survived(tmp_path: Path, view: int) -> None:
    async with showing(learned(tmp_path), (120, 40)) as pilot:
        await pilot.press(*["s"] * view)
        for size in ((20, 5), (200, 60), (1, 1), (45, 16), (80, 24), (44, 16), (45, 15), (120, 40)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            training(pilot).show(reduce(training(pilot).state, step(161, time=NOW)))
            small = size[0] < 45 or size[1] < 16
            assert pilot.app.screen.query_one("#too-small", Static).display == small
        assert f"▸ {VIEWS[view]}" in on_screen(pilot)


async def test_a_silence_is_shown_calmly(tmp_path: Path) -> None:
    state = reduce(learned(tmp_path), ev.PhaseChanged(phase="training", step=160))
    async with showing(state, (80, 24)) as pilot:
        screen = training(pilot)
        screen.silence = lambda: 135.0
        screen.show(screen.state)
        await until(pilot, lambda: "● training · no step for 2 m 15" in on_screen(pilot))
        screen.silence = lambda: 0.0
        screen.show(reduce(screen.state, step(161)))
        await until(pilot, lambda: "no step for" not in on_screen(pilot))


@pytest.mark.parametrize(
    ("phase", "words"),
    [
        ("paused", "‖ paused"),
        ("saving", "↓ saving"),
        ("rolling back", "◀ rolling back"),
        ("validating", "◆ validating 3/8"),
        ("cooling", "‖ cooling 86 °C"),
    ],
)
async def test_the_header_tells_the_phase_by_sign_and_words(tmp_path: Path, phase: RunPhase, words: str) -> None:
    state = reduce(learned(tmp_path), ev.PhaseChanged(phase=phase, step=160))
    if phase == "validating":
        state = reduce(state, ev.ValidationProgressed(step=160, done=3, total=8))
    if phase == "cooling":
        state = reduce(state, make_event(ev.CardMeasured, temperature=86.0))
    async with showing(state, (120, 40)) as pilot:
        header = on_screen(pilot).splitlines()[0]
        assert words in header and "s/iter" in header and "fp32" in header and "Tesla P4" in header


@pytest.mark.parametrize("size", [(45, 16), (80, 18), (80, 24), (100, 32), (160, 48), (200, 60)])
async def test_on_the_whole_screen_a_panel_is_as_large_as_all_were(tmp_path: Path, size: tuple[int, int]) -> None:
    async with showing(learned(tmp_path), size) as pilot:
        await pilot.press("f", "shift+tab")
        panels, events = pilot.app.screen.query_one("#panels"), pilot.app.screen.query_one("#events")
        assert events.region == panels.region and "▸ Events" in str(pilot.app.screen.query_one(ViewLine).render())
