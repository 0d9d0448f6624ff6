"""The learning rate of each step before any cut, as a pure function of settings and of how the run was steered.

Apart from lr_schedule.py, which holds what happened to a run, so that a chart can show a course before it is taken.
"""

import math
from dataclasses import dataclass

from vsrpp_core.run.config import ScheduleConfig

REENTRY_RISE = 0.1
"""Largest share of what is added to a complete run over which its rate rises again."""


@dataclass(frozen=True, slots=True)
class Course:
    """What no setting tells: where a complete run was continued, and where it was asked to finish. Steps, or 0."""

    reentered_at: int = 0
    """The last step of the run when it was complete and then given more steps."""
    finish_from: int = 0
    """From here the rate falls to its end, whatever the shape."""
    planned_steps: int = 0
    """``max_steps`` until then."""


@dataclass(frozen=True, slots=True)
class RatePlan:
    """The course of the rate until ``max_steps``. Steps are counted from 1."""

    config: ScheduleConfig
    max_steps: int
    course: Course = Course()

    def at(self, step: int) -> float:
        begin, planned = self.course.finish_from, self.course.planned_steps or self.max_steps
        if not self.is_finishing(step):
            return self._unfinished(step, planned)
        start = self._unfinished(begin, planned)
        return self._fallen(start, step - begin, self.max_steps - begin)

    def is_finishing(self, step: int) -> bool:
        return 0 < self.course.finish_from < step

    def is_rising(self, step: int) -> bool:
        begin = self.course.reentered_at
        return step <= self.config.warmup_steps or 0 < begin < step <= begin + self.rise(self.max_steps)

    def corners(self) -> tuple[int, ...]:
        """Steps at which the course bends, for a chart that has few points."""
        begin, end = self.course.reentered_at, self.course.planned_steps or self.max_steps
        bends = [max(self.config.warmup_steps, 1), self.course.finish_from]
        if begin:
            bends.append(begin + self.rise(end))
        if self.config.shape == "constant":
            bends.append(end - round(self.config.decay * (end - begin)))
        return tuple(bends)

    def rise(self, max_steps: int) -> int:
        """Steps in which the rate of a continued run rises again."""
        return min(self.config.warmup_steps, round(REENTRY_RISE * (max_steps - self.course.reentered_at)))

    def peak(self, max_steps: int) -> float:
        """What the rate of a continued run rises to.

        More than the longer cosine says there, which after a short extension is next to nothing; less than ``lr_max``,
        from which a short extension cannot settle again (docs/decisions).
        """
        added = max_steps - self.course.reentered_at
        return max(self.config.lr_max * math.sqrt(max(added, 0) / max_steps), self.config.lr_min)

    def _unfinished(self, step: int, max_steps: int) -> float:
        config, begin = self.config, self.course.reentered_at
        if step <= config.warmup_steps:
            return config.lr_max * step / config.warmup_steps
        if not 0 < begin < step:
            return self._shaped(config.lr_max, step - config.warmup_steps, max_steps - config.warmup_steps, max_steps)
        rise, peak = self.rise(max_steps), self.peak(max_steps)
        if step <= begin + rise:
            return config.lr_min + (peak - config.lr_min) * (step - begin) / rise
        return self._shaped(peak, step - begin - rise, max_steps - begin - rise, max_steps - begin)

    def _shaped(self, high: float, done: int, span: int, whole: int) -> float:
        """``done`` of ``span`` steps after the rate has reached ``high``; ``whole`` counts its rise too."""
        config = self.config
        if config.shape == "constant":
            decay = round(config.decay * whole)
            flat = span - decay
            return high if done <= flat else self._fallen(high, done - flat, decay)
        progress = min(done / max(span, 1), 1.0)
        return config.lr_min + (high - config.lr_min) * 0.5 * (1 + math.cos(math.pi * progress))

    def _fallen(self, high: float, done: int, span: int) -> float:
        """From ``high`` to ``lr_min``, fast at first: better than in a straight line (Haegele et al. 2024)."""
        low = self.config.lr_min
        return low + (high - low) * (1 - math.sqrt(min(done / max(span, 1), 1.0)))
