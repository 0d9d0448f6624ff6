"""LR | KI | GT of the last validation or an earlier one, sample by sample, whole or a detail of it.

A whole picture in half cells is a thumbnail in which LR and KI look alike; the detail is cut out where the bicubic
picture misses most, which is where a network shows what it is worth.
"""

from functools import partial
from pathlib import Path

from vsrpp_core.messages import events as ev
from vsrpp_core.run.pictures.comparison_picture import LABELS, most_different_window, read_parts
from vsrpp_tui.state.run import RunState
from vsrpp_tui.widgets.pictures.picture_view import Label, Parts, PictureSource
from vsrpp_tui.widgets.pictures.sample_view import LAST, SampleView
from vsrpp_tui.widgets.text import decibels

STYLES = ("$chart-lr", "bold $success", "$accent")


class ComparisonView(SampleView):
    """The pictures of one run."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._pictures: tuple[ev.ComparisonWritten, ...] = ()
        self._kept: tuple[ev.ComparisonWritten, ...] = ()
        self._run = Path()

    def show(self, state: RunState) -> None:
        self._pictures, self._kept = state.pictures, state.kept_pictures
        self._run = Path(state.started.run) if state.started else Path()
        self.show_chosen()

    @property
    def samples(self) -> list[str]:
        return [picture.sample for picture in self._pictures]

    @property
    def steps(self) -> list[int]:
        return [picture.step for picture in self._course]

    @property
    def chosen_step(self) -> int:
        return self._chosen.step if self._chosen else 0

    @property
    def _chosen(self) -> ev.ComparisonWritten | None:
        """Where the step that was looked at is thinned out, the one before it."""
        if not self._pictures:
            return None
        last = self._pictures[self.place]
        until = [picture for picture in self._course if picture.step <= self.step]
        return last if self.step == LAST else (until or self._course or [last])[-1 if until else 0]

    @property
    def _course(self) -> list[ev.ComparisonWritten]:
        """All pictures of this sample that are kept, by step."""
        return [picture for picture in self._kept if picture.sample == self.sample]

    def show_chosen(self) -> None:
        """A validation overwrites the last files, so a picture is named by its step as well."""
        picture = self._chosen
        if picture is None:
            self.clear()
            return
        figures = (decibels(picture.lr_psnr), decibels(picture.ki_psnr), "")
        labels = tuple(map(Label, LABELS, STYLES, figures))
        read = partial(read_detail, zoom=self.zoom)
        path = self._run / (picture.path if self.step == LAST else picture.kept or picture.path)
        self.show_picture(PictureSource(path, (picture, self.zoom), read, labels))

    def words(self) -> str:
        course = self._course
        back = self.step != LAST and self._chosen in course
        place = f" ({course.index(self._chosen) + 1} of {len(course)})" if self._chosen and back else ""
        return f"step {self.chosen_step:,}{place}"


def read_detail(path: Path, zoom: int) -> Parts:
    """LR, KI and GT, of each the ``zoom``-th part a side where LR misses most. Raises VsrppError."""
    lr, ki, ground_truth = read_parts(path)
    window = most_different_window(lr, ground_truth, max(lr.width // zoom, 1), max(lr.height // zoom, 1))
    return lr.crop(window), ki.crop(window), ground_truth.crop(window)
