"""The canvas under a plot: that of textual-hires-canvas, with dots that join and no frame."""

from collections.abc import Iterable
from typing import Any

from textual_hires_canvas import Canvas, HiResMode

BLANK = 0x2800
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bit of each dot of a braille cell, by row and column."""


class Plane(Canvas):
    """A canvas of braille dots. Dots of two curves in one cell are joined; it has the colour of the one drawn last."""

    ALLOW_SELECT = False

    def set_hires_pixels(
        self, coordinates: Iterable[tuple[Any, Any]], hires_mode: HiResMode | None = None, style: str = "white"
    ) -> None:
        """As the library's for braille, which is slower and in a shared cell forgets the other curve."""
        width, height = self.size
        cells: dict[tuple[int, int], int] = {}
        for x, y in coordinates:
            if 0 <= x < width and 0 <= y < height:
                column, row = int(2 * x), int(4 * y)
                cell = column // 2, row // 4
                cells[cell] = cells.get(cell, 0) | DOTS[row % 4][column % 2]
        for (column, row), bits in cells.items():
            there = max(ord(self.get_pixel(column, row)[0]) - BLANK, 0)
            self.set_pixel(column, row, chr(BLANK + (bits | there)), style)

    def draw_rectangle_box(self, x0: int, y0: int, x1: int, y1: int, thickness: int = 1, style: str = "white") -> None:
        """Draw none: the axis is in the margin, and in a small plot each row counts."""

    def put(self, column: int, row: int, text: str, style: str) -> None:
        """Characters in one style, without markup; those outside are left out."""
        for place, sign in enumerate(text, column):
            self.set_pixel(place, row, sign, style)
