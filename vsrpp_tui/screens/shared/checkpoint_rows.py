"""A checkpoint as a row of a table, where one is chosen to resume from or to upscale with."""

import math
from collections.abc import Sequence

from textual.content import Content

from vsrpp_core.run.folder import CheckpointInfo
from vsrpp_tui.widgets.pick_list import Row
from vsrpp_tui.widgets.text import duration, file_size, percent

HEADINGS = ("step", "kind", "quality", "loss", "size", "age", "state")
WIDTHS = (9, 9, 7, 7, 8, 10, 10)
LEFT = ("kind", "state")
"""Columns of words; figures are right-aligned."""

FROM_CELLS = {"loss": 80, "size": 80, "kind": 60, "quality": 60}
"""Columns that a narrower screen omits; what a row is called, and the best until then, stand below the table."""

LONGEST_AGE = 86_400 * 1000
"""Seconds; an older file was saved by a machine whose clock was wrong."""

STATES = {
    "verified": ("✓ verified", "$success"),
    "damaged": ("✗ damaged", "$error"),
    "unknown": ("· unknown", "$secondary"),
}
"""A sign and a word each: read in full and intact, unreadable, or not checked."""


def headings(width: int) -> Content:
    """Over the rows of checkpoints, on a screen of so many cells."""
    return Content("  ").join(_cells(HEADINGS, width))


def checkpoint_row(info: CheckpointInfo, now: float, width: int) -> Row:
    age = now - info.saved_at
    state, style = STATES[info.crc]
    figures = (
        f"{info.step:,}" if info.step or info.is_described else "–",
        info.kind,
        percent(info.quality),
        f"{info.loss:.5f}" if math.isfinite(info.loss) else "–",
        file_size(info.size),
        duration(max(age, 0)) if age < LONGEST_AGE else "> 999 d",
        "",
    )
    text = Content("  ").join(_cells(figures, width)[:-1])
    dimmed = Content.styled(text.plain, "$secondary") if info.is_damaged else text
    return Row(Content.assemble(dimmed, "  ", (state, style)), info.name, choosable=not info.is_damaged)


def _cells(texts: Sequence[str], screen: int) -> list[Content]:
    """The texts of one line in their columns' widths."""
    columns = zip(HEADINGS, WIDTHS, texts, strict=True)
    shown = ((name, width, text) for name, width, text in columns if screen >= FROM_CELLS.get(name, 0))
    return [Content(f"{text:<{width}}" if name in LEFT else f"{text:>{width}}") for name, width, text in shown]
