"""A complete run that is to learn more: how many steps, and what the learning rate does in them."""

from contextlib import suppress

from vsrpp_core.adaptive.rate_plan import Course, RatePlan
from vsrpp_core.errors import UsageError
from vsrpp_core.messages import commands as cmd
from vsrpp_core.run.config import RunConfig
from vsrpp_tui.screens.shared.rate_dialog import RateDialog
from vsrpp_tui.widgets.charts.charts import planned_rates
from vsrpp_tui.widgets.charts.course import CourseChart

OFFERED = 0.5
"""Share of the steps trained so far."""

MOST_STEPS = 100_000_000


class TrainOn(RateDialog[int]):
    """Dismissed with the step at which the run is to end then."""

    TITLE_WORDS = "Train on"
    ENTER = "train on"

    def __init__(self, step: int, config: RunConfig) -> None:
        """``step``: the last one of the complete run."""
        super().__init__()
        self._step, self._config = step, config

    def explanation(self) -> str:
        return (
            f"The run is complete at step {self._step:,}, its learning rate at its end. With more steps the rate rises "
            "once more, the higher the more steps there are, and falls again."
        )

    def first(self) -> str:
        return str(max(round(OFFERED * self._step), 1))

    def parse(self, text: str) -> tuple[int, str]:
        with suppress(UsageError):
            if 0 < (steps := cmd.finish_in(text).steps) <= MOST_STEPS:
                return self._described(steps)
        raise UsageError(f"name a number of steps, at most {MOST_STEPS:,}")

    def _described(self, steps: int) -> tuple[int, str]:
        plan = self._plan(steps)
        peak = self._step + max(plan.rise(plan.max_steps), 1)
        rate = plan.config.factor * plan.at(peak)
        return plan.max_steps, f"to step {plan.max_steps:,}; the rate rises to {rate:.2g} by step {peak:,}"

    def draw(self, chart: CourseChart, answer: int | None) -> None:
        before = planned_rates(RatePlan(self._config.schedule, self._step))
        after = planned_rates(self._plan(answer - self._step)) if answer else []
        chart.show(before, (), after, before[-1])

    def _plan(self, steps: int) -> RatePlan:
        return RatePlan(self._config.schedule, self._step + steps, Course(reentered_at=self._step))
