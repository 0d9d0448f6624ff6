"""One plot on a screen of its own, read as text."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from tests.vsrpp_tui.pilot import lines
from vsrpp_tui.user.themes import THEME
from vsrpp_tui.widgets.charts.plot import LEFT, NONE_YET, Curve, Frame, Plot
from vsrpp_tui.widgets.charts.zoom import LEAST_STEPS, Window, panned, within, zoomed

RISING = Curve([(float(i), float(i)) for i in range(100)], "primary", "up")
FLAT = Curve([(0.0, 50.0), (99.0, 50.0)], "success", "flat")


class Sheet(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.register_theme(THEME)
        self.theme = THEME.name

    def compose(self) -> ComposeResult:
        yield Plot()


@asynccontextmanager
async def plotted(
    curves: Sequence[Curve], frame: Frame, width: int, height: int, window: Window | None = None
) -> AsyncIterator[Pilot[None]]:
    async with Sheet().run_test(size=(width, height)) as pilot:
        pilot.app.query_one(Plot).draw(curves, frame, window)
        await pilot.pause()
        yield pilot


async def text(
    curves: Sequence[Curve], frame: Frame, width: int, height: int, window: Window | None = None
) -> list[str]:
    async with plotted(curves, frame, width, height, window) as pilot:
        return lines(pilot)


def figures(drawn: Sequence[str]) -> list[str]:
    return [row[: LEFT - 1].strip() for row in drawn[:-1] if row[: LEFT - 1].strip()]


@pytest.mark.parametrize(("width", "height"), [(30, 6), (80, 20), (200, 50)])
async def test_a_plot_fills_its_place_and_no_more(width: int, height: int) -> None:
    drawn = await text([RISING, FLAT], Frame(), width, height)
    assert len(drawn) == height and all(len(row) == width for row in drawn)
    assert drawn[-1].split() in (["0", "50", "99"], ["0", "99"])
    assert drawn[0][: LEFT + 1].strip()[-1] in "│┤" and "flat" in "".join(drawn)


async def test_a_rising_curve_rises_from_corner_to_corner() -> None:
    drawn = await text([RISING], Frame(low=0.0, high=99.0), 40, 11)
    first = [next(i for i, row in enumerate(drawn[:-1]) if row[x] not in " │┤") for x in range(LEFT, 37)]
    assert first == sorted(first, reverse=True) and (first[0], first[-1]) == (9, 0)


async def test_a_curve_on_the_floor_is_drawn() -> None:
    drawn = await text([Curve([(0.0, 0.0), (9.0, 0.0)], "primary")], Frame(low=0.0, high=1.0), 30, 6)
    assert set(drawn[4][LEFT:]) == {"\u28c0"}


async def test_two_curves_in_one_cell_are_both_drawn() -> None:
    low, high = (Curve([(0.0, value), (9.0, value)], "primary") for value in (0.0, 1.0))
    drawn = await text([low, high, Curve([(0.0, 2.0), (9.0, 2.0)], "success")], Frame(low=0.0, high=11.0), 30, 4)
    assert set(drawn[2][LEFT:]) == {"\u28f6"}, "three dots above one another"


async def test_each_curve_has_its_word_at_its_end_and_none_hides_another() -> None:
    drawn = await text([RISING, FLAT, Curve(FLAT.points, "warning", "same")], Frame(), 60, 12)
    ends = [row.split()[-1] for row in drawn[:-1] if row.rstrip()[-1].isalpha()]
    assert sorted(ends) == ["flat", "same", "up"] and ends[0] == "up"


async def test_a_logarithmic_axis_has_round_figures_and_leaves_out_what_it_cannot_show() -> None:
    curve = Curve([(1.0, 0.0), (2.0, 0.1), (3.0, 0.01), (4.0, 0.001)], "primary")
    drawn = await text([curve], Frame(logarithmic=True), 50, 16)
    assert {"0.1", "0.01", "0.001"} & set(figures(drawn)) and all(float(label) > 0 for label in figures(drawn))
    assert drawn[-1].split()[0] == "2"


@pytest.mark.parametrize("ends", [(25.1, 25.4), (0.0, 1.0), (1e-6, 2e-4), (28.0, 28.0), (-0.5, 0.5), (20.0, 90_000.0)])
@pytest.mark.parametrize("logarithmic", [False, True])
async def test_labels_of_the_axis_tell_its_figures_apart(ends: Window, logarithmic: bool) -> None:
    curve = Curve([(0.0, ends[0]), (5.0, abs(ends[0]) or 1.0), (9.0, ends[1])], "primary")
    labels = figures(await text([curve], Frame(logarithmic=logarithmic), 50, 16))
    assert len(labels) >= 2 and len(set(labels)) == len(labels), (ends, labels)


async def test_a_shaded_stretch_has_a_line_and_its_name_where_there_is_room() -> None:
    flat = Curve([(0.0, 0.2), (100.0, 0.2)], "primary")
    wide = await text([flat], Frame(low=0, high=1, shaded=((20, 80),), shade_word="aggressive"), 60, 10)
    assert "▔aggressive▔" in wide[0]
    narrow = await text([flat], Frame(low=0, high=1, shaded=((20, 25),), shade_word="aggressive"), 60, 10)
    assert "aggressive" not in "".join(narrow) and "▔▔" in narrow[0]
    async with plotted([flat], Frame(low=0, high=1, shaded=((20, 25),)), 60, 10) as pilot:
        strip = pilot.app.screen._compositor.render_strips()[5]
        assert len({str(segment.style.bgcolor) for segment in strip if segment.style}) == 2


async def test_where_training_is_has_a_mark() -> None:
    drawn = await text([RISING], Frame(mark=(99.0, 99.0)), 40, 10)
    assert sum(row.count("●") for row in drawn) == 1
    assert "●" not in "".join(await text([RISING], Frame(mark=(99.0, 99.0)), 40, 10, window=(10, 50)))


async def test_a_dotted_curve_has_gaps_also_in_a_window() -> None:
    dotted = Curve(RISING.points, "primary", dotted=True)
    for window in (None, (40.0, 60.0)):
        drawn = await text([dotted], Frame(), 60, 8, window)
        columns = ["".join(row[x] for row in drawn[:-1]).strip() for x in range(LEFT, 59)]
        assert 0.4 < sum(map(bool, columns)) / len(columns) < 0.9


async def test_a_window_fits_the_axis_to_what_is_seen() -> None:
    peak = Curve([(float(i), 100.0 if i == 10 else float(i % 2)) for i in range(100)], "primary", "up")
    assert max(map(float, figures(await text([peak], Frame(), 60, 12)))) >= 90
    drawn = await text([peak], Frame(), 60, 12, window=(50.0, 90.0))
    assert max(map(float, figures(drawn))) <= 1.1 and drawn[-1].split() == ["50", "70", "90"]


async def test_a_plot_of_many_points_draws_no_more_than_two_a_cell() -> None:
    many = Curve([(float(i), float(i % 7)) for i in range(5_000)], "primary")
    async with plotted([many], Frame(), 60, 12) as pilot:
        assert len(pilot.app.query_one(Plot)._datasets[0].x) <= 120


@pytest.mark.parametrize("curves", [[], [Curve([(1.0, 1.0)], "primary")]])
async def test_without_points_it_says_so(curves: list[Curve]) -> None:
    assert NONE_YET in "".join(await text(curves, Frame(), 40, 10))


@pytest.mark.parametrize(("width", "height"), [(9, 10), (40, 2), (3, 3), (1, 1)])
async def test_without_room_there_is_nothing(width: int, height: int) -> None:
    assert not "".join(await text([RISING], Frame(), width, height)).strip()


async def test_it_follows_its_size() -> None:
    async with plotted([RISING], Frame(), 80, 20) as pilot:
        for width, height in ((30, 6), (5, 2), (100, 30)):
            await pilot.resize_terminal(width, height)
            await pilot.pause()
        assert "up" in "".join(lines(pilot)) and lines(pilot)[-1].split() == ["0", "50", "99"]


def test_a_window_stays_among_the_steps() -> None:
    extent = (0.0, 1000.0)
    assert within((-100, 300), extent) == (0, 400) and within((900, 1100), extent) == (800, 1000)
    assert within((-5, 1005), extent) is None
    assert within((500, 501), extent) == (500.5 - LEAST_STEPS / 2, 500.5 + LEAST_STEPS / 2)
    assert zoomed((0, 1000), 0.5, extent) == (500, 1000) and zoomed((200, 400), 0.5, extent) == (250, 350)
    assert panned((200, 400), 0.5, extent) == (300, 500) and panned((900, 1000), 0.5, extent) == (900, 1000)
