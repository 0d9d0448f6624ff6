"""The text panels of what adapts during training: loss weights, gradient clipping, learning rate."""

import math

from textual.content import Content

from vsrpp_core.messages import events as ev
from vsrpp_tui.state.run import RunState
from vsrpp_tui.widgets.panels.learning import WAITING
from vsrpp_tui.widgets.panels.panel import Panel, lines
from vsrpp_tui.widgets.text import bar, sparkline

PHASE_WORDS = {0: "warm-up", 1: "cosine", 2: "reduced", 3: "finishing"}


class AdaptivePanel(Panel):
    """Weights, sharpness and mode; where its charts have no room also gradient and rate."""

    def picture(self, state: RunState, width: int) -> Content:
        step = state.step
        if not step:
            return WAITING
        rows = [_weights(step, width), _sharpness(state, step, width)]
        if self.content_size.height != 2 and not self.screen.has_class("-view-charts"):
            rows.append(_gradient(step))
        return lines(*rows)


def _weights(step: ev.StepReported, width: int) -> Content:
    weights = (
        ("L1", step.weight_l1, "$chart-l1"),
        ("MS", step.weight_ms, "$chart-ms"),
        ("Grad", step.weight_grad, "$chart-grad"),
    )
    if width >= 54:
        room = (width - 2 * 3) // 3 - 11
        cells = [_weight(name, weight, room, len(name), style) for name, weight, style in weights]
        return Content("   ").join(cells)
    return lines(*(_weight(name, weight, width - 11, 4, style) for name, weight, style in weights))


def _weight(name: str, weight: float, room: int, name_width: int, style: str) -> Content:
    return Content.assemble((f"{name:<{name_width}} ", "$secondary"), bar(weight, room, style), f" {weight:.2f}")


def _sharpness(state: RunState, step: ev.StepReported, width: int) -> Content:
    of_best = f"{step.attained:4.0%} of its best " if math.isfinite(step.attained) and width >= 54 else ""
    figure = Content.assemble(("sharpness ", "$secondary"), f"{step.sharpness:.2f} ", (of_best, "$secondary"))
    mode, style = ("aggressive", "$warning") if step.aggressive else ("normal", "$secondary")
    words = Content.assemble((f" {mode}", style), (" mode", "$secondary"))
    room = width - figure.cell_length - words.cell_length
    curve = sparkline([value for _, value in state.curves.sharpness.points], min(max(room, 0), 24))
    return Content.assemble(figure, (curve, "$primary"), words)


def _gradient(step: ev.StepReported) -> Content:
    return Content.assemble(
        ("norm ", "$secondary"),
        f"{step.gradient_norm:.3f}",
        (" clip ", "$secondary"),
        f"{step.clip_norm:.3f}",
        (" rate ", "$secondary"),
        f"{step.learning_rate:.1e}",
    )


class GradientPanel(Panel):
    """Norm against clip norm, in words as well."""

    def picture(self, state: RunState, width: int) -> Content:
        step = state.step
        if not step:
            return WAITING
        verdict = _clipping(step)
        return Content.assemble(
            ("norm ", "$secondary"),
            f"{step.gradient_norm:8.3f}",
            ("   clip ", "$secondary"),
            f"{step.clip_norm:8.3f}",
            (f"   {verdict}" if width >= 46 else "", "$secondary"),
        )


def _clipping(step: ev.StepReported) -> str:
    if not math.isfinite(step.gradient_norm):
        return "not finite"
    if step.gradient_norm <= step.clip_norm:
        return "let through"
    return f"scaled to {step.clip_norm / step.gradient_norm:.0%}"


class RatePanel(Panel):
    """The learning rate now, its phase, and what was cut; where there is room the gain by which plateaus are judged."""

    def picture(self, state: RunState, width: int) -> Content:
        step, started = state.step, state.started
        if not step or not started:
            return WAITING
        words = [_phase(step, started)]
        if state.lr_cut != 1.0:
            words.append(f"× {state.lr_cut:g} by cuts")
        rate = Content.assemble((f"{step.learning_rate:.2e}", "bold"), ("   " + " · ".join(words), "$secondary"))
        v = state.validation
        has_room = self.screen.has_class("-tall") or self.screen.has_class("-full")
        return lines(rate, _judged(v, width)) if v and v.patience and has_room else rate


def _phase(step: ev.StepReported, started: ev.SessionStarted) -> str:
    if step.lr_phase == 0 and step.step <= started.warmup_steps:
        return f"warm-up until {started.warmup_steps:,}"
    if step.lr_phase == 3:
        return f"finishing, ends at {started.max_steps:,}"
    if step.lr_phase == 1:
        return started.rate_shape
    return PHASE_WORDS.get(step.lr_phase, "–")


def _judged(v: ev.ValidationFinished, width: int) -> Content:
    """The gain of the newest validations, and what it must exceed."""
    if not v.judged:
        return Content.styled(f"plateau: judged by {v.patience} validations", "$secondary")
    stuck = v.judged >= v.patience and v.gain <= v.uncertainty
    count = f"{v.judged}" if v.judged >= v.patience else f"{v.judged} of {v.patience}"
    limit = f"{'  must exceed' if width >= 58 else ' >'} {v.uncertainty:.3%}"
    return Content.assemble(
        (f"{count} validations ", "$secondary"), (f"{v.gain:+.3%}", "$warning" if stuck else ""), (limit, "$secondary")
    )
