"""Pictures pixel by pixel, by Kitty's protocol: sent to the terminal once, and shown where certain cells stand."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image
from textual.strip import Strip

from vsrpp_tui.terminal.graphics import Graphics
from vsrpp_tui.widgets.pictures.half_cells import half_cells, library, no_terminal, rows_of

MESSAGE = re.compile(r"\x1b_G.*?\x1b\\", re.DOTALL)
PLACEHOLDER = chr(0x10EEEE)
FORGET = "\x1b_Ga=d,d=I,i={number},q=2\x1b\\"


@dataclass(frozen=True, slots=True)
class Placed:
    """``rows`` show the picture in a terminal that was sent ``upload``, until it is sent ``removal``."""

    rows: list[Strip]
    upload: str = ""
    removal: str = ""
    picture: Image.Image | None = None
    """What ``rows`` show pixel by pixel; None where they are half cells."""

    @property
    def cells(self) -> list[Strip]:
        """``rows`` in half cells, with the same words between them."""
        if self.picture is None:
            return self.rows
        width = max(row.cell_length for row in self.rows if PLACEHOLDER in row.text)
        small = half_cells(self.picture.resize((width, 2 * len(self.rows)), Image.Resampling.LANCZOS))
        return [cells if PLACEHOLDER in row.text else row for row, cells in zip(self.rows, small, strict=True)]


def pixels(picture: Image.Image, graphics: Graphics) -> Placed:
    """``picture``, of whole cells. To be called on the screen's own thread."""
    column, row = graphics.cell
    width, height = picture.width // column, picture.height // row
    renderable = library().TGPImage(picture, width=width, height=height)
    with no_terminal() as sent, _cell_size(column, row):
        rows = rows_of(renderable, width, height)
    upload = "".join(map(graphics.passed, MESSAGE.findall(sent.getvalue())))
    return Placed(rows, upload, graphics.passed(FORGET.format(number=renderable.terminal_image_id)), picture)


@contextmanager
def _cell_size(column: int, row: int) -> Iterator[None]:
    """What the library takes for the size of a cell, which it would ask the terminal for; it has no other way in."""
    from textual_image._terminal import CellSize, get_cell_size

    before = get_cell_size._result  # type: ignore[attr-defined]
    get_cell_size._result = CellSize(column, row)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        get_cell_size._result = before  # type: ignore[attr-defined]
