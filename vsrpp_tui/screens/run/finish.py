"""Finishing: how long the learning rate takes to fall until the run ends."""

import math
from dataclasses import replace

from vsrpp_core.adaptive.rate_plan import Course
from vsrpp_core.errors import UsageError
from vsrpp_core.messages import commands as cmd
from vsrpp_tui.screens.shared.rate_dialog import RateDialog
from vsrpp_tui.state.run import RunState
from vsrpp_tui.widgets.charts.charts import plan_of, planned_rates
from vsrpp_tui.widgets.charts.course import CourseChart
from vsrpp_tui.widgets.text import duration

OFFERED = 0.2
"""Share of the steps trained so far; the constant shape ends with the same share by default."""


class FinishScreen(RateDialog[cmd.FinishNow]):
    """Dismissed with the command. It follows the training that goes on behind it."""

    TITLE_WORDS = "Finish this run"
    ENTER = "finish"

    def __init__(self, state: RunState) -> None:
        super().__init__()
        self._state = state

    def explanation(self) -> str:
        return (
            "The learning rate falls to its end over the next steps, and the run ends there. "
            "Name steps, or hours with an h: 2000, 3h. It can be taken back until the end."
        )

    def first(self) -> str:
        return str(max(round(OFFERED * self._state.current_step), 1))

    def show(self, state: RunState) -> None:
        if state.current_step != self._state.current_step and self.is_mounted:
            self._state = state
            self.read_again()

    def parse(self, text: str) -> tuple[cmd.FinishNow, str]:
        state, asked = self._state, cmd.finish_in(text)
        steps, left = asked.steps, state.max_steps - state.current_step
        if asked.hours:
            if math.isnan(state.seconds_a_step):
                raise UsageError("no step has been timed yet; name a number of steps")
            steps = max(round(asked.hours * 3600 / state.seconds_a_step), 1)
        if steps >= left:
            raise UsageError(f"the run ends in {left:,} steps anyway; name fewer")
        end = state.current_step + steps
        time = f", in {duration(steps * state.seconds_a_step)}" if not math.isnan(state.seconds_a_step) else ""
        return cmd.FinishNow(steps=steps), f"ends at step {end:,}{time}, instead of {state.max_steps:,}"

    def draw(self, chart: CourseChart, answer: cmd.FinishNow | None) -> None:
        state, now = self._state, self._state.current_step
        plan = plan_of(state.started) if state.started else None
        if plan is None:
            return
        planned, proposed = planned_rates(plan, state.lr_cut), []
        if answer:
            course = Course(plan.course.reentered_at, finish_from=now, planned_steps=plan.max_steps)
            finishing = replace(plan, max_steps=now + answer.steps, course=course)
            proposed = [point for point in planned_rates(finishing, state.lr_cut) if point[0] >= now]
        chart.show(
            state.curves.learning_rate.points,
            planned,
            proposed,
            (now, state.step.learning_rate) if state.step else None,
        )
