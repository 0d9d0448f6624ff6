"""The learning rate: linear warm-up, cosine, and a factor that plateaus reduce permanently.

The rate of a step is a pure function of the step and the factor, so a cut is never undone by the next step. A plateau
is the end of progress that can be told from noise (``plateau.py``).
"""

import math
from enum import IntEnum
from typing import Any

from vsrpp_core.adaptive.plateau import Gain, ProgressTest
from vsrpp_core.run.config import ScheduleConfig


class LRPhase(IntEnum):
    WARMUP = 0
    COSINE = 1
    PLATEAU_REDUCED = 2


class LRSchedule:
    """Returns the rate of each step; receives the quality of each validation."""

    def __init__(self, config: ScheduleConfig, max_steps: int) -> None:
        self._config = config
        self._max_steps = max_steps
        self._factor = self._slowed = 1.0
        self._progress = ProgressTest(config.plateau_validations)
        self._may_cut_at = 0
        """End of the last cut's cool-down."""
        self.cut_by_losses = 1.0
        """What an earlier version's rule had multiplied the rate by in the checkpoint loaded; 1.0 where it had not.

        That rule took the scatter of batch losses for plateaus. Its cuts are kept down to ``plateau_floor``.
        """

    def reconfigure(self, config: ScheduleConfig, max_steps: int) -> None:
        """Use other settings from now on; earlier cuts stay."""
        if config.plateau_validations != self._config.plateau_validations:
            self._progress.reconfigure(config.plateau_validations)
        if config.factor != self._config.factor:
            self._progress.restart()
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

    def observe(self, step: int, quality: float) -> Gain | None:
        """Take one validation's quality in; what was gained lately where that is a plateau and the factor was cut."""
        if not math.isfinite(quality) or step <= max(self._may_cut_at, self._config.warmup_steps):
            return None
        self._progress.observe(step, quality)
        gain = self._progress.gain()
        if gain is None or gain.is_progress or self._is_at_floor:
            return None
        self._factor = max(self._factor * self._config.plateau_factor, self._config.plateau_floor)
        self._wait(step)
        return gain

    @property
    def _is_at_floor(self) -> bool:
        return self._config.plateau_factor == 1.0 or self._factor <= self._config.plateau_floor

    def forget_validations(self) -> None:
        """Qualities measured so far cannot be compared with those to come."""
        self._progress.restart()

    def _wait(self, step: int) -> None:
        """No further cut until the quality has had time to respond to this one."""
        self._progress.restart()
        self._may_cut_at = step + self._config.plateau_cooldown

    def state_dict(self) -> dict[str, Any]:
        return {
            "factor": self._factor,
            "slowed": self._slowed,
            "progress": self._progress.state_dict(),
            "may_cut_at": self._may_cut_at,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._factor = state["factor"]
        self._slowed = state.get("slowed", 1.0)  # absent in checkpoints from before rollbacks
        self._may_cut_at = state["may_cut_at"]
        self.cut_by_losses = 1.0
        if "progress" in state:
            self._progress.load_state_dict(state["progress"])
        else:  # saved by a version that judged the losses of batches
            self._progress.restart()
            self.cut_by_losses = self._factor
            self._factor = max(self._factor, self._config.plateau_floor)
