"""The text panel of what training costs: memory and speed."""

import math

from textual.content import Content

from vsrpp_core.messages import events as ev
from vsrpp_core.run.config import TuneConfig
from vsrpp_tui.state.run import RunState
from vsrpp_tui.widgets.panels.adaptive import PHASE_WORDS
from vsrpp_tui.widgets.panels.learning import WAITING
from vsrpp_tui.widgets.panels.panel import Panel, lines
from vsrpp_tui.widgets.text import bar, gigabytes

WAIT_WORTH_A_WORD = 0.2
"""Share of the time spent waiting for images from which more workers would help."""


class MemoryPanel(Panel):
    def picture(self, state: RunState, width: int) -> Content:
        step, started = state.step, state.started
        if not step or not started:
            return WAITING
        roomy = self.screen.has_class("-tall") and not (step.skipped_steps or state.card)
        rows = [*device_bars(step, started, width, roomy), _speed(step, width)]
        if state.card:
            rows.append(card_line(state.card, step.skipped_steps))
        elif not roomy:
            rows.append(_phase(step))
        return lines(*rows)


def device_bars(step: ev.StepReported, started: ev.SessionStarted, width: int, roomy: bool) -> list[Content]:
    """Bars of the device, with auto-tune's limit marked, and of the host. A CPU has no limit and no recorded peak."""
    total, limit = step.memory_total, started.max_memory or TuneConfig().max_memory
    rows: list[tuple[str, int, int, float | None]]
    if started.device_kind == "cpu":
        rows = [("own", step.memory_used, total, None)]
    else:
        rows = [("VRAM peak", step.memory_peak, total, limit)]
        if roomy:
            rows.insert(0, ("VRAM now", step.memory_used, total, limit))
    rows.append(("host", step.host_used, step.host_total, None))
    longest = max(len(name) for name, *_ in rows)
    return [_memory(f"{name:<{longest}}", used, of, width, mark) for name, used, of, mark in rows]


def _memory(name: str, used: int, total: int, width: int, mark: float | None) -> Content:
    share = used / max(total, 1)
    figures = f"{gigabytes(used):>5} of {gigabytes(total):>5} GB"
    style = "$warning" if share > 0.9 else "$primary"
    gauge = bar(share, max(width - len(figures) - len(name) - 2, 4), style, mark)
    return Content.assemble((f"{name} ", "$secondary"), gauge, f" {figures}")


def card_line(card: ev.CardMeasured, skipped_steps: int) -> Content:
    """Temperature, power, clock and what holds it down; what the driver does not say is left out."""
    limit = f" of {card.power_limit:.0f}" if math.isfinite(card.power_limit) else ""
    figures = (
        (card.temperature, f"{card.temperature:3.0f} °C"),
        (card.power, f"{card.power:.0f}{limit} W"),
        (card.clock, f"{card.clock / 1e6:,.0f} MHz"),
    )
    known = "   ".join(words for figure, words in figures if math.isfinite(figure))
    skipped = f"   {skipped_steps} steps skipped" if skipped_steps else ""
    held = f"   {', '.join(card.throttled)}" if card.throttled else ""
    return Content.assemble(known, (f"{skipped}{held}", "$warning"))


def _speed(step: ev.StepReported, width: int) -> Content:
    waited = math.isfinite(step.data_wait)
    wait = f"{100 * step.data_wait:3.0f} %" if waited else "–"
    slow = waited and step.data_wait > WAIT_WORTH_A_WORD
    parts: list[str | tuple[str, str]] = [
        f"{step.samples_per_second:6.1f}",
        (" samples/s", "$secondary"),
        ("   data wait ", "$secondary"),
        (wait, "$warning" if slow else ""),
    ]
    if width >= 60 and math.isfinite(step.seconds_per_step):
        parts = [f"{step.seconds_per_step:6.3f}", (" s/iter ", "$secondary"), *parts]
    if slow and width >= 80:
        parts.append(("   more data.workers would help", "$warning"))
    return Content.assemble(*parts)


def _phase(step: ev.StepReported) -> Content:
    words = [f"learning rate {PHASE_WORDS.get(step.lr_phase, '–')}"]
    style = "$secondary"
    if step.skipped_steps:
        words.append(f"{step.skipped_steps} steps skipped")
        style = "$warning"
    return Content.styled(" · ".join(words), style)
