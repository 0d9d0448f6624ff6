"""A picture file in half cells or, where the terminal can, pixel by pixel: its parts beside or below each other, each
under a label; read beside the screen's thread.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static
from textual.worker import Worker

from vsrpp_core.errors import VsrppError
from vsrpp_tui.terminal.graphics import Graphics
from vsrpp_tui.widgets.pictures.canvas import PictureCanvas
from vsrpp_tui.widgets.pictures.half_cells import HALF_CELLS, half_cells
from vsrpp_tui.widgets.pictures.pixels import Placed, pixels

GAP = 2
"""Cells between two parts."""

WORTH_STACKING = 1.25
"""How much larger the parts have to be below each other: in a row they compare more easily."""

Parts = tuple[Image.Image, ...]
"""RGB, all of one size."""


@dataclass(frozen=True)
class Label:
    """Stands over a part; ``figure`` follows the word where there is room for it."""

    word: str
    style: str
    figure: str = ""

    def text(self, pane: int) -> str:
        """In the width of a part of ``pane`` cells and the gap after it."""
        word = self.word if len(self.word) <= pane else f"{self.word[: pane - 1]}…"
        text = f"{word} {self.figure}" if len(word) + 1 + len(self.figure) <= pane else word
        return f"{text:<{pane + GAP}}"[: pane + GAP]


@dataclass(frozen=True)
class PictureSource:
    """What to show. It is read again where ``path`` or ``version`` differs from what is shown."""

    path: Path
    version: object
    read: Callable[[Path], Parts] = field(compare=False)
    labels: tuple[Label, ...] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """The parts on one background: in a row, or in rows below each other, each with a line of cells above it."""

    image: Image.Image
    """Of whole cells."""
    pane: int
    """Cells of one part in width."""
    stacked: int = 0
    """Cells from the top of a row to that of the next one; 0 for a single row."""
    graphics: Graphics | None = None
    """What the image was arranged for; None is half cells."""
    columns: int = 1
    """Parts of a row, where there is more than one."""


class PictureView(Vertical):
    """Shows the picture it was given last, as soon as it is on the screen; the words ``empty`` before the first."""

    def __init__(self, empty: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._empty = Content.styled(empty, "$secondary")
        self._labels, self._canvas = Static(markup=False), PictureCanvas(self._empty)
        self._source: PictureSource | None = None
        self._requested: object = None
        """What is shown or being read: the source, the size and how it is drawn."""

    def compose(self) -> ComposeResult:
        yield self._labels
        yield self._canvas

    def show_picture(self, source: PictureSource) -> None:
        self._source = source
        self._load()

    def clear(self) -> None:
        """Show nothing, as at first."""
        if self._source:
            self._source = self._requested = None
            self._labels.update("")
            self._canvas.say(self._empty)

    def on_mount(self) -> None:
        self.watch(self.app, "graphics", self._load)

    def on_resize(self) -> None:
        self._load()

    def on_show(self) -> None:
        self._load()

    def _load(self) -> None:
        """Begin to read the source, unless that is what is shown already."""
        source, width, height = self._source, self.size.width, self.size.height - len(self.children) + 1
        graphics: Graphics | None = self.app.graphics  # type: ignore[attr-defined]  # of every RunApp
        requested = (source, width, height, graphics)
        if source is None or requested == self._requested or not (self.is_attached and self.is_on_screen):
            return
        if width <= 3 * GAP or height < 1:
            return
        self._requested = requested

        async def load() -> None:
            await self._read(source, width, height, graphics)

        _: Worker[None] = self.run_worker(load, exclusive=True)  # a function: one that is cancelled may never begin

    async def _read(self, source: PictureSource, width: int, height: int, graphics: Graphics | None) -> None:
        ground = self.background_colors[1].rgb
        try:
            sheet = await asyncio.to_thread(lambda: arranged(source.read(source.path), width, height, ground, graphics))
        except VsrppError as error:
            self.on_unreadable(error)
            return
        if source == self._source:  # else it was cleared meanwhile
            self.on_sheet(source, sheet)

    def on_sheet(self, source: PictureSource, sheet: Sheet) -> None:
        """Draw what was read."""
        placed = pixels(sheet.image, sheet.graphics) if sheet.graphics else Placed(half_cells(sheet.image))
        rows = placed.rows
        labels = [Content.styled(label.text(sheet.pane), label.style) for label in source.labels]
        for place in range(0, len(labels) if sheet.stacked else 0, sheet.columns):
            top = place // sheet.columns * sheet.stacked
            line = Content.assemble(*labels[place : place + sheet.columns])
            rows[top : top + 1] = self._canvas.strips(line)
        self._canvas.paint(placed)
        self._labels.update(Content("") if sheet.stacked else Content.assemble(*labels))

    def on_unreadable(self, error: VsrppError) -> None:
        """Keep the last picture: a job may have replaced the file before it was read."""


def arranged(
    parts: Sequence[Image.Image],
    width: int,
    height: int,
    background: tuple[int, int, int],
    graphics: Graphics | None = None,
) -> Sheet:
    """Pictures of one size within ``width`` × ``height`` cells, in a row unless they are much larger in several.

    In half cells, or as ``graphics`` shows them. Scaled down smoothly, scaled up by whole pixels: a detail shows what
    is in the file.
    """
    column, row = graphics.cell if graphics else HALF_CELLS
    first, count = parts[0], len(parts)

    def scale_in(columns: int) -> float:
        lines = -(-count // columns)
        high = height if lines == 1 else height // lines - 1
        return _scale(first, (width - (columns - 1) * GAP) // columns * column, high * row)

    best = max(range(1, count) if count > 3 else (1,), key=scale_in)
    columns = best if scale_in(best) > WORTH_STACKING * scale_in(count) else count
    scale, stacked = scale_in(columns), columns < count
    if graphics and scale > 1:
        scale = int(scale)  # in half cells a pixel may be a cell larger than its neighbour; among pixels it would show
    size = (max(int(first.width * scale), 1), max(int(first.height * scale) // 2 * 2, 2))
    method = Image.Resampling.NEAREST if scale >= 1 else Image.Resampling.LANCZOS
    pane, rows = -(-size[0] // column), -(-size[1] // row)
    across, down = pane + GAP, rows + stacked
    cells = (columns * across - GAP, -(-count // columns) * down)
    sheet = Image.new("RGB", (cells[0] * column, cells[1] * row), background)
    for place, part in enumerate(parts):
        x, y = place % columns * across, place // columns * down + stacked
        sheet.paste(part.resize(size, method), (x * column, y * row))
    return Sheet(sheet, pane, down if stacked else 0, graphics, columns)


def _scale(picture: Image.Image, width: int, height: int) -> float:
    """That at which ``picture`` fills ``width`` × ``height`` pixels."""
    return min(width / picture.width, height / picture.height)
