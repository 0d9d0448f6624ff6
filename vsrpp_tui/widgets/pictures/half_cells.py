"""Pictures as half cells, by textual-image, kept from asking the terminal anything.

On import that library asks the terminal, by escape sequences, what pictures it can show, and later for the size of its
cells; it reads the answers from standard input. Textual reads there already: keys would be lost, and answers be taken
for keys. Half cells need neither answer, every terminal has them, and tmux passes them on. The library is loaded, and
makes its first picture, while it believes that there is no terminal.
"""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from PIL import Image
from rich.console import Console
from textual.strip import Strip

HALF_CELLS = (1, 2)
"""Pixels that a cell shows, across and down."""


@cache
def library() -> Any:
    """textual-image's renderables."""
    with no_terminal():
        from textual_image import renderable

        rows_of(renderable.HalfcellImage(Image.new("RGB", (1, 2)), width=1, height=1), 1, 1)  # it remembers cells' size
    return renderable


@contextmanager
def no_terminal() -> Iterator[io.StringIO]:
    """``sys.__stdout__`` is what the library looks at and writes to; here what it writes is kept.

    Nothing else runs on this thread meanwhile.
    """
    original, kept = sys.__stdout__, io.StringIO()
    sys.__stdout__ = kept  # type: ignore[misc, assignment]
    try:
        yield kept
    finally:
        sys.__stdout__ = original  # type: ignore[misc]


def rows_of(renderable: Any, width: int, height: int) -> list[Strip]:
    """``renderable`` in ``width`` × ``height`` cells."""
    console = Console(file=io.StringIO(), width=width, height=height, color_system="truecolor")
    return [Strip(row, width) for row in console.render_lines(renderable)]


def half_cells(picture: Image.Image) -> list[Strip]:
    """The rows of ``picture`` with one pixel a half cell: as many cells wide as pixels, half as many high. To be called
    on the screen's own thread.

    Rendered once: at every look it would cost tens of milliseconds.
    """
    height = -(-picture.height // 2)
    return rows_of(library().HalfcellImage(picture, width=picture.width, height=height), picture.width, height)
