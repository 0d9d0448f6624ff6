"""The text panels of the training screen: loss, validation, adaptive parts, memory and speed."""

import math

from textual.content import Content

from vsrpp_core.messages import events as ev
from vsrpp_tui.state import RunState
from vsrpp_tui.widgets.figures import bar, decibels, gigabytes, percent, sparkline
from vsrpp_tui.widgets.panel import Panel, lines

MEMORY_LIMIT = 0.8
"""Share of the device's memory that auto-tune stays below; marked on the bar."""

LOSS_WINDOW = 8
"""Points averaged for the small curve of the narrow panel."""

PHASE_WORDS = {0: "warm-up", 1: "cosine", 2: "reduced"}
WAITING = Content.styled("waiting for the first step", "$secondary")


class LossPanel(Panel):
    """Total and parts, and how the total moves; on one line where there is room."""

    def picture(self, state: RunState, width: int) -> Content:
        step = state.step
        if not step:
            return WAITING
        total = Content.assemble(("total ", "$secondary"), (f"{step.loss_total:.5f}", "bold"), "  ", _trend(state))
        parts = (("L1", step.loss_l1), ("MS", step.loss_ms), ("Grad", step.loss_grad))
        figures = Content("   ").join(
            Content.assemble((f"{name} ", "$secondary"), f"{loss:.4f}") for name, loss in parts
        )
        if width >= total.cell_length + figures.cell_length + 4:
            return Content.assemble(total, "    ", figures)
        if self.screen.has_class("-tall"):  # the chart stands below
            return lines(total, figures)
        return lines(total, figures, Content.styled(sparkline(_recent_losses(state), width), "$primary"))


def _recent_losses(state: RunState) -> list[float]:
    return [math.log(value) for _, value in state.loss.smoothed(LOSS_WINDOW) if value > 0]


def _trend(state: RunState) -> Content:
    trend = state.loss.trend()
    if abs(trend) < 0.005:
        return Content.styled("·", "$secondary")
    sign, style = ("▼", "$success") if trend < 0 else ("▲", "$warning")
    return Content.styled(f"{sign} {abs(trend):5.1%}", style)


class ValidationPanel(Panel):
    def picture(self, state: RunState, width: int) -> Content:
        v = state.validation
        if not v:
            return Content.styled(
                f"first validation in {state.next_validation} steps" if state.started else "", "$secondary"
            )
        heading = Content.styled(f"{'':4}{'PSNR':>9}{'SSIM':>9}{'quality':>10}", "$secondary")
        low = Content.styled(_scores("LR", v.lr_psnr, v.lr_ssim, v.lr_quality), "$secondary")
        high = Content.styled(_scores("KI", v.ki_psnr, v.ki_ssim, v.ki_quality), "bold $success")
        return lines(heading, low, high, _gain(v, width))


def _scores(name: str, psnr: float, ssim: float, quality: float) -> str:
    return f"{name:<4}{decibels(psnr):>9}{ssim:>9.4f}{percent(quality):>10}"


def _gain(v: ev.ValidationFinished, width: int) -> Content:
    gain = v.ki_psnr - v.lr_psnr
    sign, style = ("▲", "$success") if gain >= 0 else ("▼", "$warning")
    best = f"best {percent(v.best_quality)} at {v.best_step:,}" if v.best_step else ""
    return Content.assemble((f"{sign} {gain:+.2f} dB", f"bold {style}"), ("   " + best, "$secondary"))


def next_validation(state: RunState) -> str:
    """For the panel's border; empty where none will come."""
    if not state.started or not state.validation or state.is_over:
        return ""
    return f"next in {state.next_validation:,} steps"


class AdaptivePanel(Panel):
    def picture(self, state: RunState, width: int) -> Content:
        step = state.step
        if not step:
            return WAITING
        return lines(_weights(step, width), _sharpness(state, step, width), _gradient(step))


def _weights(step: ev.StepReported, width: int) -> Content:
    weights = (("L1", step.weight_l1), ("MS", step.weight_ms), ("Grad", step.weight_grad))
    if width >= 54:
        room = (width - 2 * 3) // 3 - 11
        cells = [_weight(name, weight, room, len(name)) for name, weight in weights]
        return Content("   ").join(cells)
    return lines(*(_weight(name, weight, width - 11, 4) for name, weight in weights))


def _weight(name: str, weight: float, room: int, name_width: int) -> Content:
    return Content.assemble((f"{name:<{name_width}} ", "$secondary"), bar(weight, room, "$primary"), f" {weight:.2f}")


def _sharpness(state: RunState, step: ev.StepReported, width: int) -> Content:
    figure = Content.assemble(("sharpness ", "$secondary"), f"{step.sharpness:.2f} ")
    mode, style = ("aggressive", "$warning") if step.aggressive else ("normal", "$secondary")
    words = Content.assemble((f" {mode}", style), (" mode", "$secondary"))
    room = width - figure.cell_length - words.cell_length
    curve = sparkline([value for _, value in state.sharpness.points], min(max(room, 0), 24))
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


class MemoryPanel(Panel):
    def picture(self, state: RunState, width: int) -> Content:
        step, started = state.step, state.started
        if not step or not started:
            return WAITING
        if started.device.startswith("CPU"):  # it has no limit of its own, and no peak that an allocator keeps
            name, used, mark = "own ", step.memory_used, None
        else:
            name, used, mark = "VRAM peak", step.memory_peak, MEMORY_LIMIT
        own = _memory(name, used, step.memory_total, width, mark)
        host = _memory(f"{'host':<{len(name)}}", step.host_used, step.host_total, width)
        return lines(own, host, _speed(step), _phase(step))


def _memory(name: str, used: int, total: int, width: int, mark: float | None = None) -> Content:
    share = used / max(total, 1)
    figures = f"{gigabytes(used):>5} of {gigabytes(total):>5} GB"
    style = "$warning" if share > 0.9 else "$primary"
    gauge = bar(share, max(width - len(figures) - len(name) - 2, 4), style, mark)
    return Content.assemble((f"{name} ", "$secondary"), gauge, f" {figures}")


def _speed(step: ev.StepReported) -> Content:
    wait = f"{100 * step.data_wait:3.0f} %" if math.isfinite(step.data_wait) else "–"
    return Content.assemble(
        f"{step.samples_per_second:6.1f}",
        (" samples/s", "$secondary"),
        ("   data wait ", "$secondary"),
        (wait, "$warning" if step.data_wait > 0.2 else ""),
    )


def _phase(step: ev.StepReported) -> Content:
    words = [f"learning rate {PHASE_WORDS.get(step.lr_phase, '–')}"]
    style = "$secondary"
    if step.skipped_steps:
        words.append(f"{step.skipped_steps} steps skipped")
        style = "$warning"
    return Content.styled(" · ".join(words), style)
