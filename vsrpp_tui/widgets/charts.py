"""The curves: loss on a logarithmic axis, and validation PSNR of KI over LR."""

import math
from collections.abc import Sequence

from textual_hires_canvas import HiResMode
from textual_plot import NumericAxisFormatter, PlotWidget

from vsrpp_tui.state import RunState
from vsrpp_tui.widgets.figures import decimate

Points = Sequence[tuple[float, float]]


class LogAxis(NumericAxisFormatter):
    """Labels for values plotted as their decimal logarithm."""

    def get_labels_for_ticks(self, ticks: Sequence[float]) -> list[str]:
        return [f"{10**tick:.2g}" for tick in ticks]


class StepAxis(NumericAxisFormatter):
    """Steps, shortened to thousands where they are large."""

    def get_labels_for_ticks(self, ticks: Sequence[float]) -> list[str]:
        return [f"{tick / 1000:g}k" if abs(tick) >= 10_000 else f"{tick:g}" for tick in ticks]


class Chart(PlotWidget):
    """A chart that redraws only when it is seen; arrows and +/- pan and zoom, r resets."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.set_x_formatter(StepAxis())

    def on_mount(self) -> None:
        self.margin_top, self.margin_bottom, self.margin_left = 0, 1, 9

    def show(self, state: RunState) -> None:
        if not self.display or not self.size.width:
            return
        self.clear()
        self.draw(state)
        self.styles.visibility = "visible" if self._datasets else "hidden"  # empty axes would only be noise

    def draw(self, state: RunState) -> None:
        """Add the curves of ``state``."""
        raise NotImplementedError

    def curve(self, points: Points, colour: str) -> None:
        """One line in a colour of the theme, decimated to twice the width."""
        shown = decimate(points, 2 * max(self.size.width, 1))
        if len(shown) >= 2:
            steps, values = zip(*shown, strict=True)
            style = self.app.get_css_variables()[colour]
            self.plot(steps, values, line_style=style, hires_mode=HiResMode.BRAILLE)


class LossChart(Chart):
    """Every report faint, the running mean over it."""

    SMOOTHED = 24

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.set_y_formatter(LogAxis())

    def draw(self, state: RunState) -> None:
        self.curve(_logarithmic(state.loss.points), "chart-faint")
        self.curve(_logarithmic(state.loss.smoothed(self.SMOOTHED)), "primary")


class ValidationChart(Chart):
    """KI in green over LR in grey, dB."""

    def draw(self, state: RunState) -> None:
        self.curve(state.lr_psnr.points, "chart-lr")
        self.curve(state.ki_psnr.points, "success")


def _logarithmic(points: Points) -> list[tuple[float, float]]:
    return [(step, math.log10(value)) for step, value in points if value > 0]
