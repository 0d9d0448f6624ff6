"""The text panels of how well the network learns: loss and validation."""

import math

from textual.content import Content

from vsrpp_core.messages import events as ev
from vsrpp_tui.state.run import RunState
from vsrpp_tui.state.series import smoothed
from vsrpp_tui.widgets.panels.panel import Panel, lines
from vsrpp_tui.widgets.text import bar, decibels, percent, sparkline

LOSS_WINDOW = 8
"""Points averaged for the small curve of the narrow panel."""

WAITING = Content.styled("waiting for the first step", "$secondary")
GAIN_FULL = 6.0
"""dB over LR that fill the bar of the improvement; more is rare at 3×."""


class LossPanel(Panel):
    """Total and parts, and how the total moves; on one line where there is room."""

    def picture(self, state: RunState, width: int) -> Content:
        step = state.step
        if not step:
            return WAITING
        total = Content.assemble(("total ", "$secondary"), (f"{step.loss_total:.5f}", "bold"), "  ", _trend(state))
        parts = (
            ("L1", step.loss_l1, "$chart-l1"),
            ("MS", step.loss_ms, "$chart-ms"),
            ("Grad", step.loss_grad, "$chart-grad"),
        )
        figures = Content("   ").join(
            Content.assemble((f"{name} ", style), f"{loss:.4f}") for name, loss, style in parts
        )
        if width >= total.cell_length + figures.cell_length + 4:
            return Content.assemble(total, "    ", figures)
        if self.screen.has_class("-tall"):  # the chart is below
            return lines(total, figures)
        return lines(total, figures, Content.styled(sparkline(_recent_losses(state), width), "$primary"))


def _recent_losses(state: RunState) -> list[float]:
    return [math.log(value) for _, value in smoothed(state.curves.loss_total.points, LOSS_WINDOW) if value > 0]


def _trend(state: RunState) -> Content:
    trend = state.curves.loss_total.trend()
    if abs(trend) < 0.005:
        return Content.styled("·", "$secondary")
    sign, style = ("▼", "$success") if trend < 0 else ("▲", "$warning")
    return Content.styled(f"{sign} {abs(trend):5.1%}", style)


class ValidationPanel(Panel):
    """LR and KI of the last validation, the gain, the best so far; where there is room, how it changed."""

    def picture(self, state: RunState, width: int) -> Content:
        v = state.validation
        if not v:
            which = "next" if state.curves.ki_psnr.points else "first"  # after a rollback it may be unknown
            words = f"waiting for the {which} validation" if state.started else ""
            return Content.styled(words, "$secondary")
        heading = Content.styled(f"{'':4}{'PSNR':>9}{'SSIM':>9}{'quality':>10}", "$secondary")
        low = Content.styled(_scores("LR", v.lr_psnr, v.lr_ssim, v.lr_quality), "$secondary")
        high = Content.assemble(
            (_scores("KI", v.ki_psnr, v.ki_ssim, v.ki_quality), "bold $success"), _change(state, width)
        )
        rows = [heading, low, high, _lost(state) or _gain(v, width)]
        if self.screen.has_class("-tall"):
            rows.append(_extent(v))
        return lines(*rows)


def _scores(name: str, psnr: float, ssim: float, quality: float) -> str:
    return f"{name:<4}{decibels(psnr):>9}{ssim:>9.4f}{percent(quality):>10}"


def _change(state: RunState, width: int) -> Content:
    """How PSNR moved since the validation before: a sign, and the figure where there is room."""
    change = state.curves.ki_psnr.change()
    if not math.isfinite(change):
        return Content("")
    sign, style = ("·", "$secondary") if abs(change) < 0.005 else ("▲", "$success") if change > 0 else ("▼", "$warning")
    words = f"   {sign} {change:+.2f} dB since the last" if width >= 58 else f"  {sign}"
    return Content.styled(words, style)


def _lost(state: RunState) -> Content | None:
    lost = state.record.lost
    if lost is None:
        return None
    below = "no finite picture" if math.isnan(lost.below) else f"{lost.below:.1f} dB below what it should have"
    return Content.styled(f"✗ lost: {below}; see the log", "bold $error")


def _gain(v: ev.ValidationFinished, width: int) -> Content:
    gain = v.ki_psnr - v.lr_psnr
    sign, style = ("▲", "$success") if gain >= 0 else ("▼", "$warning")
    best = f"   best {percent(v.best_quality)} at {v.best_step:,}" if v.best_step else ""
    words = Content.assemble((f"{sign} {gain:+.2f} dB", f"bold {style}"), (best, "$secondary"))
    room = min(width - words.cell_length - 2, 20)
    if room < 8:
        return words
    return Content.assemble(words, "  ", bar(gain / GAIN_FULL, room, style))


def _extent(v: ev.ValidationFinished) -> Content:
    clips = f" of {v.clips:,} clips" if v.clips > 1 else ""
    return Content.styled(f"{v.samples:,} pairs{clips} in {v.seconds:.1f} s", "$secondary")


def countdown(state: RunState) -> str:
    """For the validation panel's border: steps to the next validation and the next regular save."""
    if not state.started or state.is_over:
        return ""
    return f"next in {state.next_validation:,} · save in {state.next_save:,}"
