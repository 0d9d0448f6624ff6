"""How long a chart takes to be drawn anew: the loss as training shows it, every report faint and its mean over it.

Beside the chart stands textual-plot's widget as it comes, with the same curves, once with as many points as the chart
gives it (two a column) and once with all. They take turns in one application; a turn ends when the rows of the chart's
region are made. Prints one JSON line: medians in milliseconds by the chart's size in cells.
"""

import asyncio
import json
import math
import random
import statistics
import time
from collections.abc import Callable

from textual.app import App, ComposeResult
from textual_plot import HiResMode, PlotWidget

from vsrpp_tui.state.series import SERIES_LIMIT, Point, smoothed
from vsrpp_tui.user.themes import THEME
from vsrpp_tui.widgets.charts.plot import Curve, Frame, Plot
from vsrpp_tui.widgets.text import decimate

SIZES = ((63, 24), (120, 40))
ROUNDS = 25
SMOOTHING = 24


class Sheet(App[None]):
    """Both widgets, each as large as asked, one at a time in sight."""

    CSS = "Screen { layers: one; } Plot, PlotWidget { layer: one; width: 100%; height: 100%; }"

    def __init__(self) -> None:
        super().__init__()
        self.register_theme(THEME)
        self.theme = THEME.name
        self.chart, self.plain = Plot(id="chart"), PlotWidget(id="plain")

    def compose(self) -> ComposeResult:
        yield self.chart
        yield self.plain


def losses(seed: int) -> list[Point]:
    """As many reports as a curve holds, falling and noisy."""
    noise = random.Random(seed)
    return [(200.0 * i, 0.03 / (i + 1) ** 0.2 * math.exp(noise.gauss(0, 0.3))) for i in range(SERIES_LIMIT)]


def draw_chart(app: Sheet, points: list[Point]) -> None:
    curves = [Curve(points, "chart-faint"), Curve(smoothed(points, SMOOTHING), "primary", "total")]
    app.chart.draw(curves, Frame(logarithmic=True), None)
    app.chart.render()


def draw_plain(app: Sheet, points: list[Point], limit: int) -> None:
    app.plain.clear()
    for curve, colour in ((points, THEME.variables["chart-faint"]), (smoothed(points, SMOOTHING), THEME.primary)):
        shown = decimate([(step, math.log10(loss)) for step, loss in curve], limit)
        steps, values = zip(*shown, strict=True)
        app.plain.plot(steps, values, line_style=colour, hires_mode=HiResMode.BRAILLE)
    app.plain.render()


async def measure(width: int, height: int) -> dict[str, float]:
    ways: dict[str, Callable[[Sheet, list[Point]], None]] = {
        "chart": draw_chart,
        "plain": lambda app, points: draw_plain(app, points, 2 * width),
        "plain_all_points": lambda app, points: draw_plain(app, points, SERIES_LIMIT),
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    app = Sheet()
    async with app.run_test(size=(width, height)) as pilot:
        for turn in range(ROUNDS + 1):
            for name, draw in ways.items():
                app.chart.display, app.plain.display = name == "chart", name != "chart"
                await pilot.pause()
                points = losses(turn)
                start = time.thread_time()
                draw(app, points)
                app.screen._compositor.render_strips()
                if turn:  # the first fills caches
                    taken[name].append(time.thread_time() - start)
    return {f"{name}_ms": round(1000 * statistics.median(times), 1) for name, times in taken.items()}


def main() -> None:
    sizes = {f"{width}x{height}": asyncio.run(measure(width, height)) for width, height in SIZES}
    print(json.dumps({"benchmark": "charts", "points": SERIES_LIMIT, "curves": 2, "rounds": ROUNDS, **sizes}))


if __name__ == "__main__":
    main()
