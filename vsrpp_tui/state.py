"""What a screen shows, as one value: ``reduce(state, event)`` gives the next.

Pure and without Textual or torch, so that replaying a journal rebuilds a screen after a crash, after a resume or in
another terminal, and so that every figure on a screen can be tested without one.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from vsrpp_core.messages import events as ev

Phase = Literal[
    "idle", "preparing", "training", "paused", "validating", "saving", "rolling back", "stopping",
    "completed", "stopped", "failed",
]  # fmt: skip
Tone = Literal["plain", "good", "warning", "fault"]

SERIES_LIMIT = 512
LOG_LIMIT = 500
ANSWER_LIMIT = 64
SMOOTHING = 0.9
"""Share of the old value kept by the smoothed speed at each report."""

TREND_WINDOW = 50
"""Points of the loss on either side that a trend compares."""


@dataclass(frozen=True, slots=True)
class Series:
    """A curve of bounded length: once full, neighbours are merged and each point stands for twice as many reports."""

    points: tuple[tuple[float, float], ...] = ()
    """(step, value), oldest first; the mean of ``stride`` reports each."""
    stride: int = 1
    pending: tuple[tuple[float, float], ...] = ()

    def add(self, step: float, value: float) -> "Series":
        """With one report more; a value that is not finite is left out."""
        if not math.isfinite(value):
            return self
        pending = (*self.pending, (step, value))
        if len(pending) < self.stride:
            return replace(self, pending=pending)
        points = (*self.points, _mean_point(pending))
        if len(points) < SERIES_LIMIT:
            return replace(self, points=points, pending=())
        merged = tuple(_mean_point(points[i : i + 2]) for i in range(0, len(points), 2))
        return Series(merged, 2 * self.stride)

    def up_to(self, step: float) -> "Series":
        """Without what lies beyond ``step``: a resumed run takes those steps again."""
        kept = tuple(point for point in self.points if point[0] <= step)
        return Series(kept, self.stride)

    def smoothed(self, window: int) -> list[tuple[float, float]]:
        """Running mean over up to ``window`` points, each placed at its last one."""
        result, total = [], 0.0
        for index, (step, value) in enumerate(self.points):
            total += value - (self.points[index - window][1] if index >= window else 0.0)
            result.append((step, total / min(index + 1, window)))
        return result

    def trend(self) -> float:
        """Relative change between the last points and those before them; 0 while there are too few."""
        values = [value for _, value in self.points[-2 * TREND_WINDOW :]]
        if len(values) < 2 * TREND_WINDOW:
            return 0.0
        before, after = sum(values[:TREND_WINDOW]), sum(values[TREND_WINDOW:])
        return (after - before) / before if before else 0.0


def _mean_point(points: Iterable[tuple[float, float]]) -> tuple[float, float]:
    steps, values = zip(*points, strict=True)
    return sum(steps) / len(steps), sum(values) / len(values)


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of the events panel; ``time`` in seconds since the Unix epoch."""

    time: float
    tone: Tone
    text: str
    event: str = ""
    """Name of the event that it tells of."""


