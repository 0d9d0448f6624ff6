"""Events in words, one line each, for a log file or a plain terminal. A screen has its own way of showing them."""

import math

from vsrpp_core.messages import events as ev
from vsrpp_core.messages.events import as_text


def plateau(event: ev.LearningRateReduced) -> str:
    """What was seen, where the journal has it."""
    if not event.validations:
        return "plateau"
    return (
        f"plateau: {event.validations} validations gained {event.gain:+.3%} quality, within their "
        f"uncertainty of ±{event.uncertainty:.3%}"
    )


def sharpness(event: ev.WeightsAdapted) -> str:
    """The last step's, and what was judged where that is another figure."""
    lately = "" if math.isnan(event.attained) else f", lately {event.attained:.0%} of what it has shown"
    return f"sharpness {event.sharpness:.2f}{lately}"


def describe(event: ev.Event) -> str:
    """One line for an event worth a line; empty for one that is only progress."""
    match event:
        case ev.SessionStarted():
            return _started(event)
        case ev.WeightsAdapted(reason="aggressive mode began" | "aggressive mode ended"):
            return f"step {event.step:,}: {event.reason} at {sharpness(event)}"
        case ev.LearningRateReduced():
            return f"step {event.step:,}: {plateau(event)}, learning rate x {event.factor:g} from here on"
        case ev.ValidationFinished():
            return _validated(event)
        case ev.ValidationAborted():
            return f"step {event.step:,}: validation ended early, {event.reason}"
        case ev.CheckpointSaved():
            best = ", the best so far" if event.is_best else ""
            return f"step {event.step:,}: saved {event.name} ({event.kind}, {event.size / 1e6:.1f} MB{best})"
        case ev.CheckpointFailed():
            return f"step {event.step:,}: NOT saved ({event.kind}): {event.error}"
        case ev.RolledBack():
            return (
                f"step {event.step:,}: {event.reason}; back to {event.checkpoint} of step {event.to_step:,}, "
                f"learning rate x {event.factor:g} from here on"
            )
        case ev.TuningStarted():
            return (
                f"auto-tune on {event.device} ({event.precision}): at most {event.max_seconds:g} s per step and "
                f"{event.max_memory:.0%} of {event.device_memory / 2**30:.1f} GB, "
                f"effective batch {event.min_effective_batch} at least"
            )
        case ev.ConfigurationPredicted(index=0) | ev.CommandAnswered(command="PredictByHand", accepted=True):
            return ""  # asked for at every key that is typed
        case ev.ConfigurationPredicted():
            return f"auto-tune predicts {_rung(event)}: {_predicted(event)}{event.verdict}"
        case ev.ConfigurationTried():
            return f"auto-tune {_rung(event)}: {event.verdict}"
        case ev.ChoiceOffered():
            return _offered(event)
        case ev.ConfigurationChosen():
            return f"auto-tune takes {_rung(event)}; {event.found}"
        case ev.CommandAnswered():
            return f"step {event.step:,}: {event.command}: {event.message}"
        case ev.ParameterChanged():
            return f"step {event.step:,}: {event.key} is {as_text(event.new)} from here on, was {as_text(event.old)}"
        case ev.MarkPlaced():
            return f"step {event.step:,}: mark: {event.text}"
        case ev.WarningRaised():
            return f"warning: {event.message}"
        case ev.SessionEnded():
            saved = f"; {event.checkpoint} holds it" if event.checkpoint else ""
            return f"{event.reason} at step {event.step:,}{saved}"
        case ev.SessionFailed():
            saved = f"; {event.checkpoint} holds the run" if event.checkpoint else ""
            return f"failed at step {event.step:,}: {event.error}{saved}"
        case _:
            return ""


def _started(event: ev.SessionStarted) -> str:
    aligned = "" if event.alignment == "none" else f"{event.alignment} alignment, "
    origin = f"resumed from {event.resumed_from}" if event.resumed_from else "fresh"
    return (
        f"{event.run}: {origin}, step {event.step:,} of {event.max_steps:,}; "
        f"{event.train_samples:,} training and {event.val_samples:,} validation samples of {event.data}; "
        f"{event.n_feats} feature maps, {event.n_blocks} blocks, {aligned}{event.parameters / 1e6:.2f} M parameters, "
        f"batch {event.batch_size} x {event.accumulation}; "
        f"{event.device}, {event.precision} ({event.precision_reason})"
    )


def _validated(event: ev.ValidationFinished) -> str:
    gain = event.ki_psnr - event.lr_psnr
    best = ", the best so far" if event.is_best else ""
    samples = f"{event.samples} samples" + (f" of {event.clips} clips" if event.clips > 1 else "")
    return (
        f"step {event.step:,}: validation LR {event.lr_psnr:.2f} dB / {event.lr_ssim:.4f}, "
        f"KI {event.ki_psnr:.2f} dB / {event.ki_ssim:.4f} ({gain:+.2f} dB), "
        f"quality {event.ki_quality:.1%}{best}; {samples} in {event.seconds:.1f} s"
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
