"""The course of the learning rate if a question is answered so: what was, what was planned, and what would be."""

from collections.abc import Sequence

from vsrpp_tui.state.series import Point
from vsrpp_tui.widgets.charts.plot import Curve, Frame, Plot


class CourseChart(Plot):
    """Redrawn by ``show`` and when its size changes."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._courses: tuple[Sequence[Point], Sequence[Point], Sequence[Point], Point | None] = (), (), (), None

    def show(
        self, gone: Sequence[Point], planned: Sequence[Point], proposed: Sequence[Point], now: Point | None
    ) -> None:
        """Points are (step, rate). ``planned``: what happens without an answer; ``proposed``: with the one typed."""
        self._courses = gone, planned, proposed, now
        self._draw_courses()

    def on_resize(self) -> None:
        self._draw_courses()

    def _draw_courses(self) -> None:
        if not self.is_attached or not self.size.area:
            return
        gone, planned, proposed, now = self._courses
        curves = [Curve(planned, "secondary", dotted=True), Curve(gone, "primary"), Curve(proposed, "warning")]
        self.draw(curves, Frame(low=0.0, mark=now), None)
        self.render()
