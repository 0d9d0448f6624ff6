"""Curves as characters: braille dots on a plane with labelled axes. Pure, so that a chart can be tested as text.

Written for this screen because a chart here costs a few milliseconds and can say things in words beside its curves: a
label at the end of each line, a stretch of time shaded and named, a mark where training is now.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from vsrpp_tui.series import Point
from vsrpp_tui.widgets.figures import decimate

BLANK = 0x2800
DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""The bit of each dot of a braille cell, by column and row."""

LEFT = 8
"""Cells for the labels of the y axis."""

ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)
ROUND_IN_A_DECADE = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)


@dataclass(frozen=True, slots=True)
class Curve:
    """Points (step, value), oldest first, with the theme's name of their colour and a word at the curve's end."""

    points: Sequence[Point]
    colour: str
    label: str = ""
    dotted: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """What is drawn around the curves."""

    logarithmic: bool = False
    low: float | None = None
    """Least value of the y axis; None fits it to the curves. The same for ``high``."""
    high: float | None = None
    shaded: tuple[tuple[float, float], ...] = ()
    """Stretches of steps that stand out, named by ``shade_word`` where that fits."""
    shade_word: str = ""
    mark: Point | None = None
    """Where training is now."""


@dataclass(frozen=True, slots=True)
class Run:
    """Some characters of one row in one style."""

    text: str
    colour: str
    shaded: bool = False


Row = tuple[Run, ...]


def plot(curves: Sequence[Curve], frame: Frame, width: int, height: int) -> list[Row]:
    """``height`` rows of ``width`` cells; none where nothing can be drawn.

    Each curve is decimated to twice the plot's width. On a logarithmic axis values of 0 and less are left out.
    """
    curves = [_drawable(curve, frame.logarithmic, 2 * width) for curve in curves]
    curves = [curve for curve in curves if len(curve.points) >= 2]
    right = max((len(curve.label) + 1 for curve in curves if curve.label), default=0)
    columns, rows = width - LEFT - right, height - 1
    if not curves or columns < 4 or rows < 2:
        return []
    plane = _Plane(curves, frame, columns, rows)
    for curve in curves:
        plane.draw(curve)
    if frame.mark:
        plane.put(frame.mark, "●", "foreground")
    plane.name_the_shade(frame.shade_word)
    labels = _end_labels(curves, plane, rows)
    ticks = dict(_y_ticks(plane, rows))
    drawn = [
        (
            Run(f"{ticks.get(row, ''):>{LEFT - 1}}", "secondary"),
            Run("┤" if row in ticks else "│", "border"),
            *plane.row(row),
            *([Run(f" {labels[row].label:<{right - 1}}", labels[row].colour)] if row in labels else []),
        )
        for row in range(rows)
    ]
    return [*drawn, (Run(_x_axis(plane.first, plane.last, columns), "secondary"),)]


def _drawable(curve: Curve, logarithmic: bool, limit: int) -> Curve:
    points = [p for p in curve.points if math.isfinite(p[1]) and (p[1] > 0 or not logarithmic)]
    if logarithmic:
        points = [(step, math.log10(value)) for step, value in points]
    return Curve(decimate(points, limit), curve.colour, curve.label, curve.dotted)


