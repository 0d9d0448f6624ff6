"""The training loop. Read ``train`` from top to bottom: it is the table of contents.

The trainer speaks only in events and obeys only commands; it writes nothing but checkpoints and comparison pictures.
"""

import contextlib
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vsrpp_core.adaptive.grad_clip import AdaptiveGradClip
from vsrpp_core.adaptive.loss_weights import AdaptiveLossWeights
from vsrpp_core.adaptive.lr_schedule import LRSchedule
from vsrpp_core.adaptive.stateful import Stateful
from vsrpp_core.data.dataset import TrainingStream
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import events as ev
from vsrpp_core.network.lean import LeanVSR
from vsrpp_core.network.model import Activity, VSRBidirectional3x, measure_activity
from vsrpp_core.run.checkpoints import CheckpointError, CheckpointStore
from vsrpp_core.run.config import RunConfig, as_text, is_live
from vsrpp_core.run.folder import CheckpointInfo
from vsrpp_core.training.average import WeightAverage
from vsrpp_core.training.figures import StepClock, StepFigures
from vsrpp_core.training.hardware import Hardware, MemoryMeter
from vsrpp_core.training.inbox import Inbox
from vsrpp_core.training.step import OptimizerStep
from vsrpp_core.training.validator import ValidationResult, Validator

ADAPT_EVERY = 10
"""Steps between two looks of the adaptive parts at the figures: the only regular wait for the device."""

REPORT_SECONDS = 0.5
"""A slow step is reported at once, so that a screen moves; a fast one at the status cadence."""

MAX_SKIPPED_IN_A_ROW = 50


@dataclass
class Progress:
    """What the trainer counts; all of it is in a checkpoint."""

    step: int = 0
    last_loss: float = math.nan
    last_quality: float = math.nan
    """Quality of the last validation, and the step it was made at."""
    last_quality_step: int = -1
    best_quality: float = 0.0
    best_step: int = 0
    skipped_in_a_row: int = 0

    def state_dict(self) -> dict[str, Any]:
        return dict(vars(self))

    def load_state_dict(self, state: dict[str, Any]) -> None:
        vars(self).update(state)


