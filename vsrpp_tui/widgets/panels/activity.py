"""How strongly each residual block works: a bar per block of both trunks, and the fusions between them."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from textual.content import Content

from vsrpp_tui.state.run import RunState
from vsrpp_tui.widgets.panels.panel import Panel, lines
from vsrpp_tui.widgets.text import SPARKS, bar, clamped

FUSIONS = ("backward fuse", "forward fuse", "fusion")
SILENT = 0.01
"""Share of its trunk's median below which a block is called silent: it contributes next to nothing."""

LEAST_ROOM_FOR_BARS = 11
"""Rows of the panel; below, each trunk is one row."""

WIDEST_BAR = 10


class ActivityPanel(Panel):
    """Mean |feature| at each block's output. Both trunks share one scale, so they can be compared."""

    def picture(self, state: RunState, width: int) -> Content:
        measured = state.activity
        if not measured or not measured.backward_trunk or not measured.forward_trunk:
            return Content.styled("measured every cadence.tensorboard_every steps; not yet", "$secondary")
        most = max(*measured.backward_trunk, *measured.forward_trunk, 1e-12)
        height = self.content_size.height
        tall = height >= LEAST_ROOM_FOR_BARS
        rows = (height - 4 - len(FUSIONS)) // 2 if tall else 1
        trunks = (("backward trunk", measured.backward_trunk), ("forward trunk", measured.forward_trunk))
        shown = [line for name, values in trunks for line in _trunk(name, values, most, width, rows, tall)]
        return lines(*shown, *_fusions(measured.fusions, width))


def _trunk(name: str, values: Sequence[float], most: float, width: int, rows: int, tall: bool) -> list[Content]:
    heading = _heading(name, values, width)
    cell = min(width // max(len(values), 1), WIDEST_BAR)
    if not cell:
        return [heading, Content.styled(_folded(values, most, width), "$primary")]
    gap = 1 if cell >= 3 else 0
    drawn = [Content.styled(line, "$primary") for line in vertical_bars(values, most, cell - gap, gap, rows)]
    return [heading, *drawn, Content.styled(numbers(len(values), cell), "$secondary")] if tall else [heading, *drawn]


def _heading(name: str, values: Sequence[float], width: int) -> Content:
    mean = sum(values) / len(values)
    words = f"mean {mean:.3f}   least {min(values):.3f} in {values.index(min(values)) + 1}"
    if width >= 70:
        words += f"   most {max(values):.3f} in {values.index(max(values)) + 1}"
    quiet = silent(values)
    said = f"   silent: {', '.join(map(str, quiet))}" if quiet else ""
    return Content.assemble((f"{name:<15}", "bold"), (words, "$secondary"), (said, "$warning"))


def silent(values: Sequence[float]) -> list[int]:
    """Numbers, from 1, of the silent blocks."""
    limit = SILENT * median(values)
    return [number for number, value in enumerate(values, start=1) if value < limit]


def vertical_bars(values: Sequence[float], most: float, thick: int, gap: int, rows: int) -> list[str]:
    """Bars of eighths of a cell, from the top row to the bottom one; a value above 0 is never less than an eighth."""
    eighths = [max(round(8 * rows * clamped(value / most)), 1 if value > 0 else 0) for value in values]
    lines_down = []
    for row in reversed(range(rows)):
        cells = [(" " + "".join(SPARKS))[min(max(eighth - 8 * row, 0), 8)] for eighth in eighths]
        lines_down.append("".join(cell * thick + " " * gap for cell in cells))
    return lines_down


def numbers(count: int, cell: int) -> str:
    """The blocks' numbers beneath their bars; every fifth where they would touch."""
    every = 1 if cell > len(str(count)) else 5
    row = [" "] * (count * cell + len(str(count)))
    for number in range(1, count + 1):
        if number == 1 or number % every == 0:
            start = (number - 1) * cell
            row[start : start + len(str(number))] = str(number)
    return "".join(row).rstrip()


def _folded(values: Sequence[float], most: float, width: int) -> str:
    """More blocks than cells: each cell shows the mean of its share of them."""
    edges = [round(i * len(values) / width) for i in range(width + 1)]
    means = [sum(values[a:b]) / (b - a) for a, b in pairwise(edges) if b > a]
    return vertical_bars(means, most, 1, 0, 1)[0]


def _fusions(values: Sequence[float], width: int) -> list[Content]:
    most = max(values, default=0.0) or 1.0
    room = max(width - 14 - 7, 4)
    return [
        Content.assemble((f"{name:<14}", "$secondary"), bar(value / most, room, "$primary"), f" {value:6.3f}")
        for name, value in zip(FUSIONS, values, strict=False)
    ]
