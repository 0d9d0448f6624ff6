"""Curves of bounded length: for days of reports, the whole course merged and the latest reports in full.

Apart from run.py, which says what an event changes; this says how a figure is stored. Pure as well.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace

from vsrpp_core.messages import events as ev

Point = tuple[float, float]

SERIES_LIMIT = 512
TREND_WINDOW = 50
"""Points on either side that a trend compares."""


@dataclass(frozen=True, slots=True)
class Series:
    """A curve of bounded length: once full, neighbours are merged, so each point covers twice as many reports."""

    points: tuple[Point, ...] = ()
    """(step, value), oldest first; the mean of ``stride`` reports each."""
    stride: int = 1
    pending: tuple[Point, ...] = ()
    recent: tuple[Point, ...] = ()
    """The last reports as they came, for a close look at the end of the curve."""

    def add(self, step: float, value: float) -> "Series":
        """With one more report; values that are not finite are skipped."""
        if not math.isfinite(value):
            return self
        recent = self.recent[1 - SERIES_LIMIT :] + ((step, value),)  # noqa: RUF005  one copy less, at every report
        pending = (*self.pending, (step, value))
        if len(pending) < self.stride:
            return Series(self.points, self.stride, pending, recent)
        points = (*self.points, _mean_point(pending))
        if len(points) < SERIES_LIMIT:
            return Series(points, self.stride, (), recent)
        merged = tuple(_mean_point(points[i : i + 2]) for i in range(0, len(points), 2))
        return Series(merged, 2 * self.stride, (), recent)

    def up_to(self, step: float) -> "Series":
        """Without the points beyond ``step``: a resumed run repeats those steps."""
        return Series(_until(self.points, step), self.stride, _until(self.pending, step), _until(self.recent, step))

    def reaching(self, step: float) -> tuple[Point, ...]:
        """The whole curve, or the single reports if they reach back to ``step``."""
        whole = not self.recent or self.recent[0][0] > max(step, self.points[0][0] if self.points else step)
        return self.points if whole else self.recent

    def trend(self) -> float:
        """Relative change between the last points and those before them; 0 while there are too few."""
        values = [value for _, value in self.points[-2 * TREND_WINDOW :]]
        if len(values) < 2 * TREND_WINDOW:
            return 0.0
        before, after = sum(values[:TREND_WINDOW]), sum(values[TREND_WINDOW:])
        return (after - before) / before if before else 0.0

    def change(self) -> float:
        """From the report before the last to the last; NaN while there are fewer than two."""
        return self.recent[-1][1] - self.recent[-2][1] if len(self.recent) >= 2 else math.nan


def smoothed(points: Iterable[Point], window: int) -> list[Point]:
    """Running mean over up to ``window`` points, each placed at its last one."""
    points = tuple(points)
    result, total = [], 0.0
    for index, (step, value) in enumerate(points):
        total += value - (points[index - window][1] if index >= window else 0.0)
        result.append((step, total / min(index + 1, window)))
    return result


def _until(points: tuple[Point, ...], step: float) -> tuple[Point, ...]:
    return tuple(point for point in points if point[0] <= step)


def _mean_point(points: Iterable[Point]) -> Point:
    steps, values = zip(*points, strict=True)
    return sum(steps) / len(steps), sum(values) / len(values)


@dataclass(frozen=True, slots=True)
class Curves:
    """Every figure shown over time, by optimizer step. Figures of a step are named as in ``StepReported``."""

    loss_total: Series = field(default_factory=Series)
    loss_l1: Series = field(default_factory=Series)
    loss_ms: Series = field(default_factory=Series)
    loss_grad: Series = field(default_factory=Series)
    weight_l1: Series = field(default_factory=Series)
    weight_ms: Series = field(default_factory=Series)
    weight_grad: Series = field(default_factory=Series)
    sharpness: Series = field(default_factory=Series)
    aggressive: Series = field(default_factory=Series)
    """Share of the reports in aggressive mode, 0..1."""
    gradient_norm: Series = field(default_factory=Series)
    clip_norm: Series = field(default_factory=Series)
    learning_rate: Series = field(default_factory=Series)
    seconds_per_step: Series = field(default_factory=Series)
    ki_psnr: Series = field(default_factory=Series)
    lr_psnr: Series = field(default_factory=Series)
    ki_quality: Series = field(default_factory=Series)

    def with_step(self, event: ev.StepReported) -> "Curves":
        return replace(self, **{name: getattr(self, name).add(event.step, getattr(event, name)) for name in _OF_A_STEP})

    def with_validation(self, event: ev.ValidationFinished) -> "Curves":
        return replace(
            self,
            ki_psnr=self.ki_psnr.add(event.step, event.ki_psnr),
            lr_psnr=self.lr_psnr.add(event.step, event.lr_psnr),
            ki_quality=self.ki_quality.add(event.step, event.ki_quality),
        )

    def up_to(self, step: float) -> "Curves":
        """Without the points beyond ``step``."""
        return Curves(**{curve.name: getattr(self, curve.name).up_to(step) for curve in fields(self)})


_OF_A_STEP = tuple(curve.name for curve in fields(Curves) if curve.name in ev.StepReported.__dataclass_fields__)
