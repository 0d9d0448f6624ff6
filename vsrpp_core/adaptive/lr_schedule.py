"""The learning rate: linear warm-up, cosine, and a factor that plateaus reduce permanently.

The rate of a step is a pure function of the step and the factor, so a cut is never undone by the next step.
"""

import math
from enum import IntEnum
from typing import Any

from vsrpp_core.run.config import ScheduleConfig

LOSS_SMOOTHING = 0.98


class LRPhase(IntEnum):
    WARMUP = 0
    COSINE = 1
    PLATEAU_REDUCED = 2


class LRSchedule:
    """Returns the rate of a step; receives each step's loss."""

    def __init__(self, config: ScheduleConfig, max_steps: int) -> None:
        self._config = config
        self._max_steps = max_steps
        self._factor = self._slowed = 1.0
        self._smoothed: float | None = None
        self._best = math.inf
        self._without_progress = 0
        self._may_cut_at = 0
        """End of the last cut's cool-down."""

    def reconfigure(self, config: ScheduleConfig, max_steps: int) -> None:
        """Use other settings from now on; earlier cuts stay."""
        self._config, self._max_steps = config, max_steps

    @property
    def factor(self) -> float:
        """Product of all cuts by plateaus and rollbacks so far, 0..1."""
        return self._factor * self._slowed

    def slow_down(self, factor: float, step: int) -> None:
        """Multiply every rate by ``factor`` permanently, from ``step`` on, in the warm-up and at ``lr_min`` too.

        A plateau's cut waits for its cool-down afterwards.
        """
        self._slowed *= factor
        self._wait(step)

    def rate(self, step: int) -> float:
        """Learning rate of ``step`` (counted from 1).

        After warm-up never below ``lr_min``, times the user's factor and the cuts by rollbacks.
        """
        config = self._config
        if step <= config.warmup_steps:
            return config.factor * self._slowed * (config.lr_max * step / config.warmup_steps)
        span = max(self._max_steps - config.warmup_steps, 1)
        progress = min((step - config.warmup_steps) / span, 1.0)
        cosine = config.lr_min + (config.lr_max - config.lr_min) * 0.5 * (1 + math.cos(math.pi * progress))
        return config.factor * self._slowed * max(cosine * self._factor, config.lr_min)

    def phase(self, step: int) -> LRPhase:
        if step <= self._config.warmup_steps:
            return LRPhase.WARMUP
        return LRPhase.COSINE if self.factor == 1.0 else LRPhase.PLATEAU_REDUCED

    def observe(self, step: int, loss: float) -> bool:
        """Record one step's loss; returns whether a plateau was found and the factor cut.

        Progress is judged on a smoothed loss, so one lucky batch does not count. The caller passes a loss whose meaning
        does not change as weights adapt.
        """
        if not math.isfinite(loss):
            return False
        previous = loss if self._smoothed is None else self._smoothed
        self._smoothed = LOSS_SMOOTHING * previous + (1 - LOSS_SMOOTHING) * loss
        waits = step <= max(self._may_cut_at, self._config.warmup_steps)
        if waits or self._smoothed < self._best * (1 - self._config.plateau_threshold):
            self._best = self._smoothed
            self._without_progress = 0
            return False
        self._without_progress += 1
        if self._without_progress < self._config.plateau_patience or self._config.plateau_factor == 1.0:
            return False
        self._factor *= self._config.plateau_factor
        self._wait(step)
        return True

    def _wait(self, step: int) -> None:
        """No further cut until the loss has had time to respond to this one."""
        self._without_progress = 0
        self._may_cut_at = step + self._config.plateau_cooldown

    def state_dict(self) -> dict[str, Any]:
        return {
            "factor": self._factor,
            "slowed": self._slowed,
            "smoothed": self._smoothed,
            "best": self._best,
            "without_progress": self._without_progress,
            "may_cut_at": self._may_cut_at,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._factor = state["factor"]
        self._slowed = state.get("slowed", 1.0)  # absent in checkpoints from before rollbacks
        self._smoothed = state["smoothed"]
        self._best = state["best"]
        self._without_progress = state["without_progress"]
        self._may_cut_at = state["may_cut_at"]
