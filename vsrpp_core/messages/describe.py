"""Events of a run in words: the one place that does so, for the log file, a plain terminal and the screens' logs."""

import math
from dataclasses import dataclass
from typing import Literal

from vsrpp_core.messages import events as ev
from vsrpp_core.messages.changes import AT_EPOCHS, as_text

Tone = Literal["plain", "good", "warning", "fault"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line about an event; ``text`` is empty for what a screen shows in another place."""

    text: str = ""
    tone: Tone = "plain"
    detail: str = ""
    """What a log file and a plain terminal add."""

    @property
    def in_full(self) -> str:
        """For where no colour tells the tone; empty for an event that is only progress."""
        return f"{'warning: ' if self.tone == 'warning' else ''}{self.text}{self.detail}"


def describe(event: ev.Event) -> Line:
    """The line of any event; an empty one for what is only progress."""
    line = _line(event)
    return line if isinstance(line, Line) else Line(line)


def _line(event: ev.Event) -> Line | str:
    match event:
        case ev.SessionStarted():
            return _started(event)
        case ev.RunBranched():
            return f"step {event.step:,}: branched from {event.parent}, {event.checkpoint}"
        case ev.WeightsAdapted(reason="aggressive mode began" | "aggressive mode ended"):
            return f"step {event.step:,}: {event.reason} at {_sharpness(event)}"
        case ev.LearningRateReduced():
            return f"step {event.step:,}: {_plateau(event)}, learning rate x {event.factor:g} from here on"
        case ev.FinishBegan() | ev.FinishCancelled() | ev.RateReentered():
            return Line(
                f"step {event.step:,}: {_course(event)}", "good" if isinstance(event, ev.FinishBegan) else "plain"
            )
        case ev.PassesTimed():
            return _passes(event)
        case ev.ReadersAdded():
            more = f"{event.workers} processes read from here on"
            return f"step {event.step:,}: {event.waited:.0%} of the time was spent waiting for pictures; {more}"
        case ev.EpochChanged():
            return _epoch(event)
        case ev.CardThrottled() | ev.CoolingBegan() | ev.CoolingEnded():
            return _heat(event)
        case ev.ValidationFinished():
            return _validated(event)
        case ev.RunLost():
            return Line(f"step {event.step:,}: {describe_lost(event)}", "fault")
        case ev.ValidationAborted():
            return Line(f"step {event.step:,}: validation ended early, {event.reason}", "warning")
        case ev.CheckpointSaved():
            facts = f"{event.kind}, {event.size / 1e6:.1f} MB{'' if event.kind == 'best' else _best(event)}"
            return Line(f"step {event.step:,}: saved {event.name} ({facts})", "good")
        case ev.CheckpointFailed():
            return Line(f"step {event.step:,}: NOT saved ({event.kind}): {event.error}", "fault")
        case ev.RolledBack():
            back = (
                f"back to {event.checkpoint} of step {event.to_step:,}, learning rate x {event.factor:g} from here on"
            )
            return Line(f"step {event.step:,}: {event.reason}; {back}", "fault")
        case ev.CommandAnswered():
            return _answered(event)
        case ev.ParameterChanged():
            when = "the next epoch" if event.key in AT_EPOCHS else "here"
            values = f"{as_text(event.new) or 'empty'} from {when} on, was {as_text(event.old) or 'empty'}"
            return f"step {event.step:,}: {event.key} is {values}"
        case ev.MarkPlaced():
            return f"step {event.step:,}: mark: {event.text}"
        case ev.WarningRaised():
            return Line(event.message, "warning")
        case ev.SessionEnded():
            saved = f"; {event.checkpoint} holds it" if event.checkpoint else ""
            return Line(f"{event.reason} at step {event.step:,}{saved}", "good")
        case ev.SessionFailed():
            saved = f"; {event.checkpoint} holds the run" if event.checkpoint else ""
            return Line(f"failed at step {event.step:,}: {event.error}{saved}", "fault")
        case ev.RestartPlanned():
            when = f"in {event.seconds:g} s ({event.attempt} of {event.restarts})"
            return Line(f"step {event.step:,}: starts again {when}: {event.reason}", "warning")
        case _:
            return _searched(event)


def _searched(event: ev.Event) -> Line:
    """What auto-tune does; its screen has limits, predictions and offers in a table."""
    match event:
        case ev.TuningStarted():
            return Line(detail=_limits(event))
        case ev.ConfigurationPredicted() if event.index:  # else it is asked for at every key that is typed
            return Line(detail=f"auto-tune predicts {_rung(event)}: {_predicted(event)}{event.verdict}")
        case ev.ConfigurationTried():
            return Line(f"auto-tune {_rung(event)}: {event.verdict}", "good" if event.passed else "plain")
        case ev.ChoiceOffered():
            return Line(detail=_offered(event))
        case ev.ConfigurationChosen():
            return Line(f"auto-tune takes {_rung(event)}; {event.found}", "good")
        case _:
            return Line()


def _started(event: ev.SessionStarted) -> Line:
    aligned = "" if event.alignment == "none" else f"{event.alignment} alignment, "
    begun = f"with the weights of {event.init}" if event.init else "fresh"
    origin = f"resumed from {event.resumed_from}" if event.resumed_from else begun
    return Line(
        f"{origin}, step {event.step:,} of {event.max_steps:,}; "
        f"{event.train_samples:,} training and {event.val_samples:,} validation samples",
        detail=f" of {event.data}; {event.n_feats} feature maps, {event.n_blocks} blocks, "
        f"{aligned}{event.parameters / 1e6:.2f} M parameters, batch {event.batch_size} x {event.accumulation}; "
        f"{event.device}, {event.precision} ({event.precision_reason}); run {event.run}",
    )


def _epoch(event: ev.EpochChanged) -> Line:
    added = f"+{event.added:,} pairs; " if event.added else ""
    shown = f", shown {event.samples:,} times ({event.weights})" if event.weights else ""
    whole = f"epoch {event.epoch:,} has {event.pairs:,} pairs{shown}, in {event.steps_per_epoch:,} steps"
    return Line(f"step {event.step:,}: {added}{whole}", "good" if event.added else "plain")


def _plateau(event: ev.LearningRateReduced) -> str:
    """What was seen, where the journal has it."""
    if not event.validations:
        return "plateau"
    gained = f"{event.validations} validations gained {event.gain:+.3%} quality"
    return f"plateau: {gained}, within their uncertainty of ±{event.uncertainty:.3%}"


def _course(event: ev.FinishBegan | ev.FinishCancelled | ev.RateReentered) -> str:
    """What the learning rate does next."""
    match event:
        case ev.FinishBegan():
            return f"finishing: the learning rate falls to its end at step {event.max_steps:,}, where the run ends"
        case ev.FinishCancelled():
            return f"no longer finishing; the run ends at step {event.max_steps:,} again"
        case ev.RateReentered():
            return (
                f"a complete run continues: the learning rate rises to {event.peak:.2g} by step {event.peak_step:,}, "
                f"then falls to its end at step {event.max_steps:,}"
            )


def _sharpness(event: ev.WeightsAdapted) -> str:
    """The last step's, and what was judged where that is another figure."""
    lately = "" if math.isnan(event.attained) else f", lately {event.attained:.0%} of what it has shown"
    return f"sharpness {event.sharpness:.2f}{lately}"


def _validated(event: ev.ValidationFinished) -> Line:
    ki = f"KI {event.ki_psnr:.2f} dB"
    samples = f"{event.samples} samples" + (f" of {event.clips} clips" if event.clips > 1 else "")
    return Line(
        f"step {event.step:,}: validation {ki}, {event.ki_psnr - event.lr_psnr:+.2f} dB over LR{_best(event)}",
        detail=f"; LR {event.lr_psnr:.2f} dB / {event.lr_ssim:.4f}, {ki} / {event.ki_ssim:.4f}, "
        f"quality {event.ki_quality:.1%}; {samples} in {event.seconds:.1f} s",
    )


SAFE_RATE = 1e-4
"""``schedule.lr_max`` by default, which trains networks of every size."""


def describe_lost(event: ev.RunLost) -> str:
    """What was seen, and what to do: a tenth of the rate, or where that is still high the default."""
    reference = "bicubic" if not event.best_psnr > event.lr_psnr else "its own best"
    seen = "its pictures are not finite" if math.isnan(event.below) else f"{event.below:.1f} dB below {reference}"
    rate = f"--set schedule.lr_max={min(event.lr_max / 10, SAFE_RATE):.2g}"
    way = f"--resume --from {event.checkpoint} {rate}" if event.checkpoint else f"--fresh {rate}"
    return f"the network is lost, {seen}; more steps will not bring it back: stop, and train again with {way}"


def _passes(event: ev.PassesTimed) -> str:
    """What was kept, what each way took, and what failed."""
    names = {"off": "as it is", "on": "compiled", "graphs": "as CUDA graphs"}
    known = zip(event.ways, event.seconds, event.prepared, strict=False)
    taken = (
        f"{seconds:.3f} s {names.get(way, way)}" + (f" (made in {prepared:.0f} s)" if prepared >= 1 else "")
        for way, seconds, prepared in known
        if math.isfinite(seconds)
    )
    failed = f"; failed: {'; '.join(event.errors)}" if event.errors else ""
    kept = names.get(event.chosen, event.chosen)
    return f"step {event.step:,}: the network runs {kept}; a step took {', '.join(taken)}{failed}"


def _heat(event: ev.CardThrottled | ev.CoolingBegan | ev.CoolingEnded) -> Line:
    """A power cap is how a card is made; all else can be helped."""
    at = f"step {event.step:,}: the card is at {event.temperature:.0f} °C"
    match event:
        case ev.CardThrottled(reasons=("power cap",)):
            return Line(f"step {event.step:,}: the card works at its power limit, so below its highest clock")
        case ev.CardThrottled():
            return Line(f"{at} and slows itself down ({'; '.join(event.reasons)}): give it more cooling", "warning")
        case ev.CoolingBegan():
            waits = f"training waits until it has cooled to {event.resume_at:.0f} °C, or until it is resumed"
            return Line(f"{at}, and guard.max_temperature is {event.max_temperature:.0f}: {waits}", "warning")
        case ev.CoolingEnded():
            return Line(f"{at} after {event.seconds / 60:.1f} minutes of waiting, training continues")


def _best(event: ev.ValidationFinished | ev.CheckpointSaved) -> str:
    return ", new best" if event.is_best else ""


def _answered(event: ev.CommandAnswered) -> Line:
    """A screen shows by other means what a command did, but for a pause."""
    answer = f"step {event.step:,}: {event.command}: {event.message}"
    if event.accepted and event.command == "PredictByHand":  # asked for at every key that is typed
        return Line()
    if event.accepted and event.command not in ("Pause", "Resume"):
        return Line(detail=answer)
    return Line(answer, "plain" if event.accepted else "warning")


def _limits(event: ev.TuningStarted) -> str:
    return (
        f"auto-tune on {event.device} ({event.precision}): at most {event.max_seconds:g} s per step and "
        f"{event.max_memory:.0%} of {event.device_memory / 2**30:.1f} GB, "
        f"effective batch {event.min_effective_batch} at least"
    )


def _offered(event: ev.ChoiceOffered) -> str:
    if not event.index:
        return f"auto-tune waits for a choice: {event.advice}"
    taken = f"is taken in {event.seconds:g} s" if event.seconds else "waits to be taken"
    return f"auto-tune offers {event.index}, which {taken}"


def _rung(event: ev.ConfigurationPredicted | ev.ConfigurationTried | ev.ConfigurationChosen) -> str:
    checkpointing = "" if event.checkpointing == "none" else f", checkpointing {event.checkpointing}"
    return (
        f"{event.index or 'by hand'}: {event.n_feats} feature maps, {event.n_blocks} blocks, "
        f"batch {event.batch_size} x {event.accumulation}{checkpointing}"
    )


def _predicted(event: ev.ConfigurationPredicted) -> str:
    seconds = "" if math.isnan(event.predicted_seconds) else f"about {event.predicted_seconds:.2f} s a step and "
    return f"{seconds}{event.predicted_memory / 2**30:.1f} GB, "
