"""What a screen shows, as one value: ``reduce(state, event)`` gives the next.

Pure and without Textual or torch, so that replaying a journal rebuilds a screen after a crash, after a resume or in
another terminal, and so that every figure on a screen can be tested without one.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from vsrpp_core.messages import events as ev
from vsrpp_core.messages.changes import with_change
from vsrpp_core.messages.kinds import SettingValue
from vsrpp_core.messages.pace import steps_apart, with_validations
from vsrpp_core.report.record import RunRecord
from vsrpp_core.run.pictures.picture_history import thinned
from vsrpp_tui.state.log import Log, with_event
from vsrpp_tui.state.moments import Moment, with_moment
from vsrpp_tui.state.series import Curves
from vsrpp_tui.state.tuning import Tuning, reduce_tuning

Phase = Literal[
    "idle", "preparing", "training", "paused", "cooling", "validating", "saving", "rolling back", "stopping",
    "completed", "stopped", "failed",
]  # fmt: skip

ANSWER_LIMIT = 64
SMOOTHING = 0.9
"""Share of the old value kept by the smoothed speed at each report."""

QUIET_SECONDS = 30.0
QUIET_STEPS = 10
"""Training that reports no step for longer than either is worth a word."""


@dataclass(frozen=True, slots=True)
class RunState:
    """Everything the screens show of a run."""

    phase: Phase = "idle"
    preparation: ev.PreparationProgressed | None = None
    tuning: Tuning | None = None
    """The search for a network, and after it what it found; None where no event was about one."""
    started: ev.SessionStarted | None = None
    step: ev.StepReported | None = None
    changed_epoch: ev.EpochChanged | None = None
    """The last that began with other pairs than the one before."""
    seconds_per_step: float = 0.0
    """Smoothed."""
    curves: Curves = field(default_factory=Curves)
    lr_cut: float = 1.0
    """What plateaus and rollbacks have multiplied the learning rate by so far."""
    validation_progress: ev.ValidationProgressed | None = None
    validation: ev.ValidationFinished | None = None
    pictures: tuple[ev.ComparisonWritten, ...] = ()
    """Of the last validation, in the order of its samples; while one is under way, the new ones among them."""
    kept_pictures: tuple[ev.ComparisonWritten, ...] = ()
    """Of the validations that can be looked back at, by step; the same are kept on the disk."""
    activity: ev.ActivityMeasured | None = None
    card: ev.CardMeasured | None = None
    """The last that its driver said; None where it says nothing."""
    checkpoint: ev.CheckpointSaved | None = None
    answered: int = 0
    """Commands that the session has answered."""
    answers: tuple[ev.CommandAnswered, ...] = ()
    """The last of these answers, no more than ANSWER_LIMIT."""
    changed: tuple[tuple[str, SettingValue], ...] = ()
    """Settings that were changed during the session, and their values now."""
    ended: ev.SessionEnded | None = None
    failed: ev.SessionFailed | None = None
    moments: tuple[Moment, ...] = ()
    """What happened, by step, for the charts."""
    log: Log = ()
    record: RunRecord = field(default_factory=RunRecord)
    """For the report."""

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
        """Steps until the next regular validation, as far as can be foretold; 0 before the session has begun."""
        if not self.started:
            return 0
        every, minutes = self.started.validate_every, self.started.validate_minutes
        soonest = self._until_next(every)
        if not minutes or not self.validation:
            return soonest
        least = self.validation.step + steps_apart(self.seconds_per_step, every, minutes)
        return max(soonest, least - least % every - self.current_step)

    @property
    def next_save(self) -> int:
        """Steps until the next regular checkpoint; 0 before the session has begun."""
        return self._until_next(self.started.checkpoint_every if self.started else 0)

    def _until_next(self, every: int) -> int:
        return every - self.current_step % every if every > 0 else 0

    @property
    def seconds_left(self) -> float:
        """Until the last step, validations counted in; NaN while the speed is unknown."""
        return (self.max_steps - self.current_step) * self.seconds_a_step

    @property
    def epoch_seconds_left(self) -> float:
        """Until the end of the epoch, validations counted in; NaN while the speed is unknown."""
        if not self.started or not self.step:
            return math.nan
        return (self.started.steps_per_epoch - self.step.epoch_step) * self.seconds_a_step

    @property
    def seconds_a_step(self) -> float:
        """With its share of the validations; NaN while that is unknown."""
        if not self.started or not self.seconds_per_step:
            return math.nan
        validating = self.validation.seconds if self.validation else 0.0
        every, minutes = self.started.validate_every, self.started.validate_minutes
        return with_validations(self.seconds_per_step, validating, every, minutes)

    def is_quiet(self, seconds: float) -> bool:
        """Whether training without a step for so long, and without a change of phase, is unusual."""
        return self.phase == "training" and seconds > max(QUIET_SECONDS, QUIET_STEPS * self.seconds_per_step)


def reduce(state: RunState, event: ev.Event) -> RunState:
    """The state after ``event``; ``state`` is not changed."""
    state, record = _changed(state, event), state.record.with_event(event)
    log, tuning = with_event(state.log, event), reduce_tuning(state.tuning, event)
    moments = with_moment(state.moments, event)
    if log is state.log and tuning is state.tuning and record is state.record and moments is state.moments:
        return state
    return replace(state, log=log, tuning=tuning, record=record, moments=moments)


def replay(events: Iterable[ev.Event]) -> RunState:
    """The state after all ``events``, from nothing."""
    state = RunState()
    for event in events:
        state = reduce(state, event)
    return state


def resumed(events: Iterable[ev.Event]) -> RunState:
    """The state at the start of a session that continues: what was seen, but not how the session before it ended."""
    return replace(replay(events), phase="idle", ended=None, failed=None)


def _changed(state: RunState, event: ev.Event) -> RunState:
    match event:
        case ev.PreparationProgressed():
            return replace(state, phase="preparing", preparation=event)
        case ev.TuningStarted() | ev.ConfigurationPredicted() | ev.ConfigurationTried() | ev.ChoiceOffered():
            return _searching(state, event)
        case ev.SessionStarted():
            return _begun(state, event)
        case ev.PhaseChanged():
            return replace(state, phase=event.phase, validation_progress=None)
        case ev.StepReported():
            return _stepped(state, event)
        case ev.EpochChanged():
            return _grown(state, event)
        case ev.LearningRateReduced():
            return replace(state, lr_cut=event.factor)
        case ev.CardMeasured():
            return replace(state, card=event)
        case ev.ActivityMeasured():
            return replace(state, activity=event)
        case ev.ComparisonWritten():
            kept = _with_kept(state.kept_pictures, event)
            return replace(state, pictures=_with_picture(state.pictures, event), kept_pictures=kept)
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
        case ev.FinishBegan() | ev.FinishCancelled():
            return replace(state, started=with_change(state.started, event) if state.started else None)
        case ev.SessionEnded():
            return replace(state, phase=event.reason, ended=event)
        case ev.SessionFailed():
            return replace(state, phase="failed", failed=event)
        case ev.RestartPlanned():
            waiting = ev.PreparationProgressed(time=event.time, task="waiting to start again", done=0, total=0)
            return replace(state, phase="preparing", preparation=waiting, ended=None, failed=None)
        case _:
            return state


def _searching(state: RunState, event: ev.Event) -> RunState:
    """Auto-tune is work before the first step."""
    match event:
        case ev.ConfigurationTried():
            task = "measuring what this device carries"
        case ev.ChoiceOffered():
            task = "a network is to be chosen"
        case _:
            task = "predicting what this device carries"
    preparation = ev.PreparationProgressed(time=event.time, task=task, done=0, total=0)
    return replace(state, phase="preparing", preparation=preparation)


def _begun(state: RunState, event: ev.SessionStarted) -> RunState:
    """A session's first event; curves of an earlier session continue where this one resumes."""
    kept = _up_to(state, event.step)
    return RunState(
        started=event,
        phase="preparing",
        tuning=state.tuning,
        curves=kept.curves,
        lr_cut=state.lr_cut if event.step else 1.0,
        validation=kept.validation,
        pictures=kept.pictures,
        kept_pictures=kept.kept_pictures,
        activity=kept.activity,
        moments=kept.moments,
        log=state.log,
    )


