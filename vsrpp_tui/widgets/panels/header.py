"""The two lines at the top of the training screen: the phase, and the progress."""

import math
import re
from pathlib import Path

from textual.content import Content

from vsrpp_tui.state.run import Phase, RunState
from vsrpp_tui.widgets.panels.panel import Panel
from vsrpp_tui.widgets.text import bar, duration, spread

PHASE_SIGNS: dict[Phase, tuple[str, str]] = {
    "training": ("●", "$success"),
    "validating": ("◆", "$primary"),
    "saving": ("↓", "$primary"),
    "paused": ("‖", "$warning"),
    "cooling": ("‖", "$warning"),
    "rolling back": ("◀", "$warning"),
    "stopping": ("■", "$warning"),
    "stopped": ("■", "$secondary"),
    "completed": ("✓", "$success"),
    "failed": ("✗", "$error"),
}
FIGURES, LEAST_NAME = 24, 8
"""Cells reserved for the figures beside name and phase, and for the name."""

LEAST_BAR = 6
"""Cells; where there are fewer, figures alone."""

TWO_BARS = 100
"""Cells from which run and epoch have a bar each."""


class RunHeader(Panel):
    """Name and phase, in a sign and in words; at the right speed, precision and, where it fits, the device."""

    asked = ""
    """A request to the trainer that is not answered yet."""
    silence = 0.0
    """Seconds since the last step or change of phase, set by the screen before it shows a state."""

    async def on_click(self) -> None:
        """Open the list of all actions: this gives the mouse the keys that do not fit into the footer."""
        await self.app.run_action("command_palette")

    def picture(self, state: RunState, width: int) -> Content:
        name = Path(state.started.run).name if state.started else ""
        phase = self._phase(state)
        room = max(width - phase.cell_length - FIGURES, LEAST_NAME)  # the phase is never cut for a long name
        name = Content(name).truncate(room, ellipsis=True).plain
        left = Content.assemble(("VSR++ ", "bold $primary"), (f" {name} ", "bold"), "  ", phase)
        return spread(left, _constants(state, width - left.cell_length - 3), width)

    def _phase(self, state: RunState) -> Content:
        sign, style = PHASE_SIGNS.get(state.phase, ("○", "$secondary"))
        words: str = state.phase
        if state.phase == "validating" and state.validation_progress:
            words += f" {state.validation_progress.done}/{state.validation_progress.total}"
        if state.phase == "cooling" and state.card:
            words += f" {state.card.temperature:.0f} °C"
        phase = Content.assemble((f"{sign} ", style), (words, f"bold {style}"))
        if self.asked and not state.is_over:
            return Content.assemble(phase, (f" · {self.asked}", "$warning"))
        if state.is_quiet(self.silence):
            return Content.assemble(phase, (f" · no step for {duration(self.silence)}", "$warning"))
        return phase


def _constants(state: RunState, room: int) -> Content:
    """The most important first; what does not fit is left out."""
    started = state.started
    if not started:
        return Content("")
    parts = [f"{state.seconds_per_step:.2f} s/iter"] if state.step else []
    parts += [started.precision, started.device]
    while len(parts) > 1 and len("   ".join(parts)) > room:
        parts.pop()
    return Content.styled("   ".join(parts), "$secondary")


class RunProgress(Panel):
    """Bars for the whole run and the epoch; in a narrow place for the run alone, and while validating for that."""

    def picture(self, state: RunState, width: int) -> Content:
        if not state.started:
            return self._preparing(state, width)
        validating = state.validation_progress and state.phase == "validating"
        if width < TWO_BARS:
            return self._validating(state, width) if validating else self._total(state, width)
        half = (width - 4) // 2
        right = width - 4 - half
        beside = self._validating(state, right) if validating else self._epoch(state, right)
        return Content.assemble(self._total(state, half), "    ", beside)

    def _preparing(self, state: RunState, width: int) -> Content:
        preparation = state.preparation
        if not preparation:
            return Content("")
        if not preparation.total:
            return Content.assemble((f"{preparation.task} …", "$secondary"))
        return _bar(
            preparation.task, preparation.done / preparation.total, f"{preparation.done} of {preparation.total}", width
        )

    def _validating(self, state: RunState, width: int) -> Content:
        progress = state.validation_progress
        if not progress:
            return Content("")
        total = str(progress.total)
        figures = f"{progress.done:>{len(total)}} of {total}"
        return _bar("validating", progress.done / max(progress.total, 1), figures, width)

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
        changed = state.changed_epoch
        has_grown = changed and changed.added and changed.epoch == state.step.epoch
        grown = f" · +{changed.added:,} pairs" if changed and has_grown else ""
        return _bar(f"epoch {state.step.epoch}{grown}", share, f"{int(100 * share):>3} %{left}", width)


def _left(state: RunState, seconds: float) -> str:
    return "" if state.is_over or not math.isfinite(seconds) else f"  {duration(seconds):>9} left"


def _bar(label: str, share: float, figures: str, width: int) -> Content:
    room = width - len(label) - len(figures) - 4
    if room < LEAST_BAR:
        return spread(Content(label.rstrip()), Content.styled(re.sub(" +", " ", figures), "$secondary"), width)
    return Content.assemble((label, "$foreground"), "  ", bar(share, room, "$primary"), "  ", (figures, "$secondary"))
