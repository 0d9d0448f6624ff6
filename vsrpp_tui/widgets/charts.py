"""The curves: loss on a logarithmic axis, and validation PSNR of KI over LR."""

import math
from collections.abc import Sequence

from textual_hires_canvas import HiResMode
from textual_plot import NumericAxisFormatter, PlotWidget

from vsrpp_tui.state import RunState
from vsrpp_tui.widgets.figures import decimate

Points = Sequence[tuple[float, float]]


class LogAxis(NumericAxisFormatter):
    """Ticks at round values for an axis of decimal logarithms."""

    ROUND = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)
    MOST = 7

    def get_ticks(self, min_: float, max_: float, max_ticks: int = 8) -> list[float]:
        decades = range(math.floor(min_), math.ceil(max_) + 1)
        ticks = [decade + math.log10(value) for decade in decades for value in self.ROUND]
        seen = [tick for tick in ticks if min_ <= tick <= max_]
        return seen[:: -(-len(seen) // self.MOST)] if seen else []

    def get_labels_for_ticks(self, ticks: Sequence[float]) -> list[str]:
        return [f"{10**tick:.2g}" for tick in ticks]


class StepAxis(NumericAxisFormatter):
    """Steps, shortened to thousands where they are large."""

    def get_labels_for_ticks(self, ticks: Sequence[float]) -> list[str]:
        return [_steps(tick) for tick in ticks]


def _steps(tick: float) -> str:
    if tick != round(tick):
        return ""  # between two steps there is nothing
    return f"{tick / 1000:g}k" if abs(tick) >= 10_000 else f"{tick:.0f}"


class Chart(PlotWidget):
    """Curves of RunState; hidden while there is nothing to draw. Arrows and +/- pan and zoom, r resets."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.set_x_formatter(StepAxis())
        self._state = RunState()

    def on_mount(self) -> None:
        self.margin_top, self.margin_bottom, self.margin_left = 0, 1, 9

    def on_resize(self) -> None:
        self.show(self._state)

    def show(self, state: RunState) -> None:
        """Draw ``state``, each curve decimated to twice the width: a chart costs by the point."""
        self._state = state
        curves = [(points, colour) for points, colour in self.curves(state) if len(points) >= 2]
        self.set_class(not curves, "-empty")
        if not (curves and self.display and self.size.width):
            return
        self.clear()
        for points, colour in curves:
            steps, values = zip(*decimate(points, 2 * self.size.width), strict=True)
            style = self.app.get_css_variables()[colour]
            self.plot(steps, values, line_style=style, hires_mode=HiResMode.BRAILLE)
        self._keep_off_the_frame([point for points, _ in curves for point in points])

    def curves(self, state: RunState) -> list[tuple[Points, str]]:
        """Points (step, value), and the theme's name of their colour; later ones lie on top."""
        raise NotImplementedError

    def _keep_off_the_frame(self, points: Points) -> None:
        """Widen the axis by two unseen points, or a flat curve lies on the frame; limits would undo the user's zoom."""
        steps, values = zip(*points, strict=True)
        edge = 0.06 * (max(values) - min(values)) or 0.05
        self.scatter((min(steps),) * 2, (min(values) - edge, max(values) + edge), marker=" ")


class LossChart(Chart):
    """Every report faint, the running mean over it; logarithmic."""

    SMOOTHED = 24

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.set_y_formatter(LogAxis())

    def curves(self, state: RunState) -> list[tuple[Points, str]]:
        smoothed = state.loss.smoothed(self.SMOOTHED)
        return [(_logarithmic(state.loss.points), "chart-faint"), (_logarithmic(smoothed), "primary")]


class ValidationChart(Chart):
    """KI in green over LR in grey, dB."""

    def curves(self, state: RunState) -> list[tuple[Points, str]]:
        return [(state.lr_psnr.points, "chart-lr"), (state.ki_psnr.points, "success")]


def _logarithmic(points: Points) -> list[tuple[float, float]]:
    return [(step, math.log10(value)) for step, value in points if value > 0]
