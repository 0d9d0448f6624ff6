"""The two lines at the top of the training screen: what is going on, and how far it is."""

import math
from pathlib import Path

from textual.content import Content

from vsrpp_tui.state import Phase, RunState
from vsrpp_tui.widgets.figures import bar, duration, spread
from vsrpp_tui.widgets.panel import Panel

PHASE_STYLES: dict[Phase, str] = {
    "training": "$success",
    "validating": "$accent",
    "saving": "$accent",
    "paused": "$warning",
    "rolling back": "$warning",
    "stopping": "$warning",
    "completed": "$success",
    "failed": "$error",
}


class RunHeader(Panel):
    """Name, phase, step and epoch; at the right speed, precision and device."""

    asked = ""
    """What was asked of the trainer and not answered yet."""

    def picture(self, state: RunState, width: int) -> Content:
        style = PHASE_STYLES.get(state.phase, "$secondary")
        name = Path(state.started.run).name if state.started else ""
        phase = Content.assemble(("● ", style), (state.phase, f"bold {style}"))
        if self.asked and not state.is_over:
            phase = Content.assemble(phase, (f" · {self.asked}", "$warning"))
        left = Content.assemble(("VSR++ ", "bold $primary"), (f" {name} ", "bold"), "  ", phase)
        return spread(left, self._right(state, width), width)

    def _right(self, state: RunState, width: int) -> Content:
        started, step = state.started, state.step
        if not started:
            return Content("")
        parts = [f"{state.seconds_per_step:.2f} s/step"] if step else []
        parts.append(started.precision)
        if width >= 100:
            parts.append(started.device)
        return Content.assemble(("   ".join(parts), "$secondary"))


class RunProgress(Panel):
    """Bars for the whole run and, where there is room, the epoch; while preparing or validating, for that."""

    def picture(self, state: RunState, width: int) -> Content:
        if not state.started:
            return self._preparing(state, width)
        if state.validation_progress and state.phase == "validating":
            progress = state.validation_progress
            return _bar(
                "validating", progress.done / max(progress.total, 1), f"{progress.done} of {progress.total}", width
            )
        if width < 100:
            return self._total(state, width)
        half = (width - 4) // 2
        return Content.assemble(self._total(state, half), "    ", self._epoch(state, width - 4 - half))

    def _preparing(self, state: RunState, width: int) -> Content:
        preparation = state.preparation
        if not preparation:
            return Content("")
        if not preparation.total:
            return Content.assemble((f"{preparation.task} …", "$secondary"))
        return _bar(
            preparation.task, preparation.done / preparation.total, f"{preparation.done} of {preparation.total}", width
        )

    def _total(self, state: RunState, width: int) -> Content:
        share = state.current_step / max(state.max_steps, 1)
        left = _left(state, state.seconds_left)
        goal = f"{state.max_steps:,}"
        label = f"step {state.current_step:,} of {goal}".ljust(len(goal) * 2 + 9)
        return _bar(label, share, f"{int(100 * share):>3} %{left}", width)

    def _epoch(self, state: RunState, width: int) -> Content:
        if not state.step or not state.started:
            return Content("")
        share = state.step.epoch_step / max(state.started.steps_per_epoch, 1)
        left = _left(state, state.epoch_seconds_left)
        return _bar(f"epoch {state.step.epoch}", share, f"{int(100 * share):>3} %{left}", width)


def _left(state: RunState, seconds: float) -> str:
    return "" if state.is_over or not math.isfinite(seconds) else f"  {duration(seconds):>9} left"


def _bar(label: str, share: float, figures: str, width: int) -> Content:
    room = width - len(label) - len(figures) - 4
    return Content.assemble((label, "$foreground"), "  ", bar(share, room, "$primary"), "  ", (figures, "$secondary"))
