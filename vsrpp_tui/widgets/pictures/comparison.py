"""LR | KI | GT of the last validation, sample by sample, whole or a detail of it.

A whole picture in half cells is a thumbnail in which LR and KI look alike; the detail is cut out where the bicubic
picture misses most, which is where a network shows what it is worth.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageChops
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from vsrpp_core.errors import VsrppError
from vsrpp_core.messages import events as ev
from vsrpp_core.run.comparison import LABELS, read_parts
from vsrpp_tui.state.run import RunState
from vsrpp_tui.widgets.pictures.half_cells import Canvas, half_cells
from vsrpp_tui.widgets.text import decibels

GAP = 2
"""Cells between two pictures."""

STYLES = ("$chart-lr", "bold $success", "$accent")
ZOOMS = (1, 2, 4, 8)
GRID = 24
"""The detail is looked for among so many places a side."""

NONE_YET = "no pictures yet; each validation makes some"


@dataclass(frozen=True, slots=True)
class Sheet:
    """What fits on the screen: the three pictures beside each other on ``background``."""

    image: Image.Image
    pane: int
    """Cells of one picture."""


class Pictures(Vertical):
    """Steps through the pictures; reads and scales them beside the screen's thread."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._caption, self._labels = Static(markup=False), Static(markup=False)
        self._view = Canvas(NONE_YET)
        self._pictures: tuple[ev.ComparisonWritten, ...] = ()
        self._run = Path()
        self._index, self._zoom = 0, ZOOMS[0]
        self._wanted: object = None
        """What is shown or on its way: the picture, the zoom and the size."""

    def compose(self) -> ComposeResult:
        yield self._caption
        yield self._labels
        yield self._view

    @property
    def title(self) -> str:
        count = len(self._pictures)
        return f"Pictures · {self._index % count + 1} of {count}" if count else "Pictures"

    @property
    def keys(self) -> str:
        return f"← → sample · + − detail {self._zoom}×" if self._pictures else ""

    def show(self, state: RunState) -> None:
        self._pictures = state.pictures
        self._run = Path(state.started.run) if state.started else Path()
        self._load_when_changed()

    def step(self, by: int) -> None:
        """To the next picture or back, round and round."""
        if self._pictures:
            self._index = (self._index + by) % len(self._pictures)
            self._load_when_changed()

    def zoom(self, by: int) -> None:
        place = min(max(ZOOMS.index(self._zoom) + by, 0), len(ZOOMS) - 1)
        self._zoom = ZOOMS[place]
        self._load_when_changed()

    def on_resize(self) -> None:
        self._load_when_changed()

    def on_show(self) -> None:
        self._load_when_changed()

    def _load_when_changed(self) -> None:
        """A validation overwrites the files, so a picture is named by its step as well."""
        if not self.is_attached or not self.is_on_screen:
            return
        if not self._pictures:
            self._tell(NONE_YET)
            return
        picture = self._pictures[self._index % len(self._pictures)]
        width, height = self.size.width, self.size.height - 2
        wanted = (picture, self._zoom, width, height)
        if wanted != self._wanted and width > 3 * GAP and height > 0:
            self._wanted = wanted
            self.run_worker(self._load(picture, self._zoom, width, height), exclusive=True)

    async def _load(self, picture: ev.ComparisonWritten, zoom: int, width: int, height: int) -> None:
        background = self.background_colors[1].rgb
        try:
            sheet = await asyncio.to_thread(_read, self._run / picture.path, zoom, width, height, background)
        except VsrppError as error:
            self._tell(str(error))
            return
        self._view.paint(half_cells(sheet.image))
        self._caption.update(_caption(picture, zoom, width))
        self._labels.update(_labels(picture, sheet.pane))

    def _tell(self, words: str) -> None:
        self._caption.update("")
        self._labels.update("")
        self._view.say(Content.styled(words, "$secondary" if words == NONE_YET else "$warning"))
        if words == NONE_YET:
            self._wanted = None


def _read(path: Path, zoom: int, width: int, height: int, background: tuple[int, int, int]) -> Sheet:
    return sheet_of(read_parts(path), zoom, width, height, background)


def sheet_of(
    parts: Sequence[Image.Image], zoom: int, width: int, height: int, background: tuple[int, int, int]
) -> Sheet:
    """LR, KI and GT, equal in size, within ``width`` × ``height`` cells; of each the ``zoom``-th part a side.

    Scaled down smoothly, scaled up by whole pixels: a detail shows what is in the file.
    """
    lr, _, ground_truth = parts
    window = _detail(lr, ground_truth, zoom)
    return beside([part.crop(window) for part in parts], width, height, background)


def beside(parts: Sequence[Image.Image], width: int, height: int, background: tuple[int, int, int]) -> Sheet:
    """Pictures of one size beside each other within ``width`` × ``height`` cells, scaled as ``sheet_of`` says."""
    first = parts[0]
    room = (width - (len(parts) - 1) * GAP) // len(parts)
    scale = min(room / first.width, 2 * height / first.height)
    size = (max(int(first.width * scale), 1), max(int(first.height * scale) // 2 * 2, 2))
    method = Image.Resampling.NEAREST if scale >= 1 else Image.Resampling.LANCZOS
    sheet = Image.new("RGB", (len(parts) * (size[0] + GAP) - GAP, size[1]), background)
    for place, part in enumerate(parts):
        sheet.paste(part.resize(size, method), (place * (size[0] + GAP), 0))
    return Sheet(sheet, size[0])


def _detail(lr: Image.Image, ground_truth: Image.Image, zoom: int) -> tuple[int, int, int, int]:
    """The window of the ``zoom``-th part a side where LR misses most, as Pillow's crop takes it."""
    width, height = max(lr.width // zoom, 1), max(lr.height // zoom, 1)
    if zoom == 1:
        return 0, 0, lr.width, lr.height
    missed = ImageChops.difference(lr, ground_truth).convert("L").resize((GRID, GRID), Image.Resampling.BOX)
    values = missed.tobytes()
    place = values.index(max(values))
    centre_x, centre_y = (place % GRID + 0.5) * lr.width / GRID, (place // GRID + 0.5) * lr.height / GRID
    left = min(max(round(centre_x - width / 2), 0), lr.width - width)
    top = min(max(round(centre_y - height / 2), 0), lr.height - height)
    return left, top, left + width, top + height


def _caption(picture: ev.ComparisonWritten, zoom: int, width: int) -> Content:
    what = "whole" if zoom == 1 else f"detail {zoom}×, where LR misses most"
    words = f"step {picture.step:,} · {what}"
    name = Content(picture.sample).truncate(max(width - len(words) - 3, 8), ellipsis=True)
    return Content.assemble((name.plain, "bold"), (f"   {words}", "$secondary"))


def _labels(picture: ev.ComparisonWritten, pane: int) -> Content:
    """A word over each picture, with its PSNR where it has one and there is room."""
    figures = (decibels(picture.lr_psnr), decibels(picture.ki_psnr), "")
    words = [
        f"{name} {figure}" if len(figure) + 3 <= pane else name for name, figure in zip(LABELS, figures, strict=True)
    ]
    cells = [(f"{word:<{pane + GAP}}"[: pane + GAP], style) for word, style in zip(words, STYLES, strict=True)]
    return Content.assemble(*cells)
