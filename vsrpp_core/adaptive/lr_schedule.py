"""The learning rate: its plan (``rate_plan.py``), and a factor that plateaus and rollbacks reduce permanently.

The rate of a step is a pure function of the step, the plan and the factor, so a cut is never undone by the next step. A
plateau is the end of progress that can be told from noise (``plateau.py``).
"""

import math
from dataclasses import astuple, replace
from enum import IntEnum
from typing import Any

from vsrpp_core.adaptive.plateau import Gain, ProgressTest
from vsrpp_core.adaptive.rate_plan import Course, RatePlan
from vsrpp_core.run.config import ScheduleConfig


class LRPhase(IntEnum):
    WARMUP = 0
    COSINE = 1
    """Or constant, where ``schedule.shape`` says so."""
    PLATEAU_REDUCED = 2
    FINISHING = 3


class LRSchedule:
    """Returns the rate of each step; receives the quality of each validation."""

    def __init__(self, config: ScheduleConfig, max_steps: int) -> None:
        self._plan = RatePlan(config, max_steps)
        self._factor = self._slowed = 1.0
        self._progress = ProgressTest(config.plateau_validations)
        self._may_cut_at = 0
        """End of the last cut's cool-down."""
        self.cut_by_losses = 1.0
        """What an earlier version's rule had multiplied the rate by in the checkpoint loaded; 1.0 where it had not.

        That rule took the scatter of batch losses for plateaus. Its cuts are kept down to ``plateau_floor``.
        """

    def reconfigure(self, config: ScheduleConfig, max_steps: int, step: int = 0) -> None:
        """Use other settings after ``step``; earlier cuts stay. Where that was the end, the rate rises once more."""
        before, course = self._plan, self._plan.course
        if config.plateau_validations != before.config.plateau_validations:
            self._progress.reconfigure(config.plateau_validations)
        if config.factor != before.config.factor:
            self._progress.restart()
        if 0 < before.max_steps <= step < max_steps:
            course = Course(reentered_at=step)
            self._progress.restart()
        self._plan = RatePlan(config, max_steps, course)

    @property
    def plan(self) -> RatePlan:
        return self._plan

    @property
    def is_finishing(self) -> bool:
        return self._plan.course.finish_from > 0

    def finish_from(self, step: int) -> None:
        """From ``step`` on let the rate fall to ``lr_min``, which it reaches at ``max_steps``; shorten those next."""
        course = replace(self._plan.course, finish_from=step, planned_steps=self._plan.max_steps)
        self._plan = replace(self._plan, course=course)
        self._progress.restart()

    def cancel_finish(self) -> int:
        """Be as if the run had not been asked to finish; returns ``max_steps`` of then, which must be restored next."""
        planned = self._plan.course.planned_steps
        self._plan = replace(self._plan, course=replace(self._plan.course, finish_from=0, planned_steps=0))
        self._progress.restart()
        return planned

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
        config, rate = self._plan.config, self._plan.at(step)
        if step <= config.warmup_steps:
            return config.factor * self._slowed * rate
        return config.factor * self._slowed * max(rate * self._factor, config.lr_min)

    def phase(self, step: int) -> LRPhase:
        if self._plan.is_finishing(step):
            return LRPhase.FINISHING
        if self._plan.is_rising(step):
            return LRPhase.WARMUP
        return LRPhase.COSINE if self.factor == 1.0 else LRPhase.PLATEAU_REDUCED

    def observe(self, step: int, quality: float) -> Gain | None:
        """Take one validation's quality in; what was gained lately where that is a plateau and the factor was cut."""
        waits = step <= self._may_cut_at or self._plan.is_rising(step) or self._plan.is_finishing(step)
        if waits or not math.isfinite(quality):
            return None
        self._progress.observe(step, quality)
        gain = self._progress.gain()
        if gain is None or gain.is_progress or self._is_at_floor:
            return None
        config = self._plan.config
        self._factor = max(self._factor * config.plateau_factor, config.plateau_floor)
        self._wait(step)
        return gain

    def gain_so_far(self) -> Gain | None:
        """What was gained in the validations that are judged next; None while there are too few."""
        return self._progress.gain_so_far()

    @property
    def _is_at_floor(self) -> bool:
        config = self._plan.config
        return config.plateau_factor == 1.0 or self._factor <= config.plateau_floor

    def forget_validations(self) -> None:
        """Qualities measured so far cannot be compared with those to come."""
        self._progress.restart()

    def _wait(self, step: int) -> None:
        """No further cut until the quality has had time to respond to this one."""
        self._progress.restart()
        self._may_cut_at = step + self._plan.config.plateau_cooldown

    def state_dict(self) -> dict[str, Any]:
        return {
            "factor": self._factor,
            "slowed": self._slowed,
            "progress": self._progress.state_dict(),
            "may_cut_at": self._may_cut_at,
            "course": list(astuple(self._plan.course)),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._factor = state["factor"]
        self._slowed = state.get("slowed", 1.0)  # absent in checkpoints from before rollbacks
        self._may_cut_at = state["may_cut_at"]
        self._plan = replace(self._plan, course=Course(*state.get("course", ())))
        self.cut_by_losses = 1.0
        if "progress" in state:
            self._progress.load_state_dict(state["progress"])
        else:  # saved by a version that judged the losses of batches
            self._progress.restart()
            self.cut_by_losses = self._factor
            self._factor = max(self._factor, self._plan.config.plateau_floor)
