"""How fast work goes, how long the rest will take, and a time on a clock.

Separate because the command line and the application show the same of the same events.
"""

import math
from dataclasses import dataclass

PACE_SECONDS = 60.0
"""A pace is the mean over this long, so that a single scene does not decide it."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast something goes, over the last minute. Keeps at most one point per second."""

    seen: tuple[tuple[float, float], ...] = ()
    """(time in seconds, amount done)."""

    def noted(self, now: float, done: float) -> "Pace":
        seen = self.seen
        if len(seen) > 1 and now - seen[-2][0] < 1:
            seen = seen[:-1]
        seen = (*seen, (now, done))
        while len(seen) > 2 and now - seen[1][0] >= PACE_SECONDS:
            seen = seen[1:]
        return Pace(seen)

    @property
    def rate(self) -> float:
        """Amount per second; 0 while it is unknown."""
        if len(self.seen) < 2:
            return 0.0
        (begin, first), (end, last) = self.seen[0], self.seen[-1]
        return (last - first) / (end - begin) if end > begin and last > first else 0.0

    def left(self, total: float) -> float:
        """Seconds until ``total``; NaN while that or the rate is unknown."""
        if not total or not self.rate:
            return math.nan
        return (total - self.seen[-1][1]) / self.rate


def steps_apart(step: float, validate_every: int, validate_minutes: float) -> int:
    """Between two validations, from the seconds of a step: as ``cadence`` has it, which may leave some out."""
    every = max(validate_every, 1)
    return every * max(1, math.ceil(60 * validate_minutes / (every * step))) if step > 0 else every


def with_validations(step: float, validation: float, validate_every: int, validate_minutes: float) -> float:
    """Seconds of a step and its share of a validation, from the seconds of each."""
    return step + validation / steps_apart(step, validate_every, validate_minutes)


def clock(seconds: float) -> str:
    """``1:02:03``, of constant width below ten hours."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
