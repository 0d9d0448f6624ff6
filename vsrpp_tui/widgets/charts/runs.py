"""The validations of several runs in one chart, a curve each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from vsrpp_core.report.comparison import Point as Validation
from vsrpp_tui.state.compared import ComparedRun
from vsrpp_tui.widgets.charts.plot import Curve, Frame, Plot
from vsrpp_tui.widgets.charts.zoom import Window

Figure = Literal["gain", "psnr", "ssim"]
FIGURES: dict[Figure, str] = {"gain": "dB over LR", "psnr": "PSNR, dB", "ssim": "SSIM"}

LEAST_NAME, NAME_SHARE = 6, 6
"""Cells that a name at a curve's end has at least, and the part of the chart that it has at most."""


@dataclass(frozen=True, slots=True)
class RunsLook:
    """Which figure, and over what."""

    figure: Figure = "gain"
    by_time: bool = False
    """Over the hours that were worked instead of steps."""
    window: Window | None = None
    """Steps or seconds chosen with the mouse or by keys; None is all."""

    def next_figure(self) -> "RunsLook":
        names = list(FIGURES)
        return replace(self, figure=names[(names.index(self.figure) + 1) % len(names)])

    def other_axis(self) -> "RunsLook":
        return replace(self, by_time=not self.by_time, window=None)

    def describe(self) -> str:
        """With the keys that change it."""
        return f"{'0 all · ' if self.window else ''}y {FIGURES[self.figure]} · t {'time' if self.by_time else 'steps'}"


class RunsChart(Plot):
    """Redrawn by ``show`` where anything differs, and when its size changes."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._shown: tuple[tuple[ComparedRun, ...], RunsLook] = (), RunsLook()
        self._drawn: object = None

    def show(self, runs: Sequence[ComparedRun], look: RunsLook) -> None:
        self._shown = tuple(runs), look
        if not self.is_attached or not self.size.area:
            return
        curves = [self._curve(run, look) for run in runs if run.course]
        asked = curves, look, self._own_y, self.size, self.app.theme
        if asked != self._drawn:
            self._drawn = asked
            self.draw(curves, Frame(of_time=look.by_time), look.window)
            self.render()

    def on_resize(self) -> None:
        self.show(*self._shown)

    def _curve(self, run: ComparedRun, look: RunsLook) -> Curve:
        points = run.course.points if run.course else ()
        width = max(self.size.width // NAME_SHARE, LEAST_NAME)
        name = run.name if len(run.name) <= width else f"{run.name[: width - 1]}…"
        return Curve([(_place(point, look), getattr(point, look.figure)) for point in points], run.colour, name)


def _place(point: Validation, look: RunsLook) -> float:
    return 3600 * point.hours if look.by_time else float(point.step)