class TorchRandomState:
    """torch's global generators; Stateful."""

    def state_dict(self) -> dict[str, Any]:
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        return {"cpu": torch.get_rng_state(), "cuda": cuda}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        torch.set_rng_state(state["cpu"])
        if torch.cuda.is_available() and len(state["cuda"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all(state["cuda"])


class Trainer:
    """Trains one network; ``train`` yields events until the last step, a Stop, or an error."""

    def __init__(
        self,
        config: RunConfig,
        hardware: Hardware,
        stream: TrainingStream,
        validator: Validator,
        store: CheckpointStore,
    ) -> None:
        torch.manual_seed(config.training.seed)
        self._config, self._cadence, self._hardware = config, config.cadence, hardware
        self._stream, self._validator, self._store = stream, validator, store
        self.model = build_model(config, hardware)
        self._average = WeightAverage(self.model, config.training.ema)
        self._step = OptimizerStep(self.model, config.training, hardware)
        self._weights = AdaptiveLossWeights(config.loss, config.schedule.warmup_steps)
        self._clip = AdaptiveGradClip(config.clipping)
        self._schedule = LRSchedule(config.schedule, config.training.max_steps)
        self._figures, self._clock, self._progress = StepFigures(), StepClock(), Progress()
        self._memory = MemoryMeter(hardware)
        self._skipped_steps = 0
        self._stopping = False
        self._reported_step = self._kept_step = -1
        self._recovery_tried_at = time.monotonic()

    # what a session may ask

    @property
    def config(self) -> RunConfig:
        """The settings now: those of the start, and what was changed since."""
        return self._config

    @property
    def progress(self) -> Progress:
        return self._progress

    @property
    def is_complete(self) -> bool:
        return self._progress.step >= self._config.training.max_steps

    def state_dict(self) -> dict[str, Any]:
        """Everything a checkpoint holds: the state of each part under its name, and the configuration."""
        states = {name: part.state_dict() for name, part in self._parts().items()}
        return {**states, "model": self.model.state_dict(), "config": self._config.model_dump()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self._reported_step = self._progress.step  # by the session that took it

    def adopt(self, weights: dict[str, Tensor], optimizer: dict[str, Any], step: int) -> None:
        """Go on from a network that another program trained for ``step`` steps; what adapts begins anew."""
        self.model.load_state_dict(weights)
        self._average.restart()
        if optimizer:
            self._step.adopt(optimizer)
        self._progress.step = step

    def _parts(self) -> dict[str, Stateful]:
        return {
            "average": self._average,
            "optimizer_step": self._step,
            "loss_weights": self._weights,
            "grad_clip": self._clip,
            "lr_schedule": self._schedule,
            "stream": self._stream,
            "figures": self._figures,
            "progress": self._progress,
            "random": TorchRandomState(),
        }

    # the loop

    def train(self, inbox: Inbox) -> Iterator[ev.Event]:
        """Steps until ``max_steps`` or a Stop; ends with everything saved."""
        yield self._phase("training")
        while not self.is_complete:
            yield from self._obey(inbox)
            if self._stopping:
                break
            activity = self._advance()
            yield from self._adapt_when_due()
            if activity:
                yield _activity_event(self._progress.step, activity)
            yield from self._report_when_due()
            yield from self._validate_when_due(inbox)
            yield from self._save_when_due()
        yield from self._finish(inbox)

    def _advance(self) -> Activity | None:
        """Take one optimizer step; its layer activity where that is due."""
        step = self._progress.step + 1
        with self._clock.step(), self._activity_when_due(step) as activity:
            with self._clock.waiting():
                batches = self._stream.next_step()
            rate = self._schedule.rate(step)
            figures = self._step.run(batches, self._weights.weights, self._clip.clip_norm, rate)
        self._average.update()
        self._stream.confirm()
        self._figures.add(figures)
        self._clock.count(sum(len(batch) for batch in batches))
        self._progress.step = step
        return activity

    def _activity_when_due(self, step: int) -> contextlib.AbstractContextManager[Activity | None]:
        if step % self._cadence.tensorboard_every:
            return contextlib.nullcontext()
        return measure_activity(self.model)

    def _adapt_when_due(self) -> Iterator[ev.Event]:
        """Hand the figures of the last steps to the adaptive parts, in order."""
        now = self._progress.step
        if now % ADAPT_EVERY:
            return
        with self._clock.reading():
            rows = self._figures.take()
        for step, row in enumerate(rows, start=now - len(rows) + 1):
            yield from self._observe(step, row)

    def _observe(self, step: int, row: dict[str, float]) -> Iterator[ev.Event]:
        self._clip.observe(row["gradient_norm"])
        self._count_skipped(row)
        if not math.isfinite(row["gradient_norm"]):
            return
        change = self._weights.observe(step, row["sharpness"], row["loss_grad"])
        if change:
            yield ev.WeightsAdapted(
                step=step,
                reason=change.reason,
                sharpness=row["sharpness"],
                aggressive=self._weights.aggressive,
                **_weight_fields(change.weights),
            )
        if self._schedule.observe(step, row["loss_l1"]):  # L1: its meaning stays as the weights move
            yield ev.LearningRateReduced(step=step, factor=self._schedule.factor)

    def _count_skipped(self, row: dict[str, float]) -> None:
        """Weights are untouched by a skipped step; many in a row mean that training cannot go on."""
        if math.isfinite(row["gradient_norm"]):
            self._progress.skipped_in_a_row = 0
            return
        self._skipped_steps += 1
        self._progress.skipped_in_a_row += 1
        if self._progress.skipped_in_a_row >= MAX_SKIPPED_IN_A_ROW:
            raise VsrppError(
                f"the last {MAX_SKIPPED_IN_A_ROW} steps up to {self._progress.step} had no finite gradient and changed "
                "nothing; resume with a lower schedule.lr_max or training.precision = fp32"
            )

    def _report_when_due(self) -> Iterator[ev.Event]:
        """At every cadence of those who listen, or they would wait for a step that is never reported."""
        cadences = (self._cadence.status_every, self._cadence.tensorboard_every, self._cadence.journal_every)
        due = any(self._progress.step % every == 0 for every in cadences)
        if due or self._clock.seconds_since_report() >= REPORT_SECONDS:
            yield self._report()

    def _report(self) -> ev.Event:
        step = self._reported_step = self._progress.step
        with self._clock.reading():
            row = self._figures.latest()
        self._progress.last_loss = row["loss_total"]
        seconds, samples, waited = self._clock.report()
        memory = self._memory.read()
        return ev.StepReported(
            step=step,
            epoch=self._stream.epoch,
            epoch_step=self._stream.epoch_step,
            **row,
            **_weight_fields(self._weights.weights),
            aggressive=self._weights.aggressive,
            learning_rate=self._schedule.rate(step),
            lr_phase=int(self._schedule.phase(step)),
            clip_norm=self._clip.clip_norm,
            skipped_steps=self._skipped_steps,
            seconds_per_step=seconds,
            samples_per_second=samples,
            data_wait=waited,
            memory_used=memory.used,
            memory_peak=memory.peak,
            memory_total=memory.total,
            host_used=memory.host_used,
            host_total=memory.host_total,
        )

    # validation

    def _validate_when_due(self, inbox: Inbox) -> Iterator[ev.Event]:
        if self._progress.step % self._cadence.validate_every == 0:
            yield from self._validate(inbox)

    def _validate(self, inbox: Inbox) -> Iterator[ev.Event]:
        step, start = self._progress.step, time.perf_counter()
        yield self._phase("validating")
        for item in self._validator.run(self._average.model, step):
            if isinstance(item, ValidationResult):
                yield from self._score(item, time.perf_counter() - start)
                break
            yield item
            if inbox.stop_is_wanted():
                yield ev.ValidationAborted(step=step, reason="the session is to stop")
                break
        yield self._phase("training")

    def _score(self, result: ValidationResult, seconds: float) -> Iterator[ev.Event]:
        progress, quality = self._progress, result.ki.quality
        progress.last_quality, progress.last_quality_step = quality, progress.step
        is_best = self._in_best_window() and quality > progress.best_quality
        if is_best:
            progress.best_quality, progress.best_step = quality, progress.step
        yield ev.ValidationFinished(
            step=progress.step,
            samples=result.samples,
            seconds=seconds,
            lr_psnr=result.lr.psnr,
            lr_ssim=result.lr.ssim,
            lr_quality=result.lr.quality,
            ki_psnr=result.ki.psnr,
            ki_ssim=result.ki.ssim,
            ki_quality=quality,
            is_best=is_best,
            best_quality=progress.best_quality,
            best_step=progress.best_step,
        )
        if is_best:
            yield from self._save(self._kind_of_best())

    def _kind_of_best(self) -> ev.CheckpointKind:
        """A step has one file: what is kept for good as a regular or manual one stays so when it is the best too."""
        if self._regular_is_due():
            return "regular"
        return self._store.kept_kind(self._progress.step) or "best"

    def _in_best_window(self) -> bool:
        within = self._progress.step % self._cadence.checkpoint_every
        return self._cadence.best_from <= within <= self._cadence.best_until

    # checkpoints

    def _regular_is_due(self) -> bool:
        return self.is_complete or self._progress.step % self._cadence.checkpoint_every == 0

    def _save_when_due(self) -> Iterator[ev.Event]:
        if self._regular_is_due() and not self.is_complete and self._kept_step != self._progress.step:
            yield from self._save("regular")
        if time.monotonic() - self._recovery_tried_at >= 60 * self._cadence.recovery_minutes:
            self._recovery_tried_at = time.monotonic()  # of a full disk too: not again at every step
            yield from self._save("recovery")

    def _save(self, kind: ev.CheckpointKind) -> Iterator[ev.Event]:
        """Save and tell; a disk that does not take it is told too, and training goes on."""
        yield self._phase("saving")
        try:
            yield self.save(kind)
        except CheckpointError as error:
            yield ev.CheckpointFailed(step=self._progress.step, kind=kind, error=str(error))
        yield self._phase("training")

    def save(self, kind: ev.CheckpointKind) -> ev.CheckpointSaved:
        """Write a checkpoint of this moment. Raises CheckpointError; earlier checkpoints are then intact."""
        start = time.perf_counter()
        info = self._store.save(self.state_dict(), lambda name, size: self._describe(kind, name, size))
        is_best = self._progress.best_step == info.step and self._progress.last_quality_step == info.step
        if is_best and kind in ("best", "regular", "manual"):
            self._store.mark_best(info)
        if kind in ("regular", "manual"):
            self._kept_step = info.step
        seconds = time.perf_counter() - start
        return ev.CheckpointSaved(
            step=info.step, kind=kind, name=info.name, size=info.size, seconds=seconds, is_best=is_best
        )

    def _describe(self, kind: ev.CheckpointKind, name: str, size: int) -> CheckpointInfo:
        progress = self._progress
        return CheckpointInfo(
            name=name,
            step=progress.step,
            epoch=self._stream.epoch,
            max_steps=self._config.training.max_steps,
            kind=kind,
            quality=progress.last_quality if progress.last_quality_step == progress.step else math.nan,
            loss=progress.last_loss,
            best_quality=progress.best_quality,
            best_step=progress.best_step,
            size=size,
            saved_at=time.time(),
        )

    def _finish(self, inbox: Inbox) -> Iterator[ev.Event]:
        """Validate a completed run if its last step was not, save, and say where it ended."""
        if self.is_complete and not self._stopping and self._progress.last_quality_step != self._progress.step:
            yield from self._validate(inbox)
        yield self._phase("stopping")
        kind: ev.CheckpointKind = "regular" if self.is_complete else "recovery"
        if kind == "recovery" or self._kept_step != self._progress.step:
            yield self.save(kind)
        yield from self._decline_the_rest(inbox)
        yield ev.SessionEnded(
            reason="completed" if self.is_complete else "stopped",
            step=self._progress.step,
            checkpoint=self._store.path(kind, self._progress.step).name,
        )

    # commands

    def _obey(self, inbox: Inbox) -> Iterator[ev.Event]:
        """Carry out the commands that have come; while paused, wait for more."""
        paused = False
        while not self._stopping:
            command = inbox.next(wait=paused)
            if command is None:
                return
            match command:
                case cmd.Pause():
                    if not paused and self._reported_step != self._progress.step > 0:
                        yield self._report()  # the screen stands still at the step it really is
                    yield self._answer("Pause", not paused, "already paused" if paused else "paused")
                    paused = True
                case cmd.Resume():
                    yield self._answer("Resume", paused, "going on" if paused else "not paused")
                    paused = False
                case cmd.Stop():
                    yield self._answer("Stop", True, "stopping")
                    self._stopping = True
                case cmd.SaveCheckpoint():
                    yield from self._answered("SaveCheckpoint", self._save("manual"))
                case cmd.Validate():
                    yield from self._answered("Validate", self._validate(inbox))
                case cmd.SetParameter():
                    yield from self._set(command)
            yield self._phase("stopping" if self._stopping else "paused" if paused else "training")

    def _set(self, command: cmd.SetParameter) -> Iterator[ev.Event]:
        """Change a setting, or say why not; one that changes nothing is accepted too."""
        try:
            config = self._config.with_overrides([(command.key, command.value)])
        except VsrppError as error:
            yield self._answer("SetParameter", False, str(error))
            return
        changes = [
            (old, new) for old, new in zip(self._config.settings(), config.settings(), strict=True) if old != new
        ]
        fixed = [new.key for _, new in changes if not is_live(new.key)]
        if fixed:
            yield self._answer("SetParameter", False, f"{', '.join(fixed)} cannot change while training")
        elif config.training.max_steps <= self._progress.step:
            yield self._answer("SetParameter", False, f"step {self._progress.step:,} is past that; q ends the training")
        else:
            self._reconfigure(config)
            for old, new in changes:
                yield ev.ParameterChanged(
                    step=self._progress.step, key=new.key, old=as_text(old.value), new=as_text(new.value)
                )
            yield self._answer("SetParameter", True, "done")

    def _reconfigure(self, config: RunConfig) -> None:
        self._config, self._cadence = config, config.cadence
        self._weights.reconfigure(config.loss)
        self._clip.reconfigure(config.clipping)
        self._schedule.reconfigure(config.schedule, config.training.max_steps)

    def _decline_the_rest(self, inbox: Inbox) -> Iterator[ev.Event]:
        """Commands that came too late are answered like any other."""
        while command := inbox.next():
            name: ev.CommandName = type(command).__name__  # type: ignore[assignment]
            yield self._answer(name, isinstance(command, cmd.Stop), "training has ended")

    def _answered(self, name: ev.CommandName, work: Iterator[ev.Event]) -> Iterator[ev.Event]:
        """Do the work, then answer with how it went."""
        failure = ""
        for event in work:
            if isinstance(event, ev.CheckpointFailed):
                failure = event.error
            elif isinstance(event, ev.ValidationAborted):
                failure = event.reason
            yield event
        yield self._answer(name, not failure, failure or "done")

    def _answer(self, name: ev.CommandName, accepted: bool, message: str) -> ev.Event:
        return ev.CommandAnswered(command=name, accepted=accepted, message=message, step=self._progress.step)

    def _phase(self, phase: ev.RunPhase) -> ev.Event:
        return ev.PhaseChanged(phase=phase, step=self._progress.step)


def build_model(config: RunConfig, hardware: Hardware) -> VSRBidirectional3x:
    """The network of a configuration, freshly initialized, on its device and in the layout convolutions like."""
    shape = config.model
    model = LeanVSR(shape.n_feats, shape.n_blocks, shape.n_frames, config.training.checkpointing)
    model.initialize()
    return model.to(hardware.device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _weight_fields(weights: Any) -> dict[str, float]:
    return {"weight_l1": weights.l1, "weight_ms": weights.ms, "weight_grad": weights.grad}


def _activity_event(step: int, activity: Activity) -> ev.Event:
    return ev.ActivityMeasured(
        step=step,
        backward_trunk=tuple(float(x) for x in activity.backward_trunk),
        forward_trunk=tuple(float(x) for x in activity.forward_trunk),
        fusions=tuple(float(x) for x in activity.fusions),
    )
