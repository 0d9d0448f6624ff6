"""The curves of the training screen: what each chart shows of RunState, and the widget that draws it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from vsrpp_core.adaptive.rate_plan import Course, RatePlan
from vsrpp_core.messages import events as ev
from vsrpp_core.run.config import ScheduleConfig
from vsrpp_tui.state.moments import Moment
from vsrpp_tui.state.run import RunState
from vsrpp_tui.state.series import Point, Series, smoothed
from vsrpp_tui.widgets.charts.plot import Curve, Frame, Plot
from vsrpp_tui.widgets.charts.zoom import Window, within

SMOOTHINGS = (1, 8, 24, 96)
"""Points of the running mean that may be chosen."""

RANGES = (0, 10_000, 2_000, 500)
"""Last steps that may be chosen; 0 is all."""

ROOM_FOR_PARTS = 18
"""Rows from which the loss chart shows the parts beside the total."""

PLAN_POINTS = 240


@dataclass(frozen=True, slots=True)
class Look:
    """How the user wants to see all charts."""

    logarithmic: bool = True
    """Of the loss and of the gradient."""
    smoothing: int = 24
    last_steps: int = 0
    window: Window | None = None
    """Steps chosen with the mouse or by keys, in place of the last ones."""
    moment: Moment | None = None
    """What was jumped to; all others are drawn too then."""

    def describe(self) -> str:
        """With the keys that change it."""
        return f"{self.describe_smoothed()} · {self.describe_range()}"

    def describe_smoothed(self) -> str:
        axis = "log" if self.logarithmic else "linear"
        mean = f"mean of {self.smoothing}" if self.smoothing > 1 else "not smoothed"
        return f"y {axis} · w {mean}"

    def describe_range(self) -> str:
        if self.window:
            return f"0 all · steps {self.window[0]:,.0f} to {self.window[1]:,.0f}"
        return f"r last {self.last_steps:,}" if self.last_steps else "r all steps"

    def at(self, moment: Moment, extent: Window | None) -> "Look":
        """With ``moment`` in sight: in the middle of as many steps, or among all. ``extent``: those of the curves."""
        if not self.window or not extent:
            return replace(self, moment=moment, last_steps=0)
        half = (self.window[1] - self.window[0]) / 2
        return replace(self, moment=moment, window=within((moment.step - half, moment.step + half), extent))

    def next_range(self) -> "Look":
        return replace(self, last_steps=_next(RANGES, self.last_steps), window=None)

    def next_smoothing(self) -> "Look":
        return replace(self, smoothing=_next(SMOOTHINGS, self.smoothing))

    def other_axis(self) -> "Look":
        return replace(self, logarithmic=not self.logarithmic)


def _next(choices: tuple[int, ...], now: int) -> int:
    return choices[(choices.index(now) + 1) % len(choices)]


class Chart(Plot):
    """Draws what its subclass makes of RunState. It costs milliseconds: once a second at most."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._shown: tuple[RunState, Look] = (RunState(), Look())
        self._drawn: object = None

    def on_resize(self) -> None:
        self.show(*self._shown)

    def show(self, state: RunState, look: Look) -> None:
        """Draw it where anything has changed."""
        self._shown = state, look
        if not self.is_attached or not self.size.area or not self.app.is_running:
            return
        curves, frame = self.curves(state, look), self.frame(state, look)
        if look.moment:
            frame = replace(frame, moments=state.moments, moment=look.moment)
        asked = curves, frame, look.window, self._own_y, self.size, self.app.theme
        if asked != self._drawn:
            self._drawn = asked
            self.draw(curves, frame, look.window or _range(curves, state, look))
            self.render()  # its canvases now, or they would cost the screen a turn of their own

    def curves(self, state: RunState, look: Look) -> list[Curve]:
        """What to draw, later ones on top."""
        raise NotImplementedError

    def frame(self, state: RunState, look: Look) -> Frame:
        return Frame()


def _range(curves: Sequence[Curve], state: RunState, look: Look) -> Window | None:
    """The last steps, from the first point among them."""
    if not look.last_steps:
        return None
    steps = [step for curve in curves for step, _ in curve.points if step >= state.current_step - look.last_steps]
    return (min(steps), max(steps)) if steps else None


def _shown(series: Series, state: RunState, look: Look) -> tuple[Point, ...]:
    """The curve; by single reports if they reach back to the steps shown."""
    if look.window:
        return series.reaching(look.window[0])
    return series.reaching(state.current_step - look.last_steps) if look.last_steps else series.points or series.recent


