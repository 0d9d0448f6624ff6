"""Whether the colours can be read, told apart, and done without."""

import os
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab
from textual.color import Color
from textual.pilot import Pilot
from textual.theme import Theme

from tests.vsrpp_tui.conftest import started
from tests.vsrpp_tui.opened import OpenedApp
from tests.vsrpp_tui.pilot import learned, on_screen, until
from vsrpp_core.messages import events as ev
from vsrpp_core.run.config import RunConfig
from vsrpp_tui.app.app import Farewell
from vsrpp_tui.screens.run.failed import FailedScreen
from vsrpp_tui.state.run import RunState
from vsrpp_tui.user.preferences import preferences_path, read_preferences
from vsrpp_tui.user.themes import CONTRAST, OKABE_ITO, RUNS, THEMES
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
from vsrpp_tui.widgets.panels.view_line import VIEWS

TEXT, GRAPHICS = 4.5, 3.0
"""Least contrast by WCAG 2.2, success criteria 1.4.3 and 1.4.11."""

APART = 14.0
"""Least CIEDE2000 difference of two curves drawn alike in one chart; 2 is just seen side by side on large areas."""

VISIONS = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}
"""On linear RGB, severity 1.0: Machado, Oliveira and Fernandes, A Physiologically-based Model for Simulation of Color
Vision Deficiency, IEEE TVCG 15(6), 2009."""

WORDS = ("foreground", "primary", "secondary", "accent", "success", "warning", "error")
COLOURED_WORDS = (*WORDS, "chart-l1", "chart-ms", "chart-grad", "chart-lr", "footer-key-foreground", *RUNS)
GROUNDS = ("background", "surface", "panel")


def value(theme: Theme, name: str) -> Color:
    return Color.parse(theme.variables.get(name) or getattr(theme, name))


def linear(colour: Color) -> np.ndarray:
    share = np.array(colour.rgb) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def contrast(one: Color, other: Color) -> float:
    """By WCAG: 1 to 21."""
    dark, light = sorted(float(linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


def seen(colour: Color, vision: str) -> np.ndarray:
    """CIELAB of the colour as that vision has it."""
    share = np.clip(VISIONS[vision] @ linear(colour), 0, 1)
    return np.asarray(rgb2lab(np.where(share <= 0.0031308, 12.92 * share, 1.055 * share ** (1 / 2.4) - 0.055)))


def drawn_alike(state: RunState) -> Iterator[tuple[str, str]]:
    """Pairs of colours that one chart gives to two curves, both solid or both dotted."""
    charts: tuple[Chart, ...] = (
        LossChart(), ValidationChart(), WeightsChart(), GradientChart(), RateChart(), SpeedChart()
    )  # fmt: skip
    for chart in charts:
        curves = chart.curves(state, Look())
        if isinstance(chart, LossChart):
            curves += chart._parts(state, Look())
        for one, other in combinations(curves, 2):
            if one.dotted == other.dotted:
                yield one.colour, other.colour


@pytest.mark.parametrize("theme", THEMES.values(), ids=lambda theme: theme.name)
def test_words_can_be_read_and_curves_be_seen(theme: Theme) -> None:
    for ground in GROUNDS:
        low = {name: contrast(value(theme, name), value(theme, ground)) for name in COLOURED_WORDS}
        assert min(low.values()) >= TEXT, (ground, low)
    assert contrast(value(theme, "chart-faint"), value(theme, "background")) >= GRAPHICS


@pytest.mark.parametrize(
    ("theme", "vision"),
    [*((theme, "normal") for theme in THEMES.values())]
    + [(theme, vision) for theme in (CONTRAST, OKABE_ITO) for vision in ("protanopia", "deuteranopia")],
    ids=lambda part: getattr(part, "name", part),
)
def test_curves_of_a_chart_are_told_apart(tmp_path: Path, theme: Theme, vision: str) -> None:
    pairs = set(drawn_alike(learned(tmp_path)))
    assert ("chart-l1", "foreground") in pairs or ("foreground", "chart-l1") in pairs
    for one, other in (*pairs, *combinations(RUNS, 2)):
        apart = float(deltaE_ciede2000(seen(value(theme, one), vision), seen(value(theme, other), vision)))
        assert apart >= APART, f"{one} and {other}: {apart:.1f}"


def test_what_is_good_and_what_is_bad_differ_for_every_vision() -> None:
    for theme in (CONTRAST, OKABE_ITO):
        for vision in VISIONS:
            good, bad = (seen(value(theme, name), vision) for name in ("success", "error"))
            assert float(deltaE_ciede2000(good, bad)) >= 25


async def test_a_theme_lasts_until_the_next_start(tmp_path: Path) -> None:
    app = OpenedApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+p", *"colour", "space", *"vision")
        await until(pilot, lambda: app.screen.query("CommandList").first().option_count == 1)  # type: ignore[attr-defined]
        await pilot.press("enter")
        await until(pilot, lambda: app.theme == OKABE_ITO.name)
    again = OpenedApp(tmp_path, preferences=read_preferences(preferences_path(), list))
    async with again.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert again.theme == OKABE_ITO.name and again.screen.background_colors[1] == value(OKABE_ITO, "background")


def colours(pilot: Pilot[Farewell]) -> set[tuple[int, int, int]]:
    styles = [
        segment.style for strip in pilot.app.screen._compositor.render_strips() for segment in strip if segment.style
    ]
    parts = [part for style in styles for part in (style.color, style.bgcolor) if part]
    return {Color.from_rich_color(part).rgb for part in parts}


def is_grey(colours: set[tuple[int, int, int]]) -> bool:
    return all(red == green == blue for red, green, blue in colours)


@pytest.mark.parametrize("theme", THEMES)
async def test_without_colours_every_screen_says_what_it_means(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, theme: str
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    state = learned(tmp_path)
    RunConfig().save(tmp_path / "config.toml")
    app = OpenedApp(tmp_path)
    app.theme, app.state = theme, state
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "▲ +1.00 dB" in on_screen(pilot))
        assert is_grey(colours(pilot)) and "● training" in on_screen(pilot) and "━" in on_screen(pilot)
        for view in VIEWS[1:]:
            await pilot.press("s")
            await until(pilot, lambda view=view: f"▸ {view}" in on_screen(pilot))  # type: ignore[misc]
            if view == "pictures":
                await until(pilot, lambda: "▀▀▀" in on_screen(pilot))
            assert is_grey(colours(pilot)), view
        for key, told in (("question_mark", "Keys and words"), ("enter", "Settings"), ("l", "following")):
            await pilot.press(key)
            await until(pilot, lambda told=told: told in on_screen(pilot))  # type: ignore[misc]
            assert is_grey(colours(pilot)), key
            await pilot.press("escape")
        app.recording.say(ev.SessionFailed(step=160, error="the disk is full", checkpoint=""))
        app.recording.is_alive = False
        await until(pilot, lambda: isinstance(app.screen, FailedScreen))
        assert is_grey(colours(pilot)) and "✗ Training stopped with an error" in on_screen(pilot)


async def test_without_colours_the_focus_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "yes")
    app = OpenedApp(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        assert "┏" not in on_screen(pilot)
        await pilot.press("tab")
        assert on_screen(pilot).count("┏") == 1


async def test_an_empty_no_color_asks_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "")
    app = OpenedApp(tmp_path, [started()])
    async with app.run_test(size=(80, 24)) as pilot:
        assert not is_grey(colours(pilot)) and "NO_COLOR" not in os.environ
