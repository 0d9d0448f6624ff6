"""Figures along the axes of a chart: round, few, and distinct. Formatters of textual-plot, which has none that are so
sparing, and none for a logarithmic axis."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from textual_plot.axis_formatter import AxisFormatter

from vsrpp_tui.widgets.text import duration

ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)
ROUND_IN_A_DECADE = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)


class LinearFigures(AxisFormatter):
    """About ``max_ticks`` round figures with as many decimals as keep them distinct."""

    def get_ticks(self, min_: float, max_: float, max_ticks: int = 8) -> list[float]:
        rough = (max_ - min_) / max_ticks
        power = 10 ** math.floor(math.log10(rough))
        step = next(r * power for r in ROUND if r * power >= rough * 0.999)
        first = math.ceil(min_ / step - 1e-9)
        return [step * i for i in range(first, math.floor(max_ / step + 1e-9) + 1)]

    def get_labels_for_ticks(self, ticks: Sequence[float]) -> list[str]:
        if not ticks:
            return []
        if max(abs(tick) for tick in ticks) < 5e-3:
            return [f"{tick:.1e}" if tick else "0" for tick in ticks]
        gap = min((b - a for a, b in pairwise(ticks)), default=1.0)
        decimals = max(0, -math.floor(math.log10(gap) + 1e-9))
        if decimals and any(abs(round(tick, decimals) - tick) > 1e-3 * gap for tick in ticks):
            decimals += 1
        return [f"{tick:.{decimals}f}" for tick in ticks]


class LogarithmicFigures(AxisFormatter):
    """For an axis that carries the decimal logarithms of what it shows: ticks are logarithms, labels are not."""

    def get_ticks(self, min_: float, max_: float, max_ticks: int = 8) -> list[float]:
        decades = range(math.floor(min_), math.ceil(max_) + 1)
        ticks = [decade + math.log10(value) for decade in decades for value in ROUND_IN_A_DECADE]
        inside = [tick for tick in ticks if min_ <= tick <= max_]
        if len(inside) >= 2:
            return inside[:: -(-len(inside) // (max_ticks + 1))]
        return [min_ + (max_ - min_) * i / max_ticks for i in range(max_ticks + 1)]

    def get_labels_for_ticks(self, ticks: Sequence[float]) -> list[str]:
        values = [10**tick for tick in ticks]
        short = [f"{value:.2g}" if value >= 1e-4 else f"{value:.0e}" for value in values]
        if len(set(short)) == len(short):
            return short
        return [f"{value:.4g}" if value >= 1e-4 else f"{value:.2e}" for value in values]  # a very close look


def steps(step: float) -> str:
    """Steps, shortened to thousands where they are large."""
    return f"{step / 1000:.4g}k" if abs(step) >= 10_000 else f"{step:.0f}"


def time(seconds: float) -> str:
    """Seconds, in the two largest units."""
    return duration(seconds) if seconds else "0"


def steps_axis(first: float, last: float, columns: int, words: Callable[[float], str] = steps) -> str:
    """``columns`` cells with the steps at both ends and, where there is room, in the middle; ``words`` says them."""
    left, middle, right = (words(x) for x in (first, (first + last) / 2, last))
    room = columns - len(left) - len(right)
    if room < len(middle) + 8:
        return f"{left}{' ' * max(room, 1)}{right}"[:columns]
    before = columns // 2 - len(left) - len(middle) // 2
    after = columns - len(left) - before - len(middle) - len(right)
    return f"{left}{' ' * before}{middle}{' ' * after}{right}"