@dataclass(frozen=True, slots=True)
class RunState:
    """Everything the screens show of a run."""

    phase: Phase = "idle"
    preparation: ev.PreparationProgressed | None = None
    started: ev.SessionStarted | None = None
    step: ev.StepReported | None = None
    seconds_per_step: float = 0.0
    """Smoothed."""
    loss: Series = field(default_factory=Series)
    sharpness: Series = field(default_factory=Series)
    validation_progress: ev.ValidationProgressed | None = None
    validation: ev.ValidationFinished | None = None
    ki_psnr: Series = field(default_factory=Series)
    lr_psnr: Series = field(default_factory=Series)
    activity: ev.ActivityMeasured | None = None
    checkpoint: ev.CheckpointSaved | None = None
    answered: int = 0
    """Commands that the session has answered."""
    answers: tuple[ev.CommandAnswered, ...] = ()
    """The last of these answers, no more than ANSWER_LIMIT."""
    changed: tuple[tuple[str, str], ...] = ()
    """Settings that were changed during the session and their values now, as in config.toml."""
    ended: ev.SessionEnded | None = None
    failed: ev.SessionFailed | None = None
    log: tuple[LogLine, ...] = ()

    @property
    def current_step(self) -> int:
        if self.step:
            return self.step.step
        return self.started.step if self.started else 0

    @property
    def max_steps(self) -> int:
        return self.started.max_steps if self.started else 0

    @property
    def is_over(self) -> bool:
        return self.ended is not None or self.failed is not None

    @property
    def next_validation(self) -> int:
        """Steps until the next regular validation; 0 before the session has begun."""
        if not self.started:
            return 0
        every = self.started.validate_every
        return every - self.current_step % every

    @property
    def seconds_left(self) -> float:
        """Until the last step, validations counted in; NaN while the speed is unknown."""
        if not self.started or not self.seconds_per_step:
            return math.nan
        validating = self.validation.seconds / self.started.validate_every if self.validation else 0.0
        return (self.max_steps - self.current_step) * (self.seconds_per_step + validating)

    @property
    def epoch_seconds_left(self) -> float:
        """Until the end of the epoch, without validations; NaN while the speed is unknown."""
        if not self.started or not self.step or not self.seconds_per_step:
            return math.nan
        return (self.started.steps_per_epoch - self.step.epoch_step) * self.seconds_per_step


def reduce(state: RunState, event: ev.Event) -> RunState:
    """The state after ``event``; ``state`` is not changed."""
    return _logged(_changed(state, event), event)


def replay(events: Iterable[ev.Event]) -> RunState:
    """The state after all ``events``, from nothing."""
    state = RunState()
    for event in events:
        state = reduce(state, event)
    return state


def resumed(events: Iterable[ev.Event]) -> RunState:
    """The state at the start of a session that goes on: what was seen, but not how the session before it ended."""
    return replace(replay(events), phase="idle", ended=None, failed=None)


def _changed(state: RunState, event: ev.Event) -> RunState:
    match event:
        case ev.PreparationProgressed():
            return replace(state, phase="preparing", preparation=event)
        case ev.SessionStarted():
            return _begun(state, event)
        case ev.ConfigurationTried():
            measured = ev.PreparationProgressed(
                time=event.time, task="measuring what this device carries", done=0, total=0
            )
            return replace(state, phase="preparing", preparation=measured)
        case ev.PhaseChanged():
            return replace(state, phase=event.phase, validation_progress=None)
        case ev.StepReported():
            return _stepped(state, event)
        case ev.ActivityMeasured():
            return replace(state, activity=event)
        case ev.ValidationProgressed():
            return replace(state, validation_progress=event)
        case ev.ValidationFinished():
            return _validated(state, event)
        case ev.CheckpointSaved():
            return replace(state, checkpoint=event)
        case ev.RolledBack():
            return _rolled_back(state, event)
        case ev.CommandAnswered():
            answers = (*state.answers, event)[-ANSWER_LIMIT:]
            return replace(state, answered=state.answered + 1, answers=answers)
        case ev.ParameterChanged():
            return _set(state, event)
        case ev.SessionEnded():
            return replace(state, phase=event.reason, ended=event)
        case ev.SessionFailed():
            return replace(state, phase="failed", failed=event)
        case _:
            return state


def _begun(state: RunState, event: ev.SessionStarted) -> RunState:
    """A session's first event; curves of an earlier session go on from where this one resumes."""
    kept = _up_to(state, event.step)
    return RunState(
        started=event,
        phase="preparing",
        loss=kept.loss,
        sharpness=kept.sharpness,
        ki_psnr=kept.ki_psnr,
        lr_psnr=kept.lr_psnr,
        validation=kept.validation,
        log=state.log,
    )


def _rolled_back(state: RunState, event: ev.RolledBack) -> RunState:
    """The steps since the checkpoint are forgotten; the figures of the moment stay until the next are told."""
    step = replace(state.step, step=event.to_step) if state.step else None
    return replace(_up_to(state, event.to_step), step=step)