def _rolled_back(state: RunState, event: ev.RolledBack) -> RunState:
    """The steps since the checkpoint are forgotten; the figures of the moment stay until the next arrive."""
    step = replace(state.step, step=event.to_step) if state.step else None
    return replace(_up_to(state, event.to_step), step=step, lr_cut=event.factor)


def _up_to(state: RunState, step: int) -> RunState:
    """Curves without what lies beyond ``step``: those steps are taken again."""
    return replace(
        state,
        curves=state.curves.up_to(step),
        validation=state.validation if state.validation and state.validation.step <= step else None,
        pictures=tuple(picture for picture in state.pictures if picture.step <= step),
        kept_pictures=tuple(picture for picture in state.kept_pictures if picture.step <= step),
        activity=state.activity if state.activity and state.activity.step <= step else None,
        moments=tuple(moment for moment in state.moments if moment.step <= step),
    )


def _with_picture(
    pictures: tuple[ev.ComparisonWritten, ...], event: ev.ComparisonWritten
) -> tuple[ev.ComparisonWritten, ...]:
    """Each validation writes a sample's picture over its last one, so the new one takes its place here too."""
    if all(picture.path != event.path for picture in pictures):
        return (*pictures, event)
    return tuple(event if picture.path == event.path else picture for picture in pictures)


def _with_kept(kept: tuple[ev.ComparisonWritten, ...], event: ev.ComparisonWritten) -> tuple[ev.ComparisonWritten, ...]:
    """With one more, and thinned as the files are."""
    if not event.kept:
        return kept
    steps = thinned([*(picture.step for picture in kept if picture.step < event.step), event.step])
    others = (picture for picture in kept if picture.step in steps and picture.kept != event.kept)
    return (*others, event)


def _stepped(state: RunState, event: ev.StepReported) -> RunState:
    old, new = state.seconds_per_step, event.seconds_per_step
    return replace(
        state,
        step=event,
        seconds_per_step=SMOOTHING * old + (1 - SMOOTHING) * new if old and new else new or old,
        curves=state.curves.with_step(event),
    )


def _grown(state: RunState, event: ev.EpochChanged) -> RunState:
    """The session as if it had begun with all these pairs."""
    started = state.started and replace(state.started, train_samples=event.pairs, steps_per_epoch=event.steps_per_epoch)
    return replace(state, changed_epoch=event, started=started)


def _set(state: RunState, event: ev.ParameterChanged) -> RunState:
    changed = {**dict(state.changed), event.key: event.new}
    started = with_change(state.started, event) if state.started else None
    return replace(state, started=started, changed=tuple(changed.items()))


def _validated(state: RunState, event: ev.ValidationFinished) -> RunState:
    return replace(
        state,
        validation=event,
        validation_progress=None,
        pictures=tuple(picture for picture in state.pictures if picture.step == event.step),
        curves=state.curves.with_validation(event),
    )
