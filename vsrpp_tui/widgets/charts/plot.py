"""One plot: textual-plot's widget, styled for this screen.

The library draws the curves and turns the mouse into limits. Added here is what it does not offer: a word at a
curve's end, stretches that are shaded and named, a mark, dotted curves, a logarithmic axis, and axes that take one row
and eight columns, so that a chart is still one in seven rows.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from textual.app import ComposeResult
from textual.color import Color
from textual.containers import Grid
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual_hires_canvas import Canvas, HiResMode
from textual_plot import PlotWidget
from textual_plot.plot_widget import Legend

from vsrpp_tui.state.moments import Moment, MomentKind
from vsrpp_tui.state.series import Point
from vsrpp_tui.widgets.charts.axes import LinearFigures, LogarithmicFigures, steps, steps_axis, time
from vsrpp_tui.widgets.charts.braille_canvas import Plane
from vsrpp_tui.widgets.charts.zoom import Window, within
from vsrpp_tui.widgets.text import decimate

LEFT = 8
"""Cells of the y axis and its labels."""

LEAST_COLUMNS, LEAST_ROWS = 4, 2
DOTTED = 1.5
"""Columns from dot to dot of a dotted curve."""

SHADE = 0.12
"""Share of the warning colour in a shaded stretch."""

EMPTY = "\u00a0"
"""A space to the eye; the library drops the styles of a row in which there are only spaces."""

NONE_YET = "no points yet"

SIGNS: dict[MomentKind, tuple[str, str]] = {
    "checkpoint": ("▴", "secondary"),
    "setting": ("±", "primary"),
    "start": ("↻", "warning"),
    "mark": ("◆", "accent"),
}
"""Of moments, with their colours; the commonest first."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Points (step, value), oldest first, with the theme's name of their colour and a word at the curve's end."""

    points: Sequence[Point]
    colour: str
    label: str = ""
    dotted: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """The axes and marks around the curves."""

    logarithmic: bool = False
    low: float | None = None
    """Least value of the y axis; None fits it to the curves. The same for ``high``."""
    high: float | None = None
    shaded: tuple[tuple[float, float], ...] = ()
    """Stretches of steps that stand out, named by ``shade_word`` where that fits."""
    shade_word: str = ""
    mark: Point | None = None
    """The current step."""
    of_time: bool = False
    """The x axis has seconds in place of steps."""
    moments: tuple[Moment, ...] = ()
    """Signs on the lowest row."""
    moment: Moment | None = None
    """The one through which a line is drawn."""


