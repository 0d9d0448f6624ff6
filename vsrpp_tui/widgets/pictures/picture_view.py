"""A picture file as half cells: its parts beside or below each other, each under a label; read beside the screen's
thread.
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
from vsrpp_tui.widgets.pictures.half_cells import Canvas, half_cells

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
        text = f"{self.word} {self.figure}" if len(self.figure) + 3 <= pane else self.word
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
    """The parts on one background: beside each other, or below each other, each with a line of cells above it."""

    image: Image.Image
    pane: int
    """Cells of one part in width."""
    stacked: int = 0
    """Cells from the top of a part to that of the next one; 0 where they are beside each other."""


class PictureView(Vertical):
    """Shows the picture it was given last, as soon as it is on the screen; the words ``empty`` before the first."""

    def __init__(self, empty: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._empty = Content.styled(empty, "$secondary")
        self._labels, self._canvas = Static(markup=False), Canvas(self._empty)
        self._source: PictureSource | None = None
        self._requested: object = None
        """What is shown or being read: the source and the size."""

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

    def on_resize(self) -> None:
        self._load()

    def on_show(self) -> None:
        self._load()

    def _load(self) -> None:
        """Begin to read the source, unless that is what is shown already."""
        source, width, height = self._source, self.size.width, self.size.height - len(self.children) + 1
        requested = (source, width, height)
        if source is None or requested == self._requested or not (self.is_attached and self.is_on_screen):
            return
        if width <= 3 * GAP or height < 1:
            return
        self._requested = requested

        async def load() -> None:
            await self._read(source, width, height)

        _: Worker[None] = self.run_worker(load, exclusive=True)  # a function: one that is cancelled may never begin

    async def _read(self, source: PictureSource, width: int, height: int) -> None:
        background = self.background_colors[1].rgb
        try:
            sheet = await asyncio.to_thread(lambda: arranged(source.read(source.path), width, height, background))
        except VsrppError as error:
            self.on_unreadable(error)
            return
        if source == self._source:  # else it was cleared meanwhile
            self.on_sheet(source, sheet)

    def on_sheet(self, source: PictureSource, sheet: Sheet) -> None:
        """Draw what was read."""
        rows = half_cells(sheet.image)
        labels = [Content.styled(label.text(sheet.pane), label.style) for label in source.labels]
        for place, label in enumerate(labels if sheet.stacked else ()):
            rows[place * sheet.stacked : place * sheet.stacked + 1] = self._canvas.strips(label)
        self._canvas.paint(rows)
        self._labels.update(Content("") if sheet.stacked else Content.assemble(*labels))

    def on_unreadable(self, error: VsrppError) -> None:
        """Keep the last picture: a job may have replaced the file before it was read."""


def arranged(parts: Sequence[Image.Image], width: int, height: int, background: tuple[int, int, int]) -> Sheet:
    """Pictures of one size within ``width`` × ``height`` cells, beside each other unless they are much larger below.

    Scaled down smoothly, scaled up by whole pixels: a detail shows what is in the file.
    """
    first, count = parts[0], len(parts)
    beside = _scale(first, (width - (count - 1) * GAP) // count, height)
    below = _scale(first, width, height // count - 1)
    scale, stacked = (below, True) if below > WORTH_STACKING * beside else (beside, False)
    size = (max(int(first.width * scale), 1), max(int(first.height * scale) // 2 * 2, 2))
    method = Image.Resampling.NEAREST if scale >= 1 else Image.Resampling.LANCZOS
    across, down = (0, size[1] + 2) if stacked else (size[0] + GAP, 0)
    sheet = Image.new("RGB", ((count - 1) * across + size[0], count * down or size[1]), background)
    for place, part in enumerate(parts):
        sheet.paste(part.resize(size, method), (place * across, place * down + 2 * stacked))
    return Sheet(sheet, size[0], down // 2)


def _scale(picture: Image.Image, width: int, height: int) -> float:
    """That at which ``picture`` fills ``width`` × ``height`` cells."""
    return min(width / picture.width, 2 * height / picture.height)
