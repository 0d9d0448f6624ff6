"""LR | KI | GT of the last validation or an earlier one, sample by sample, whole or a detail of it.

A whole picture in half cells is a thumbnail in which LR and KI look alike; the detail is cut out where the bicubic
picture misses most, which is where a network shows what it is worth.
"""

import math
from bisect import bisect_left
from functools import partial
from pathlib import Path

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from vsrpp_core.errors import VsrppError
from vsrpp_core.messages import events as ev
from vsrpp_core.run.pictures.comparison_picture import LABELS, most_different_window, read_parts
from vsrpp_tui.state.run import RunState
from vsrpp_tui.widgets.pictures.picture_view import Label, Parts, PictureSource, PictureView, Sheet
from vsrpp_tui.widgets.text import decibels

STYLES = ("$chart-lr", "bold $success", "$accent")
ZOOMS = (1, 2, 4, 8)

LAST = math.inf
"""In place of a step: that of the last validation, whichever that is."""

NONE_YET = "no pictures yet; each validation makes some"


class ComparisonView(PictureView):
    """Steps through the pictures of a run, and zooms into them."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(NONE_YET, id=id)
        self._caption = Static(markup=False)
        self._pictures: tuple[ev.ComparisonWritten, ...] = ()
        self._kept: tuple[ev.ComparisonWritten, ...] = ()
        self._step = LAST
        """Of the validation that is looked back at."""
        self._run = Path()
        self._index, self._zoom = 0, ZOOMS[0]

    def compose(self) -> ComposeResult:
        yield self._caption
        yield from super().compose()

    @property
    def title(self) -> str:
        count = len(self._pictures)
        return f"Pictures · {self._index % count + 1} of {count}" if count else "Pictures"

    @property
    def keys(self) -> str:
        if not self._pictures:
            return ""
        back = "[ ] step · " if len(self._course) > 1 else ""
        return f"← → sample · {back}+ − detail {self._zoom}×"

    def show(self, state: RunState) -> None:
        self._pictures, self._kept = state.pictures, state.kept_pictures
        self._run = Path(state.started.run) if state.started else Path()
        self._show_chosen()

    def step(self, by: int) -> None:
        """To the next picture or back, round and round."""
        if self._pictures:
            self._index = (self._index + by) % len(self._pictures)
            self._show_chosen()

    def look_back(self, by: int) -> None:
        """To the picture of a validation before or after; from the last one on it follows the training again."""
        course = self._course
        if course and self._chosen:
            steps = [picture.step for picture in course]
            place = min(max(bisect_left(steps, self._chosen.step) + by, 0), len(steps) - 1)
            self._step = LAST if place == len(steps) - 1 else steps[place]
            self._show_chosen()

    def zoom(self, by: int) -> None:
        self._zoom = ZOOMS[min(max(ZOOMS.index(self._zoom) + by, 0), len(ZOOMS) - 1)]
        self._show_chosen()

    def clear(self) -> None:
        super().clear()
        self._caption.update("")

    @property
    def _chosen(self) -> ev.ComparisonWritten | None:
        """Where the step that was looked at is thinned out, the one before it."""
        if not self._pictures:
            return None
        last = self._pictures[self._index % len(self._pictures)]
        until = [picture for picture in self._course if picture.step <= self._step]
        return last if self._step == LAST else (until or self._course or [last])[-1 if until else 0]

    @property
    def _course(self) -> list[ev.ComparisonWritten]:
        """All pictures of this sample that are kept, by step."""
        last = self._pictures[self._index % len(self._pictures)]
        return [picture for picture in self._kept if picture.sample == last.sample]

    def _show_chosen(self) -> None:
        """A validation overwrites the last files, so a picture is named by its step as well."""
        picture = self._chosen
        if picture is None:
            self.clear()
            return
        figures = (decibels(picture.lr_psnr), decibels(picture.ki_psnr), "")
        labels = tuple(map(Label, LABELS, STYLES, figures))
        read = partial(read_detail, zoom=self._zoom)
        path = self._run / (picture.path if self._step == LAST else picture.kept or picture.path)
        self.show_picture(PictureSource(path, (picture, self._zoom), read, labels))

    def on_sheet(self, source: PictureSource, sheet: Sheet) -> None:
        super().on_sheet(source, sheet)
        if self._chosen:
            course = self._course
            back = self._step != LAST and self._chosen in course
            place = f" ({course.index(self._chosen) + 1} of {len(course)})" if back else ""
            self._caption.update(_caption(self._chosen, place, self._zoom, self.size.width))

    def on_unreadable(self, error: VsrppError) -> None:
        self._caption.update("")
        self._labels.update("")
        self._canvas.say(Content.styled(str(error), "$warning"))


def _caption(picture: ev.ComparisonWritten, place: str, zoom: int, width: int) -> Content:
    what = "whole" if zoom == 1 else f"detail {zoom}×, where LR misses most"
    words = f"step {picture.step:,}{place} · {what}"
    name = Content(picture.sample).truncate(max(width - len(words) - 3, 8), ellipsis=True)
    return Content.assemble((name.plain, "bold"), (f"   {words}", "$secondary"))


def read_detail(path: Path, zoom: int) -> Parts:
    """LR, KI and GT, of each the ``zoom``-th part a side where LR misses most. Raises VsrppError."""
    lr, ki, ground_truth = read_parts(path)
    window = most_different_window(lr, ground_truth, max(lr.width // zoom, 1), max(lr.height // zoom, 1))
    return lr.crop(window), ki.crop(window), ground_truth.crop(window)