class Plot(PlotWidget, can_focus=False):
    """Draws curves within a window of steps; y fits what is seen of them, unless the mouse has set it."""

    ALLOW_SELECT = False
    MOUSE_ZOOM_FACTOR = 0.25
    DEFAULT_CSS = """
    Plot > Grid { grid-size: 3 3; }
    Plot > Grid > #margin-top, Plot > Grid > #margin-bottom { column-span: 3; }
    """

    @dataclass
    class Moved(Message):
        """The mouse chose another window of steps; None is all of them."""

        plot: "Plot"
        window: Window | None

        @property
        def control(self) -> "Plot":
            return self.plot

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, invert_mouse_wheel=True)
        self.set_reactive(PlotWidget.margin_top, 0)
        self.set_reactive(PlotWidget.margin_bottom, 1)
        self.set_reactive(PlotWidget.margin_left, LEFT)
        self._right = 0
        """Cells for the words at the curves' ends."""
        self._curves: list[Curve] = []
        self._frame = Frame()
        self.extent: Window | None = None
        """First and last step of all points, in or out of the window; None without any."""
        self._own_y: Window | None = None

    @property
    def window(self) -> Window | None:
        """Steps in sight; None without any points."""
        return (self._x_min, self._x_max) if self.extent else None

    def compose(self) -> ComposeResult:
        with Grid():
            for part in ("margin-top", "margin-left", "plot", "margin-right", "margin-bottom"):
                yield Plane(1, 1, id=part)
        yield Legend(id="legend")

    def on_mount(self) -> None:
        """Instead of the library's, which would forget what was drawn before this stood."""
        self._update_margin_sizes()

    def _update_margin_sizes(self) -> None:
        grid = self.query_one(Grid)
        grid.styles.grid_columns = f"{self.margin_left} 1fr {self._right}"
        grid.styles.grid_rows = f"{self.margin_top} 1fr {self.margin_bottom}"

    def on_canvas_resize(self, message: Canvas.Resize) -> None:
        message.stop()
        self._rerender()

    # what is drawn

    def draw(self, curves: Sequence[Curve], frame: Frame, window: Window | None) -> None:
        """Draw ``curves``, later ones on top, each decimated to twice the width.

        On a logarithmic axis values of 0 and less are left out.
        """
        whole = [curve for curve in (_drawable(curve, frame.logarithmic) for curve in curves) if len(curve.points) >= 2]
        limit = 2 * self.size.width
        self._frame = frame
        self._curves = [replace(c, points=decimate(_seen(c.points, window), limit)) for c in whole]
        self.clear()
        self._make_room(max((len(curve.label) + 1 for curve in whole if curve.label), default=0))
        if not whole:
            self.extent = None
            return
        self.extent = min(c.points[0][0] for c in whole), max(c.points[-1][0] for c in whole)
        first, last = window or self.extent
        self.set_xlimits(first, max(last, first + 1))
        self.set_ylimits(*(self._own_y or _limits(self._curves, frame, (self._x_min, self._x_max))))
        self.set_y_formatter(LogarithmicFigures() if frame.logarithmic else LinearFigures())
        for curve in self._curves:
            self._add(curve)

    def _make_room(self, right: int) -> None:
        if right != self._right:
            self._right = right
            self._update_margin_sizes()

    def _add(self, curve: Curve) -> None:
        style = self._colour(curve.colour)
        steps, values = zip(*curve.points, strict=True)
        if not curve.dotted:
            self.plot(steps, values, style, HiResMode.BRAILLE)
            return
        first, last = max(steps[0], self._x_min), min(steps[-1], self._x_max)
        columns = max(self.size.width - LEFT - self._right, 1)
        share = (last - first) / (self._x_max - self._x_min)
        dots = np.linspace(first, last, max(round(share * columns / DOTTED), 2))
        self.scatter(dots, np.interp(dots, steps, values), marker_style=style, hires_mode=HiResMode.BRAILLE)

    def _colour(self, name: str) -> str:
        return Color.parse(self.app.theme_variables[name]).hex

    # how it is drawn

    def _render_plot(self) -> None:
        planes = list(self.query(Plane))
        if not planes:  # not composed so far
            return
        with ExitStack() as stack:
            for plane in planes:
                stack.enter_context(plane.batch_refresh())
                width, height = plane.size
                plane.reset(Size(width + 1, height + 1))  # lines are clipped at the first dot of a canvas's last cells
            plane = self._plane("plot")
            self._scale_rectangle = plane.size.region
            if not self._curves:
                words = NONE_YET[: plane.size.width]
                plane.put(
                    (plane.size.width - len(words)) // 2, plane.size.height // 2, words, self._colour("secondary")
                )
            elif plane.size.width >= LEAST_COLUMNS and plane.size.height >= LEAST_ROWS:
                super()._render_plot()
                self._shade(plane)
                self._sign_moments(plane)
                self._mark(plane)
                self._name_the_ends()

    def _plane(self, part: str) -> Plane:
        return self.query_one(f"#{part}", Plane)

    def get_hires_pixel_from_coordinate(self, x: Any, y: Any) -> tuple[Any, Any]:
        """The middle of a dot; the limits of both axes are the outermost dots, not the edges of their cells."""
        width, height = self._scale_rectangle.size
        across = (x - self._x_min) / (self._x_max - self._x_min)
        up = (y - self._y_min) / (self._y_max - self._y_min)
        return (across * (2 * width - 1) + 0.5) / 2, ((1 - up) * (4 * height - 1) + 0.5) / 4

    def get_pixel_from_coordinate(self, x: Any, y: Any) -> tuple[int, int]:
        column, row = self.get_hires_pixel_from_coordinate(x, y)
        return math.floor(column), math.floor(row)

    def _row(self, value: float) -> int:
        """The row of a value on the plane; the nearest one if it is outside."""
        rows = self._scale_rectangle.height
        return min(max(self.get_pixel_from_coordinate(self._x_min, value)[1], 0), rows - 1)

    def _shade(self, plane: Plane) -> None:
        """Tint each stretch over a line at its top, which is seen without colours too, and name it where that fits."""
        width, height = plane.size
        warning = self._colour("warning")
        tint = self.background_colors[1].blend(Color.parse(warning), SHADE).hex
        for stretch in self._frame.shaded:
            first, last = (self.get_pixel_from_coordinate(step, 0)[0] for step in stretch)
            columns = range(max(first, 0), min(last + 1, width))
            free = [plane.get_pixel(column, 0)[0] == " " for column in columns]
            for column in columns:
                for row in range(height):
                    sign, style = plane.get_pixel(column, row)
                    plane.set_pixel(column, row, EMPTY if sign == " " else sign, f"{style} on {tint}")
            for column, is_free in zip(columns, free, strict=True):
                if is_free:
                    plane.set_pixel(column, 0, "▔", f"{warning} on {tint}")
            word = self._frame.shade_word
            if word and len(columns) > len(word) and all(free[: len(word) + 1]):
                plane.put(columns[0] + 1, 0, word, f"{warning} on {tint}")

    def _mark(self, plane: Plane) -> None:
        mark = self._frame.mark
        if not mark or not self._x_min <= mark[0] <= self._x_max:
            return
        value = mark[1]
        if self._frame.logarithmic:
            value = math.log10(value) if value > 0 else self._y_min
        column, _ = self.get_pixel_from_coordinate(mark[0], value)
        plane.put(column, self._row(value), "●", self._colour("foreground"))

    def _sign_moments(self, plane: Plane) -> None:
        """A sign for each under the curves, where one is rarer than another over that, and a line at the chosen one."""
        width, height = plane.size
        kinds = list(SIGNS)
        for moment in sorted(self._frame.moments, key=lambda each: kinds.index(each.kind)):
            column, _ = self.get_pixel_from_coordinate(moment.step, 0)
            if 0 <= column < width:
                sign, colour = SIGNS[moment.kind]
                plane.put(column, height - 1, sign, self._colour(colour))
        if chosen := self._frame.moment:
            column, _ = self.get_pixel_from_coordinate(chosen.step, 0)
            rows = range(height - 1) if 0 <= column < width else ()
            for row in rows:
                if plane.get_pixel(column, row)[0] in (" ", EMPTY):
                    plane.put(column, row, "┊", self._colour("foreground"))

    def _name_the_ends(self) -> None:
        """Each curve's word where the curve ends, or in the nearest free row."""
        margin, rows = self._plane("margin-right"), self._scale_rectangle.height
        taken: set[int] = set()
        for curve in sorted((c for c in self._curves if c.label), key=lambda c: -_end(c, self._x_max)):
            wanted = self._row(_end(curve, self._x_max))
            if free := [row for row in range(rows) if row not in taken]:
                row = min(free, key=lambda row: (abs(row - wanted), -row))
                taken.add(row)
                margin.put(1, row, curve.label, self._colour(curve.colour))

    def _render_x_ticks(self) -> None:
        columns = self._scale_rectangle.width
        words = time if self._frame.of_time else steps
        axis = steps_axis(self._x_min, self._x_max, columns, words)
        self._plane("margin-bottom").put(LEFT, 0, axis, self._colour("secondary"))

    def _render_y_ticks(self) -> None:
        margin, rows = self._plane("margin-left"), self._scale_rectangle.height
        figures, line = self._colour("secondary"), self._colour("border")
        for row in range(rows):
            margin.put(LEFT - 1, row, "│", line)
        ticks, labels = self._y_formatter.get_ticks_and_labels(self._y_min, self._y_max, max(rows // 3, 2))
        for tick, label in zip(ticks, labels, strict=True):
            margin.put(0, self._row(tick), f"{label[: LEFT - 1]:>{LEFT - 1}}", figures)
            margin.put(LEFT - 1, self._row(tick), "┤", line)

    # the mouse

    def on_plot_widget_scale_changed(self, message: PlotWidget.ScaleChanged) -> None:
        """Which steps are shown is the screen's to decide; y moves where the mouse is on its axis."""
        message.stop()
        before = self._user_x_min, self._user_x_max
        if (message.x_min, message.x_max) == before:
            self._own_y = message.y_min, message.y_max
            return
        window = within((message.x_min, message.x_max), self.extent) if self.extent else None
        if window in (None, before):  # nothing closer, or nothing beyond: back to what was shown
            self.set_xlimits(*before)
            self.set_ylimits(self._user_y_min, self._user_y_max)
        self.post_message(self.Moved(self, window))

    def on_click(self, event: Click) -> None:
        if event.chain == 2:
            self.fit()
            self.post_message(self.Moved(self, None))

    def fit(self) -> None:
        """Let y fit the curves again."""
        self._own_y = None


def _drawable(curve: Curve, logarithmic: bool) -> Curve:
    points = [p for p in curve.points if math.isfinite(p[1]) and (p[1] > 0 or not logarithmic)]
    if logarithmic:
        points = [(step, math.log10(value)) for step, value in points]
    return replace(curve, points=points)


def _seen(points: Sequence[Point], window: Window | None) -> Sequence[Point]:
    """The points within ``window`` and one on either side, to which the curve leads."""
    if window is None:
        return points
    first = bisect_left(points, window[0], key=_step)
    last = bisect_right(points, window[1], key=_step)
    return points[max(first - 1, 0) : last + 1]


def _step(point: Point) -> float:
    return point[0]


def _limits(curves: Iterable[Curve], frame: Frame, window: Window) -> Window:
    """Limits of the y axis: those of the frame, else around the visible points with a small margin."""
    points = [point for curve in curves for point in curve.points]
    values = [value for step, value in points if window[0] <= step <= window[1]] or [value for _, value in points]
    low, high = min(values), max(values)
    air = 0.04 * (high - low) or 0.02 * abs(high) or 0.5
    low = low - air if frame.low is None else frame.low
    high = high + air if frame.high is None else frame.high
    return low, max(high, low + 1e-12)


def _end(curve: Curve, last: float) -> float:
    """The value at which the curve leaves the window."""
    return next((value for step, value in reversed(curve.points) if step <= last), curve.points[0][1])
