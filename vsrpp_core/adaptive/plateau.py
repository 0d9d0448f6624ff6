"""Whether a run still makes progress that can be told from noise, judged by its validations.

Separate from lr_schedule.py, which decides what follows, because this is a statistic: it knows no rate. Validations are
of the same pictures each time and of the averaged weights, so their quality moves by thousandths of a decibel where the
losses of batches scatter by a fifth.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

STANDARD_ERRORS = 5.0
"""How far from 0 a gain must be. More than the usual 2 or 3, as the errors of a moving average are alike from one
validation to the next and a line fitted to them looks surer than it is (docs/decisions)."""

LEAST_VALIDATIONS = 3
"""Through two a line fits without error."""


@dataclass(frozen=True, slots=True)
class Gain:
    """What the quality gained over a stretch of validations, as a line fitted to them tells it."""

    value: float
    """Rise of the line from the first validation to the last, in units of quality."""
    uncertainty: float
    """``STANDARD_ERRORS`` standard errors of ``value``."""
    validations: int
    steps: int
    """From the first validation to the last."""

    @property
    def is_progress(self) -> bool:
        return self.value > self.uncertainty


class ProgressTest:
    """Takes in validations, in the order of their steps; the newest ``patience`` are judged."""

    def __init__(self, patience: int) -> None:
        self._seen: deque[tuple[int, float]] = deque(maxlen=patience)

    def reconfigure(self, patience: int) -> None:
        self._seen = deque(self._seen, maxlen=patience)

    def restart(self) -> None:
        """Judge only what comes from now on: the rate, or the validation set, is another."""
        self._seen.clear()

    def observe(self, step: int, quality: float) -> None:
        """A step that was seen before, as after a rollback, replaces what was known from there on."""
        while self._seen and self._seen[-1][0] >= step:
            self._seen.pop()
        self._seen.append((step, quality))

    def gain(self) -> Gain | None:
        """Over the newest validations; None before there are ``patience`` of them."""
        return fitted_gain(self._seen) if len(self._seen) == self._seen.maxlen else None

    def gain_so_far(self) -> Gain | None:
        """Over those that are known of them; None while a line through them would tell nothing."""
        return fitted_gain(self._seen) if len(self._seen) >= LEAST_VALIDATIONS else None

    def state_dict(self) -> dict[str, Any]:
        return {"steps": [step for step, _ in self._seen], "qualities": [quality for _, quality in self._seen]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        seen = zip(state["steps"], state["qualities"], strict=True)
        self._seen = deque(seen, maxlen=self._seen.maxlen)


def fitted_gain(seen: Sequence[tuple[int, float]]) -> Gain:
    """Ordinary least squares of quality over steps; three or more (step, quality) pairs, steps rising."""
    count, first, last = len(seen), seen[0][0], seen[-1][0]
    mean_step = math.fsum(step for step, _ in seen) / count
    mean_quality = math.fsum(quality for _, quality in seen) / count
    spread = math.fsum((step - mean_step) ** 2 for step, _ in seen)
    slope = math.fsum((step - mean_step) * (quality - mean_quality) for step, quality in seen) / spread
    residuals = math.fsum((quality - mean_quality - slope * (step - mean_step)) ** 2 for step, quality in seen)
    error = math.sqrt(residuals / (count - 2) / spread)
    span = last - first
    return Gain(slope * span, STANDARD_ERRORS * error * span, count, span)
