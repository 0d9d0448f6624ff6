"""Pictures pixel by pixel, by Kitty's protocol: sent to the terminal once, and shown where certain cells stand."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image
from textual.strip import Strip

from vsrpp_tui.terminal.graphics import Graphics
from vsrpp_tui.widgets.pictures.half_cells import library, no_terminal, rows_of

MESSAGE = re.compile(r"\x1b_G.*?\x1b\\", re.DOTALL)
FORGET = "\x1b_Ga=d,d=I,i={number},q=2\x1b\\"


@dataclass(frozen=True, slots=True)
class Placed:
    """``rows`` show the picture in a terminal that was sent ``upload``, until it is sent ``removal``."""

    rows: list[Strip]
    upload: str = ""
    removal: str = ""


def pixels(picture: Image.Image, graphics: Graphics) -> Placed:
    """``picture``, of whole cells. To be called on the screen's own thread."""
    column, row = graphics.cell
    width, height = picture.width // column, picture.height // row
    renderable = library().TGPImage(picture, width=width, height=height)
    with no_terminal() as sent, _cell_size(column, row):
        rows = rows_of(renderable, width, height)
    upload = "".join(map(graphics.passed, MESSAGE.findall(sent.getvalue())))
    return Placed(rows, upload, graphics.passed(FORGET.format(number=renderable.terminal_image_id)))


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
