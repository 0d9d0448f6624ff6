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
from textual.content import Content
from textual.strip import Strip
from textual.visual import Visual
from textual.widgets import Static


@cache
def _library() -> Any:
    with _no_terminal():
        from textual_image.renderable import HalfcellImage

        console = Console(file=io.StringIO(), width=1, height=1)
        console.print(HalfcellImage(Image.new("RGB", (1, 2)), width=1, height=1))  # it remembers the size of a cell
    return HalfcellImage


@contextmanager
def _no_terminal() -> Iterator[None]:
    """``sys.__stdout__`` is what the library looks at; nothing else runs on this thread meanwhile."""
    original = sys.__stdout__
    sys.__stdout__ = io.StringIO()  # type: ignore[misc, assignment]
    try:
        yield
    finally:
        sys.__stdout__ = original  # type: ignore[misc]


def half_cells(picture: Image.Image) -> list[Strip]:
    """The rows of ``picture`` with one pixel a half cell: as many cells wide as pixels, half as many high. To be called
    on the screen's own thread.

    Rendered once: at every look it would cost tens of milliseconds.
    """
    height = -(-picture.height // 2)
    console = Console(file=io.StringIO(), width=picture.width, height=height, color_system="truecolor")
    rows = console.render_lines(_library()(picture, width=picture.width, height=height))
    return [Strip(row, picture.width) for row in rows]


class Canvas(Static):
    """Shows rows that were made by ``half_cells``, or words."""

    def __init__(self, words: Content) -> None:
        super().__init__(words, markup=False)
        self._rows: list[Strip] = []

    def strips(self, words: Content) -> list[Strip]:
        """``words`` as a row to paint."""
        return Visual.to_strips(self, words, words.cell_length, 1, self.visual_style)

    def paint(self, rows: list[Strip]) -> None:
        self._rows = rows
        self.refresh()

    def say(self, words: Content) -> None:
        self._rows = []
        self.update(words)

    def render_line(self, y: int) -> Strip:
        if not self._rows:
            return super().render_line(y)
        row = self._rows[y] if y < len(self._rows) else Strip([])
        return row.adjust_cell_length(self.size.width, self.rich_style)