def _up_to(state: RunState, step: int) -> RunState:
    """Curves without what lies beyond ``step``: those steps are taken again."""
    return replace(
        state,
        loss=state.loss.up_to(step),
        sharpness=state.sharpness.up_to(step),
        ki_psnr=state.ki_psnr.up_to(step),
        lr_psnr=state.lr_psnr.up_to(step),
        validation=state.validation if state.validation and state.validation.step <= step else None,
    )


def _stepped(state: RunState, event: ev.StepReported) -> RunState:
    old, new = state.seconds_per_step, event.seconds_per_step
    return replace(
        state,
        step=event,
        seconds_per_step=SMOOTHING * old + (1 - SMOOTHING) * new if old and new else new or old,
        loss=state.loss.add(event.step, event.loss_total),
        sharpness=state.sharpness.add(event.step, event.sharpness),
    )


def _set(state: RunState, event: ev.ParameterChanged) -> RunState:
    changed = {**dict(state.changed), event.key: event.new}
    started = ev.with_change(state.started, event) if state.started else None
    return replace(state, started=started, changed=tuple(changed.items()))


def _validated(state: RunState, event: ev.ValidationFinished) -> RunState:
    return replace(
        state,
        validation=event,
        validation_progress=None,
        ki_psnr=state.ki_psnr.add(event.step, event.ki_psnr),
        lr_psnr=state.lr_psnr.add(event.step, event.lr_psnr),
    )


# the events panel


def _logged(state: RunState, event: ev.Event) -> RunState:
    line = log_line(event)
    return replace(state, log=(*state.log, line)[-LOG_LIMIT:]) if line else state


def log_line(event: ev.Event) -> LogLine | None:
    """The line that tells of an event, or None for one that the other panels show."""
    said = _say(event)
    return LogLine(event.time, *said, type(event).__name__) if said else None


def _say(event: ev.Event) -> tuple[Tone, str] | None:
    """What the events panel tells of an event, or None for one that the other panels show."""
    match event:
        case ev.SessionStarted():
            origin = f"resumed from {event.resumed_from}" if event.resumed_from else "a fresh run"
            return "plain", f"{origin}, {event.train_samples:,} training and {event.val_samples:,} validation pairs"
        case ev.WeightsAdapted() if "mode" in event.reason:
            return "plain", f"{event.reason} at sharpness {event.sharpness:.2f}"
        case ev.LearningRateReduced():
            return "plain", f"plateau: learning rate × {event.factor:g} from step {event.step:,}"
        case ev.ValidationFinished():
            return _say_validated(event)
        case ev.ValidationAborted():
            return "warning", f"validation ended early: {event.reason}"
        case ev.CheckpointSaved():
            return "good", f"{event.name} saved{', new best' if event.is_best else ''} ({event.size / 1e6:.1f} MB)"
        case ev.CheckpointFailed():
            return "fault", f"not saved: {event.error}"
        case ev.RolledBack():
            return "fault", f"{event.reason}: back to step {event.to_step:,}, learning rate × {event.factor:g}"
        case ev.CommandAnswered() if not event.accepted:
            return "warning", f"{event.command}: {event.message}"
        case ev.CommandAnswered() if event.command in ("Pause", "Resume"):
            return "plain", f"{event.message} at step {event.step:,}"
        case ev.ParameterChanged():
            return "plain", f"{event.key} is {event.new} from step {event.step:,} on, was {event.old}"
        case ev.MarkPlaced():
            return "plain", f"mark at step {event.step:,}: {event.text}"
        case ev.ConfigurationTried():
            size = f"{event.n_feats} × {event.n_blocks}, batch {event.batch_size} × {event.accumulation}"
            return "good" if event.passed else "plain", f"auto-tune {size}: {event.verdict}"
        case ev.WarningRaised():
            return "warning", event.message
        case ev.SessionEnded():
            return "good", f"{event.reason} at step {event.step:,}, kept in {event.checkpoint}"
        case ev.SessionFailed():
            return "fault", event.error
        case _:
            return None


def _say_validated(event: ev.ValidationFinished) -> tuple[Tone, str]:
    gain = event.ki_psnr - event.lr_psnr
    best = ", new best" if event.is_best else ""
    return "plain", f"step {event.step:,}: KI {event.ki_psnr:.2f} dB, {gain:+.2f} dB over LR{best}"