class LossChart(Chart):
    """Every report of the total faint and its running mean over it; where there is room also the means of its parts."""

    def curves(self, state: RunState, look: Look) -> list[Curve]:
        total = _shown(state.curves.loss_total, state, look)
        mean = Curve(smoothed(total, look.smoothing), "foreground", "total")
        parts = self._parts(state, look) if self.size.height >= ROOM_FOR_PARTS else []
        return [Curve(total, "chart-faint"), *parts, mean]

    def _parts(self, state: RunState, look: Look) -> list[Curve]:
        curves = state.curves
        named = (
            (curves.loss_l1, "chart-l1", "L1"),
            (curves.loss_ms, "chart-ms", "MS"),
            (curves.loss_grad, "chart-grad", "Grad"),
        )
        return [
            Curve(smoothed(_shown(series, state, look), look.smoothing), colour, label)
            for series, colour, label in named
        ]

    def frame(self, state: RunState, look: Look) -> Frame:
        return Frame(logarithmic=look.logarithmic)


class ValidationChart(Chart):
    """PSNR of KI over that of LR, dB."""

    def curves(self, state: RunState, look: Look) -> list[Curve]:
        low, high = (_shown(series, state, look) for series in (state.curves.lr_psnr, state.curves.ki_psnr))
        return [Curve(low, "chart-lr", "LR", dotted=True), Curve(high, "success", "KI")]


class WeightsChart(Chart):
    """The three loss weights and the sharpness that moves them; stretches of aggressive mode are shaded."""

    def curves(self, state: RunState, look: Look) -> list[Curve]:
        curves = state.curves
        sharpness = smoothed(_shown(curves.sharpness, state, look), look.smoothing)
        return [
            Curve(sharpness, "secondary", "sharp", dotted=True),
            Curve(_shown(curves.weight_ms, state, look), "chart-ms", "MS"),
            Curve(_shown(curves.weight_grad, state, look), "chart-grad", "Grad"),
            Curve(_shown(curves.weight_l1, state, look), "chart-l1", "L1"),
        ]

    def frame(self, state: RunState, look: Look) -> Frame:
        shaded = stretches(_shown(state.curves.aggressive, state, look))
        return Frame(low=0.0, high=1.0, shaded=shaded, shade_word="aggressive")


def stretches(points: Sequence[Point]) -> tuple[tuple[float, float], ...]:
    """First and last step of each stretch of points whose value is more than 0."""
    runs = [list(run) for on, run in groupby(points, key=lambda point: point[1] > 0) if on]
    return tuple((run[0][0], run[-1][0]) for run in runs)


class GradientChart(Chart):
    """The gradient's norm, and the clip norm above which it is scaled down."""

    def curves(self, state: RunState, look: Look) -> list[Curve]:
        norm = _shown(state.curves.gradient_norm, state, look)
        return [
            Curve(norm, "chart-faint"),
            Curve(smoothed(norm, look.smoothing), "primary", "norm"),
            Curve(_shown(state.curves.clip_norm, state, look), "foreground", "clip", dotted=True),
        ]

    def frame(self, state: RunState, look: Look) -> Frame:
        return Frame(logarithmic=look.logarithmic)


class RateChart(Chart):
    """The planned learning rate faint, the part already trained bright, and a mark at the current step."""

    def curves(self, state: RunState, look: Look) -> list[Curve]:
        gone = Curve(_shown(state.curves.learning_rate, state, look), "primary")
        if not state.started or (look.last_steps and not look.window):
            return [gone]
        plan = plan_of(state.started)
        planned = planned_rates(plan, state.lr_cut) if plan else []
        return [Curve(planned, "secondary", dotted=True), gone]

    def frame(self, state: RunState, look: Look) -> Frame:
        step = state.step
        return Frame(
            low=None if look.last_steps or look.window else 0.0, mark=(step.step, step.learning_rate) if step else None
        )


def plan_of(started: ev.SessionStarted) -> RatePlan | None:
    """The course of the rate; None if the session did not report it."""
    if not started.lr_max:
        return None
    config = ScheduleConfig(
        shape=started.rate_shape,
        decay=started.rate_decay,
        lr_max=started.lr_max,
        lr_min=started.lr_min,
        warmup_steps=started.warmup_steps,
        factor=started.schedule_factor,
    )
    course = Course(started.reentered_at, started.finish_from, started.planned_steps)
    return RatePlan(config, started.max_steps, course)


def planned_rates(plan: RatePlan, cut: float = 1.0) -> list[Point]:
    """The whole course with all cuts so far; of a run that was continued, from there on."""
    first, last = max(plan.course.reentered_at, 1), plan.max_steps
    steps = {first + round(i * (last - first) / PLAN_POINTS) for i in range(PLAN_POINTS + 1)}
    corners = {step for step in plan.corners() if first <= step <= last}
    return [(step, plan.config.factor * cut * plan.at(step)) for step in sorted(steps | corners)]


class SpeedChart(Chart):
    """Seconds per optimizer step."""

    def curves(self, state: RunState, look: Look) -> list[Curve]:
        seconds = _shown(state.curves.seconds_per_step, state, look)
        return [Curve(seconds, "chart-faint"), Curve(smoothed(seconds, look.smoothing), "primary", "s/iter")]

    def frame(self, state: RunState, look: Look) -> Frame:
        return Frame(low=0.0)
