"""The same sample of a validation as each of several runs has made it, beside LR and GT."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from vsrpp_core.errors import VsrppError
from vsrpp_core.messages import events as ev
from vsrpp_core.run.pictures.comparison_picture import LABELS, most_different_window, read_parts
from vsrpp_tui.state.compared import ComparedRun
from vsrpp_tui.widgets.pictures.comparison import STYLES
from vsrpp_tui.widgets.pictures.picture_view import Label, Parts, PictureSource
from vsrpp_tui.widgets.pictures.sample_view import LAST, SampleView
from vsrpp_tui.widgets.text import decibels

Made = tuple[ComparedRun, ev.ComparisonWritten]


class RunsView(SampleView):
    """Looks at all runs at one step: of each it shows the newest picture until then."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._runs: tuple[ComparedRun, ...] = ()

    def show(self, runs: Sequence[ComparedRun]) -> None:
        self._runs = tuple(runs)
        self.show_chosen()

    @property
    def samples(self) -> list[str]:
        """Those of which more than one run has a picture."""
        names = [picture.sample for run in self._runs for picture in run.pictures]
        return [name for name in dict.fromkeys(names) if names.count(name) > 1]

    @property
    def steps(self) -> list[int]:
        kept = (picture for run in self._runs for picture in run.kept if picture.sample == self.sample)
        return sorted({picture.step for picture in kept})

    @property
    def chosen_step(self) -> int:
        return max((picture.step for _, picture in self._made()), default=0)

    def _made(self) -> list[Made]:
        found = []
        for run in self._runs:
            of_sample = [picture for picture in run.pictures if picture.sample == self.sample]
            if self.step != LAST:
                of_sample = [p for p in run.kept if p.sample == self.sample and p.step <= self.step]
            found += [(run, of_sample[-1])] if of_sample else []
        return found

    def show_chosen(self) -> None:
        made = self._made()
        if not made:
            self.clear()
            return
        paths = [run.path / (picture.path if self.step == LAST else picture.kept) for run, picture in made]
        low, _, truth = LABELS
        labels = (
            Label(low, STYLES[0], decibels(made[0][1].lr_psnr)),
            *(Label(run.name, f"bold ${run.colour}", decibels(picture.ki_psnr)) for run, picture in made),
            Label(truth, STYLES[2]),
        )
        version = tuple(picture for _, picture in made), tuple(paths), self.zoom
        self.show_picture(PictureSource(paths[0], version, partial(read_runs, paths=paths, zoom=self.zoom), labels))

    def words(self) -> str:
        steps = [f"{picture.step:,}" for _, picture in self._made()]
        return f"step {steps[0]}" if len(set(steps)) == 1 else f"steps {' · '.join(steps)}"


def read_runs(path: Path, paths: Sequence[Path], zoom: int) -> Parts:
    """LR, the picture of each of ``paths``, and GT, cut as those of one run are; ``path`` is the first of them.

    Raises VsrppError where one cannot be read, or is of another size than the first.
    """
    sheets = [read_parts(each) for each in paths]
    lr, _, truth = sheets[0]
    for each, (_, made, _) in zip(paths, sheets, strict=True):
        if made.size != lr.size:
            raise VsrppError(f"{each} is of another size than {path}; compare runs of one dataset to see pictures")
    window = most_different_window(lr, truth, max(lr.width // zoom, 1), max(lr.height // zoom, 1))
    return tuple(part.crop(window) for part in (lr, *(made for _, made, _ in sheets), truth))
