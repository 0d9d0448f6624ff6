"""One picture file as half cells: two or more parts beside each other, or one; read beside the screen's thread."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static
from textual.worker import Worker

from vsrpp_core.errors import VsrppError
from vsrpp_tui.widgets.pictures.comparison import GAP, Sheet, beside
from vsrpp_tui.widgets.pictures.half_cells import Canvas, half_cells

Parts = tuple[Image.Image, ...]


@dataclass(frozen=True)
class Shown:
    """``version`` changes when the file was written anew; ``labels`` are words with their style, one a part."""

    path: Path
    version: object
    read: Callable[[Path], Parts]
    labels: tuple[tuple[str, str], ...] = ()
    caption: str = ""


class PictureView(Vertical):
    """Keeps the last picture it could read: the next one's file may be gone before it is looked at."""

    def __init__(self, empty: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._labels, self._view = Static(markup=False), Canvas(empty)
        self._shown: Shown | None = None
        self._parts: Parts = ()
        self._wanted: object = None

    def compose(self) -> ComposeResult:
        yield self._labels
        yield self._view

    def show(self, shown: Shown) -> None:
        self._shown = shown
        self._load()

    def on_resize(self) -> None:
        self._load()

    def _load(self) -> None:
        width, height = self.size.width, self.size.height - 1
        wanted = (self._shown, width, height)
        if self._shown is None or wanted == self._wanted or width <= 2 * GAP or height < 1 or not self.is_attached:
            return
        self._wanted = wanted
        shown = self._shown

        async def draw() -> None:
            await self._draw(shown, width, height)

        _: Worker[None] = self.run_worker(draw, exclusive=True)

    async def _draw(self, shown: Shown, width: int, height: int) -> None:
        background = self.background_colors[1].rgb
        try:
            sheet = await asyncio.to_thread(_sheet, shown, width, height, background)
        except VsrppError:
            return
        self._view.paint(half_cells(sheet.image))
        cells = [(f"{word:<{sheet.pane + GAP}}"[: sheet.pane + GAP], style) for word, style in shown.labels]
        used = (sheet.pane + GAP) * len(shown.labels)
        caption = Content(shown.caption).truncate(max(width - used, 0)).plain
        self._labels.update(Content.assemble(*cells, (caption, "$secondary")))


def _sheet(shown: Shown, width: int, height: int, background: tuple[int, int, int]) -> Sheet:
    return beside(shown.read(shown.path), width, height, background)