class _Plane:
    """Cells of dots. A cell has one colour: that of the curve drawn last, so what matters most is drawn last."""

    def __init__(self, curves: Sequence[Curve], frame: Frame, columns: int, rows: int) -> None:
        self.logarithmic = frame.logarithmic
        self.columns, self.rows = columns, rows
        steps = [curve.points[end][0] for curve in curves for end in (0, -1)]
        self.first, self.last = min(steps), max(steps)
        self.low, self.high = _limits(curves, frame)
        self._bits = [[0] * columns for _ in range(rows)]
        self._signs: dict[tuple[int, int], str] = {}
        self._colours = [[""] * columns for _ in range(rows)]
        self._shades = [self._columns_of(stretch) for stretch in frame.shaded]
        self._shaded = {column for shade in self._shades for column in shade}

    def dot(self, point: Point) -> tuple[int, int]:
        """Column and row of the dot, from the left upper corner."""
        across = (point[0] - self.first) / ((self.last - self.first) or 1.0)
        up = (point[1] - self.low) / (self.high - self.low)
        return (
            min(max(round(across * (2 * self.columns - 1)), 0), 2 * self.columns - 1),
            min(max(round((1 - up) * (4 * self.rows - 1)), 0), 4 * self.rows - 1),
        )

    def draw(self, curve: Curve) -> None:
        dots = [self.dot(point) for point in curve.points]
        for (x, y), (end_x, end_y) in pairwise(dots):
            length = max(abs(end_x - x), abs(end_y - y), 1)
            for i in range(length + 1):
                at_x, at_y = x + round(i * (end_x - x) / length), y + round(i * (end_y - y) / length)
                if not (curve.dotted and at_x % 3):
                    self._light(at_x, at_y, curve.colour)

    def _light(self, x: int, y: int, colour: str) -> None:
        row, column = y // 4, x // 2
        self._bits[row][column] |= DOTS[x % 2][y % 4]
        self._colours[row][column] = colour

    def put(self, point: Point, sign: str, colour: str) -> None:
        """One character in place of the dots of its cell."""
        if self.logarithmic:
            point = (point[0], math.log10(point[1])) if point[1] > 0 else (point[0], self.low)
        x, y = self.dot(point)
        self._signs[y // 4, x // 2] = sign
        self._colours[y // 4][x // 2] = colour

    def name_the_shade(self, word: str) -> None:
        """At the top of each shaded stretch that is wide enough and has no curve there."""
        for shade in self._shades:
            if word and len(shade) > len(word) and not any(self._bits[0][column] for column in shade[: len(word) + 1]):
                for column, sign in zip(shade[1:], word, strict=False):
                    self._signs[0, column] = sign
                    self._colours[0][column] = "warning"

    def _columns_of(self, stretch: tuple[float, float]) -> range:
        if stretch[1] < self.first or stretch[0] > self.last:
            return range(0)
        ends = [self.dot((step, self.low))[0] // 2 for step in stretch]
        return range(ends[0], ends[1] + 1)

    def row(self, row: int) -> list[Run]:
        cells = [
            (self._sign(row, column), self._colours[row][column], column in self._shaded)
            for column in range(self.columns)
        ]
        return [
            Run("".join(sign for sign, _, _ in same), colour, shaded)
            for (colour, shaded), same in groupby(cells, key=lambda cell: cell[1:])
        ]

    def _sign(self, row: int, column: int) -> str:
        if sign := self._signs.get((row, column)):
            return sign
        bits = self._bits[row][column]
        return chr(BLANK + bits) if bits else " "


def _limits(curves: Iterable[Curve], frame: Frame) -> tuple[float, float]:
    """Of the y axis: those asked for, else around the curves with a little air."""
    values = [value for curve in curves for _, value in curve.points]
    low, high = min(values), max(values)
    air = 0.04 * (high - low) or 0.02 * abs(high) or 0.5
    low = low - air if frame.low is None else frame.low
    high = high + air if frame.high is None else frame.high
    return low, max(high, low + 1e-12)


def _end_labels(curves: Sequence[Curve], plane: _Plane, rows: int) -> dict[int, Curve]:
    """The row at which each curve's word stands: where the curve ends, or the nearest free row."""
    taken: dict[int, Curve] = {}
    for curve in sorted((c for c in curves if c.label), key=lambda c: -c.points[-1][1]):
        wanted = plane.dot(curve.points[-1])[1] // 4
        free = [row for row in range(rows) if row not in taken]
        if free:
            taken[min(free, key=lambda row: (abs(row - wanted), -row))] = curve
    return taken


def _y_ticks(plane: _Plane, rows: int) -> list[tuple[int, str]]:
    """Rows of the y axis that carry a figure, and the figure; about every third row."""
    ticks = _ticks(plane.low, plane.high, max(rows // 3, 2), plane.logarithmic)
    values = [10**tick for tick in ticks] if plane.logarithmic else ticks
    texts = [_short(value) for value in values] if plane.logarithmic else _alike(values)
    return [(plane.dot((plane.first, tick))[1] // 4, text) for tick, text in zip(ticks, texts, strict=True)]


def _ticks(low: float, high: float, count: int, logarithmic: bool) -> list[float]:
    if logarithmic:
        decades = range(math.floor(low), math.ceil(high) + 1)
        all_ticks = [decade + math.log10(value) for decade in decades for value in ROUND_IN_A_DECADE]
        inside = [tick for tick in all_ticks if low <= tick <= high]
        if len(inside) >= 2:
            return inside[:: -(-len(inside) // (count + 1))]
        return [low + (high - low) * i / count for i in range(count + 1)]
    rough = (high - low) / count
    power = 10 ** math.floor(math.log10(rough))
    step = next(r * power for r in ROUND if r * power >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [step * i for i in range(first, math.floor(high / step + 1e-9) + 1)]


def _alike(values: Sequence[float]) -> list[str]:
    """Figures with as many decimals as tell them apart; small ones in powers of ten."""
    if not values:
        return []
    if max(abs(value) for value in values) < 5e-3:
        return [f"{value:.1e}" if value else "0" for value in values]
    gap = min((b - a for a, b in pairwise(values)), default=1.0)
    decimals = max(0, -math.floor(math.log10(gap) + 1e-9))
    if decimals and any(abs(round(value, decimals) - value) > 1e-3 * gap for value in values):
        decimals += 1
    return [f"{value:.{decimals}f}" for value in values]


def _short(value: float) -> str:
    return f"{value:.2g}" if value >= 1e-4 else f"{value:.0e}"


def _x_axis(first: float, last: float, columns: int) -> str:
    """The steps at both ends and, where there is room, in the middle."""
    left, middle, right = (_steps(x) for x in (first, (first + last) / 2, last))
    room = columns - len(left) - len(right)
    if room >= len(middle) + 8:
        before = columns // 2 - len(left) - len(middle) // 2
        after = columns - len(left) - before - len(middle) - len(right)
        axis = f"{left}{' ' * before}{middle}{' ' * after}{right}"
    else:
        axis = f"{left}{' ' * max(room, 1)}{right}"
    return " " * LEFT + axis


def _steps(step: float) -> str:
    """Steps, shortened to thousands where they are large."""
    return f"{step / 1000:.4g}k" if abs(step) >= 10_000 else f"{step:.0f}"
