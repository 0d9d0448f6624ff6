"""Figures as text of constant width: durations, sizes, bars, sparklines. Pure functions, so that they can be tested."""

import math
import textwrap
from collections.abc import Sequence
from itertools import pairwise

from rich.cells import cell_len, chop_cells
from textual.content import Content

SPARKS = "▁▂▃▄▅▆▇█"


def duration(seconds: float) -> str:
    """The two largest units, e.g. ``15 h 04 m``; a dash where it is unknown."""
    if not math.isfinite(seconds):
        return "–"
    total = max(round(seconds), 0)
    units = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
    for (name, size), (next_name, next_size) in pairwise(units):
        if total >= size:
            return f"{total // size} {name} {total % size // next_size:02d} {next_name}"
    return f"{total} s"


def gigabytes(size: float) -> str:
    """Bytes in units of 2³⁰, as device memory is given: ``7.1``."""
    return f"{size / 2**30:.1f}"


def file_size(size: int) -> str:
    """Bytes of files in decimal units, as file managers show them."""
    value, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 999.5:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if unit == "B" or value >= 99.5 else f"{value:.1f} {unit}"


def percent(share: float) -> str:
    """0..1 as ``61.2 %``; a dash for NaN."""
    return f"{100 * share:.1f} %" if math.isfinite(share) else "–"


def decibels(value: float) -> str:
    return f"{value:.2f} dB" if math.isfinite(value) else "–"


def bar(share: float, width: int, style: str, mark: float | None = None) -> Content:
    """A thin bar of ``width`` cells, to half a cell; ``share`` 0..1. ``mark`` (0..1) draws a limit on its free part."""
    width = max(width, 1)
    full, half = divmod(round(2 * width * clamped(share)), 2)
    rest = ["─"] * (width - full - half)
    if mark is not None and 0 <= (place := int(clamped(mark) * width) - full - half) < len(rest):
        rest[place] = "│"
    return Content.assemble(("━" * full + "╸" * half, style), ("".join(rest), "$border"))


def clamped(share: float) -> float:
    """``share`` where it is in 0..1, else the nearer end; 0 for NaN."""
    return 0.0 if math.isnan(share) else min(max(share, 0.0), 1.0)


def sparkline(values: Sequence[float], width: int) -> str:
    """The last ``width`` values between their own least and greatest."""
    shown = list(values)[-width:]
    if not shown:
        return ""
    low, high = min(shown), max(shown)
    span = (high - low) or 1.0
    return "".join(SPARKS[min(int((value - low) / span * len(SPARKS)), len(SPARKS) - 1)] for value in shown)


def spread(left: Content, right: Content, width: int) -> Content:
    """``left`` and ``right`` at the two ends of ``width`` cells; what is too long on the left is cut."""
    room = max(width - right.cell_length - 1, 0)
    left = left.truncate(room, ellipsis=True)
    return Content.assemble(left, " " * max(width - left.cell_length - right.cell_length, 1), right)


def shortened(path: str, width: int) -> str:
    """A path in at most ``width`` cells: its end, the telling part; empty if there is no room for that."""
    if len(path) <= width:
        return path
    end = path[-max(width - 1, 0) :]
    _, slash, rest = end.partition("/")
    kept = f"…/{rest}" if slash and rest else f"…{end}"
    return kept if len(kept) <= width and width > 3 else ""


def wrapped(text: str, width: int) -> list[str]:
    """``text`` in lines of at most ``width`` cells, at least one of them."""
    if len(text) <= width and text.isascii():
        return [text]
    if cell_len(text) != len(text):  # letters two cells wide
        return chop_cells(text, width)
    return textwrap.wrap(text, width, break_on_hyphens=False) or [""]


def decimate(points: Sequence[tuple[float, float]], limit: int) -> list[tuple[float, float]]:
    """At most ``limit`` points: both ends, and between them the least and the greatest of each stretch, in their order.

    A chart costs by the point, and a single outlier must not be lost.
    """
    if len(points) <= limit or limit < 4:
        return list(points)
    stretches, inner = (limit - 2) // 2, points[1:-1]
    kept = [points[0]]
    for i in range(stretches):
        stretch = inner[i * len(inner) // stretches : (i + 1) * len(inner) // stretches]
        kept += sorted({min(stretch, key=lambda p: p[1]), max(stretch, key=lambda p: p[1])})
    return [*kept, points[-1]]
