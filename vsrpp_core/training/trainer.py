"""The training loop. Read ``train`` from top to bottom: it is the table of contents.

The trainer emits events and accepts commands, nothing else; it writes only checkpoints and comparison pictures.
"""

import contextlib
import math
import time
from collections.abc import Generator, Iterator
from typing import Any

import torch
from torch import Tensor

from vsrpp_core.adaptive.grad_clip import AdaptiveGradClip
from vsrpp_core.adaptive.loss_weights import AdaptiveLossWeights
from vsrpp_core.adaptive.lr_schedule import LRSchedule
from vsrpp_core.adaptive.plateau import Gain
from vsrpp_core.adaptive.stateful import Stateful
from vsrpp_core.batches.dataset import TrainingStream
from vsrpp_core.checkpoint.checkpoints import CheckpointError, CheckpointStore
from vsrpp_core.device.hardware import Hardware, MemoryMeter
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.commands import CommandQueue
from vsrpp_core.messages.kinds import CheckpointKind, RunPhase
from vsrpp_core.messages.pace import with_validations
from vsrpp_core.network.model import Activity, measure_activity
from vsrpp_core.run.config import RunConfig
from vsrpp_core.training.average import WeightAverage
from vsrpp_core.training.checkpointing import CheckpointSaver
from vsrpp_core.training.distributed import SINGLE_RANK, Ranks
from vsrpp_core.training.figures import StepFigures, activity_event, weight_fields
from vsrpp_core.training.heat import HeatGuard, Monitor
from vsrpp_core.training.inbox import Inbox
from vsrpp_core.training.laps import ReaderCount, StepClock
from vsrpp_core.training.progress import Progress, TorchRandomState, higher
from vsrpp_core.training.stall import LOOK_SECONDS, Stall
from vsrpp_core.training.steering import Steering
from vsrpp_core.training.step import OptimizerStep, StepInputs, build_model
from vsrpp_core.training.validator import ValidationResult, Validator

ADAPT_EVERY = 10
"""Steps after which the adaptive parts read the figures: the only regular wait for the device."""

REPORT_SECONDS = 0.5
"""A slow step is reported at once, so that a screen moves; a fast one at the status cadence."""

ROLLBACK_LR_FACTOR = 0.5

LOST_PSNR = 3.0
"""dB below bicubic, or below its own best, from which a network is lost: validations scatter by hundredths, and a rate
that is too high ends tens of dB below (docs/decisions)."""


class Trainer:
    """Trains one network; ``train`` yields events until the last step, a Stop, or an error."""

    def __init__(
        self,
        config: RunConfig,
        hardware: Hardware,
        stream: TrainingStream,
        validator: Validator,
        store: CheckpointStore,
        ranks: Ranks = SINGLE_RANK,
        monitor: Monitor | None = None,
    ) -> None:
        torch.manual_seed(config.training.seed)
        self._config, self._cadence, self._hardware = config, config.cadence, hardware
        self._stream, self._validator, self._ranks = stream, validator, ranks
        self.model = build_model(config, hardware)
        self._average = WeightAverage(self.model, config.training.ema)
        self._step = OptimizerStep(self.model, config.training, hardware, ranks)
        self._weights = AdaptiveLossWeights(config.loss, config.schedule.warmup_steps)
        self._clip = AdaptiveGradClip(config.clipping)
        self._schedule = LRSchedule(config.schedule, config.training.max_steps)
        self._readers = ReaderCount(stream)
        self._figures, self._clock, self._progress = StepFigures(), StepClock(), Progress()
        self._memory, self._heat = MemoryMeter(hardware), HeatGuard(monitor, config.guard.max_temperature, ranks)
        self._saving = CheckpointSaver(store, config, self._progress, self.state_dict, lambda: stream.epoch, ranks)
        self._steering = Steering(self, Inbox(CommandQueue()))
        self._skipped_steps, self._validation_seconds, self._validated_at = 0, 0.0, -math.inf
        self._inputs = self._inputs_for(step=1)
        self._reported_step, self._stall = -1, Stall()

    # for the session

    @property
    def config(self) -> RunConfig:
        """The settings now: those it started with, and what was changed since."""
        return self._config

    @property
    def progress(self) -> Progress:
        return self._progress

    @property
    def schedule(self) -> LRSchedule:
        return self._schedule

    @property
    def phase(self) -> RunPhase:
        """Between two orders."""
        return "cooling" if self._heat.is_cooling else "training"

    def refusal(self, config: RunConfig) -> str:
        """Why these settings do not go with the dataset; empty where they do."""
        return self._stream.refusal(config.data.weights)

    def run_hot(self) -> bool:
        """Do not wait for the card to cool; False where that is not waited for."""
        return self._heat.run_hot()

    def steps_in(self, hours: float) -> int:
        """How many steps fit into ``hours``, with their validations; 0 while their pace is not known."""
        usual, every, minutes = self._clock.usual, self._cadence.validate_every, self._cadence.validate_minutes
        each = usual and with_validations(usual, self._validation_seconds, every, minutes)
        return self._ranks.agree(int(3600 * hours / each) if each else 0)

    @property
    def is_complete(self) -> bool:
        return self._saving.is_complete

    def state_dict(self) -> dict[str, Any]:
        """Everything a checkpoint holds: the state of each part under its name, and the configuration."""
        states = {name: part.state_dict() for name, part in self._parts().items()}
        return {
            **states,
            "model": self.model.state_dict(),
            "config": self._config.model_dump(),
            "validation": self._validator.identity,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a checkpoint's state and apply today's settings where they differ from its own."""
        config = self._config
        self.reconfigure(RunConfig.from_checkpoint(state["config"]))
        self.model.load_state_dict(state["model"])
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self.reconfigure(config)
        self._reported_step = self._progress.step  # by the session that took it

    def forget_best(self) -> None:
        """Forget the best quality: what was measured so far cannot be compared with what follows."""
        self._schedule.forget_validations()
        self._progress.best_quality, self._progress.best_step, self._progress.last_quality_step = 0.0, 0, -1
        self._progress.best_psnr = math.nan

    def repair_best(self) -> Iterator[ev.Event]:
        """Link the best checkpoint as the best where the session that saved it was killed before it could."""
        yield from self._saving.repair_best()

    def start_from(self, weights: dict[str, Tensor], optimizer: dict[str, Any], step: int) -> None:
        """Continue from a network that another program trained for ``step`` steps; the adaptive parts start fresh."""
        self.model.load_state_dict(weights)
        self._average.restart()
        if optimizer:
            self._step.load_optimizer(optimizer)
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

    def reconfigure(self, config: RunConfig) -> None:
        """Use other settings from the next step on; only those in ``run.config.LIVE`` may differ."""
        self._config, self._cadence = config, config.cadence
        self._weights.reconfigure(config.loss, config.schedule.warmup_steps, self._progress.step)
        self._clip.reconfigure(config.clipping)
        self._schedule.reconfigure(config.schedule, config.training.max_steps, self._progress.step)
        self._saving.reconfigure(config)
        self._stream.weigh(config.data.weights)
        self._heat.max_temperature = config.guard.max_temperature

    # the loop

    def train(self, inbox: Inbox) -> Iterator[ev.Event]:
        """Steps until ``max_steps`` or a Stop; ends with everything saved."""
        self._steering = steering = Steering(self, inbox)
        yield self._phase("training")
        if self._progress.step and not self.is_complete and self._progress.last_quality_step != self._progress.step:
            yield from self._validate_when_due()  # a Stop came between the step and its validation
        while not self.is_complete:
            yield from steering.obey()
            if steering.stopping:
                break
            yield from self._heat.look(self._progress.step)
            if self._heat.is_cooling:
                yield from self.report_if_pending()
                yield from self._save_when_due()  # a card that is too hot may be about to fail
                continue
            if not (yield from self._epoch_has_begun()) or not self._data_has_come():
                yield from self._tell_of_stall("training", "training")
                continue
            activity = self._advance()
            yield from (ev.WarningRaised(message=note) for note in self._stream.take_warnings())
            yield from self._adapt_when_due()
            if self._progress.skipped_in_a_row >= self._config.training.max_skipped:
                yield from self._roll_back()
                continue
            if activity:
                yield activity_event(self._progress.step, activity)
            yield from self._report_when_due()
            yield from self._validate_when_due()
            yield from self._save_when_due()
        yield from self._finish(steering)

    def _epoch_has_begun(self) -> Generator[ev.Event, None, bool]:
        """Where one has ended the next begins, with what was added to the dataset; False while a drive is silent."""
        if self._stream.is_at_end:
            if not self._ranks.all(self._stream.has_looked(LOOK_SECONDS)):
                return False
            yield from self._stream.begin_epoch(self._ranks.agree(self._stream.found()), self._progress.step)
        return True

    def _data_has_come(self) -> bool:
        """Whether the next step's pictures are there, on every rank; looks for so long that orders are still heard."""
        with self._clock.reading(), self._clock.waiting():
            has_come = self._ranks.all(self._stream.is_ready(LOOK_SECONDS))
        if has_come:
            self._stall.end()
        return has_come

    def _tell_of_stall(self, split: str, phase: RunPhase) -> Iterator[ev.Event]:
        """The drive may never answer again, so the run is saved too."""
        if told := self._stall.told(split, self._config.data.root):
            yield told
            if self._progress.step:
                yield from self.save_and_report("recovery")
                yield self._phase(phase)

    def _advance(self) -> Activity | None:
        """Take one optimizer step; returns its layer activity where that is due."""
        step = self._progress.step + 1
        with self._clock.step(), self._activity_when_due(step) as activity:
            with self._clock.waiting():
                batches = self._stream.next_step()
            self._inputs = inputs = self._inputs_for(step)
            figures = self._step.run(
                batches,
                inputs.weights,
                inputs.clip_norm,
                inputs.learning_rate,
                observed=activity is not None,
                bicubic=self._weights.needs_bicubic,
            )
        self._average.update()
        self._clock.count(self._stream.samples_drawn)
        self._stream.confirm()
        self._figures.add(figures)
        self._progress.step = step
        return activity

    def _inputs_for(self, step: int) -> "StepInputs":
        return StepInputs(
            self._weights.weights,
            self._weights.aggressive,
            self._clip.clip_norm,
            self._schedule.rate(step),
            int(self._schedule.phase(step)),
        )

    def _activity_when_due(self, step: int) -> contextlib.AbstractContextManager[Activity | None]:
        if step % self._cadence.tensorboard_every:
            return contextlib.nullcontext()
        return measure_activity(self.model)

    def _adapt_when_due(self) -> Iterator[ev.Event]:
        """Hand the figures of the last steps to the adaptive parts, in order; a change holds for the next step."""
        now = self._progress.step
        if now % ADAPT_EVERY:
            return
        with self._clock.reading():
            rows = self._figures.take()
        for step, row in enumerate(rows, start=now - len(rows) + 1):
            yield from self._observe(step, row)
        lap = self._clock.lap()
        yield from self._step.passes.timed(now, lap)
        yield from self._readers.timed(now, lap)

    def _observe(self, step: int, row: dict[str, float]) -> Iterator[ev.Event]:
        self._clip.observe(row["gradient_norm"])
        self._count_skipped(step, row)
        if not math.isfinite(row["gradient_norm"]):
            return
        change = self._weights.observe(step, row["sharpness"], row["loss_grad"], row["bicubic_sharpness"])
        if change:
            yield ev.WeightsAdapted(
                step=self._progress.step,
                reason=change.reason,
                sharpness=row["sharpness"],
                attained=self._weights.attained,
                aggressive=self._weights.aggressive,
                **weight_fields(change.weights),
            )

    def _count_skipped(self, step: int, row: dict[str, float]) -> None:
        """Weights are untouched by a skipped step; many in a row mean that training has diverged."""
        progress = self._progress
        if not math.isfinite(row["gradient_norm"]):
            self._skipped_steps += 1
            progress.skipped_in_a_row += 1
            return
        progress.skipped_in_a_row = 0
        if step > progress.failed_at:
            progress.rollbacks = 0

    def _roll_back(self) -> Iterator[ev.Event]:
        """Resume from the last good checkpoint at a lower rate; each rollback in a row goes further back if it can."""
        progress = self._progress
        failed_at, rollbacks = progress.step, progress.rollbacks + 1
        reason = f"no finite gradient in the last {progress.skipped_in_a_row} steps"
        if rollbacks > self._config.training.max_rollbacks:
            raise self._rollback_error(f"{reason}, after {rollbacks - 1} rollbacks")
        yield self._phase("rolling back")
        before = progress.rolled_back_to - 1 if progress.rollbacks else failed_at
        name, state, faults = self._saving.last_good(before)
        if not name:
            name, state, faults = self._saving.last_good(failed_at)
        yield from (ev.WarningRaised(message=fault) for fault in faults)
        if not name:
            raise self._rollback_error(f"{reason}, and no checkpoint to go back to")
        best = progress.best_quality, progress.best_step, progress.best_branch
        branch, factor = progress.branch + 1, self._schedule.factor
        self.load_state_dict(state)
        self._saving.forget_kept_step()
        slower = ROLLBACK_LR_FACTOR * min(factor, self._schedule.factor)
        self._schedule.slow_down(slower / self._schedule.factor, progress.step)
        progress.best_quality, progress.best_step, progress.best_branch = best  # its file is there still
        progress.branch, progress.rollbacks = branch, rollbacks
        progress.failed_at, progress.rolled_back_to = failed_at, progress.step
        yield ev.RolledBack(
            step=failed_at, to_step=progress.step, checkpoint=name, factor=self._schedule.factor, reason=reason
        )
        yield from self.save_and_report("recovery")  # or a crash would resume before the rollback, at the old rate

    def _rollback_error(self, reason: str) -> VsrppError:
        """The error that ends the session. The checkpoint saved on the way out has the weights of the last good step; a
        resumed session may try again."""
        progress, tried = self._progress, self._progress.rollbacks > 0
        step = progress.step
        name = self._saving.last_sound(min(progress.rolled_back_to, step) - 1 if tried else step)
        name = name or (self._saving.last_sound(step) if tried else "")
        progress.skipped_in_a_row, progress.rollbacks = 1, 0  # not 0: no rollback may take this one for good
        way = f"continue from sound weights with --resume --from {name}" if name else "start over with --fresh"
        precise = " and training.precision = fp32" if self._hardware.precision != "fp32" else ""
        return VsrppError(f"step {step:,}: {reason}; {way}, and with a lower schedule.lr_max{precise}")

    def _report_when_due(self) -> Iterator[ev.Event]:
        """At every cadence of the listeners, or they would wait for a step that is never reported."""
        cadences = (self._cadence.status_every, self._cadence.tensorboard_every, self._cadence.journal_every)
        due = any(self._progress.step % every == 0 for every in cadences)
        if due or self._clock.seconds_since_report() >= REPORT_SECONDS:
            yield self._report()

    def report_if_pending(self) -> Iterator[ev.Event]:
        """The figures of the last step unless they were reported, so that a paused screen shows the real step."""
        if self._reported_step != self._progress.step > 0:
            yield self._report()

    def _report(self) -> ev.Event:
        step = self._reported_step = self._progress.step
        inputs = self._inputs
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
            attained=self._weights.attained,
            **weight_fields(inputs.weights),
            aggressive=inputs.aggressive,
            learning_rate=inputs.learning_rate,
            lr_phase=inputs.lr_phase,
            clip_norm=inputs.clip_norm,
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

    def _validate_when_due(self) -> Iterator[ev.Event]:
        if self._progress.step % self._cadence.validate_every == 0 and self._ranks.agree(self._minutes_are_over()):
            yield from self.validate()

    def _minutes_are_over(self) -> bool:
        return time.monotonic() - self._validated_at >= 60 * self._cadence.validate_minutes

    def validate(self) -> Iterator[ev.Event]:
        """Score the network on the whole validation set, and keep it if it is the best; a Stop ends it early.

        The first rank's work; the others wait for its quality.
        """
        step, start = self._progress.step, time.perf_counter()
        if not self._ranks.is_first:
            self._take_in(None)
            return
        yield self._phase("validating")
        for item in self._validator.run(self._average.model, step):
            if isinstance(item, ValidationResult):
                yield from self._score(item, time.perf_counter() - start)
                break
            if item:
                self._stall.end()
                yield item
            else:
                yield from self._tell_of_stall("validation", "validating")
                if self._stall.is_long:
                    yield from self._steering.meanwhile()
                    self._saving.forget_kept_step()  # what was saved there lacks this validation
            if self._steering.stop_is_wanted():
                yield ev.ValidationAborted(step=step, reason="the session is to stop")
                self._take_in(None)
                break
        yield self._phase(self.phase)

    def _score(self, result: ValidationResult, seconds: float) -> Iterator[ev.Event]:
        progress, quality, self._validation_seconds = self._progress, result.ki.quality, seconds
        before = progress.best_quality, progress.best_step, progress.best_branch
        plateau = self._take_in(quality)
        is_lost = self._is_lost(result)
        is_best = self._saving.in_best_window() and quality > progress.best_quality and not is_lost
        if is_best:
            progress.best_quality, progress.best_step, progress.best_branch = quality, progress.step, progress.branch
        yield ev.ValidationFinished(
            step=progress.step,
            samples=result.samples,
            clips=result.clips,
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
            agreement=self._step.agreement(),
            **self._judged(plateau),
        )
        if is_lost:
            yield ev.RunLost(
                step=progress.step,
                ki_psnr=result.ki.psnr,
                lr_psnr=result.lr.psnr,
                best_psnr=progress.best_psnr,
                lr_max=self._config.schedule.lr_max,
                checkpoint=self._saving.best_name(),
            )
        else:
            progress.best_psnr = higher(progress.best_psnr, result.ki.psnr)
        if plateau:
            yield ev.LearningRateReduced(
                step=progress.step,
                factor=self._schedule.factor,
                gain=plateau.value,
                uncertainty=plateau.uncertainty,
                validations=plateau.validations,
            )
        if is_best:
            for event in self.save_and_report(self._saving.kind_of_best()):
                if isinstance(event, ev.CheckpointFailed):  # there is no file of it: the next good one is the best
                    progress.best_quality, progress.best_step, progress.best_branch = before
                yield event

    def _is_lost(self, result: ValidationResult) -> bool:
        """Whether training has done more harm than a falling rate can mend. During a warm-up nothing is expected."""
        expected = higher(result.lr.psnr, self._progress.best_psnr)
        return not (self._schedule.plan.is_rising(self._progress.step) or result.ki.psnr >= expected - LOST_PSNR)

    def _judged(self, plateau: Gain | None) -> dict[str, Any]:
        """For ValidationFinished. A plateau was judged just now, and its validations are forgotten."""
        patience = self._config.schedule.plateau_validations
        gain = plateau or self._schedule.gain_so_far()
        if gain is None:
            return {"patience": patience}
        known = {"gain": gain.value, "uncertainty": gain.uncertainty, "judged": gain.validations}
        return {**known, "patience": patience}

    def _take_in(self, quality: float | None) -> Gain | None:
        """Record a validation on every rank by the first one's quality; the gain where the rate was cut for it.

        None stands for a validation that was aborted. For the rate only those that are due by steps count: one that the
        user asks for, or that the clock chose, must not change the training.
        """
        self._validated_at = time.monotonic()
        step, quality = self._progress.step, self._ranks.agree(quality)
        if quality is None:
            return None
        self._progress.last_quality, self._progress.last_quality_step = quality, step
        counts = not self._cadence.validate_minutes and step % self._cadence.validate_every == 0
        return self._schedule.observe(step, quality) if counts else None

    # checkpoints

    def _save_when_due(self) -> Iterator[ev.Event]:
        for kind in self._saving.due():
            yield from self.save_and_report(kind)

    def save_and_report(self, kind: CheckpointKind) -> Iterator[ev.Event]:
        """Save as ``kind``; a disk that refuses it costs only this checkpoint."""
        yield self._phase("saving")
        yield from self._saving.save_and_report(kind)
        yield self._phase(self.phase)

    def save(self, kind: CheckpointKind) -> ev.CheckpointSaved:
        """Write a checkpoint now. Raises CheckpointError; earlier checkpoints are then intact."""
        return self._saving.save(kind)

    def _finish(self, steering: Steering) -> Iterator[ev.Event]:
        """Report and validate the last step if it was not, save, and say where the session ended."""
        yield from self.report_if_pending()
        if self.is_complete and not steering.stopping and self._progress.last_quality_step != self._progress.step:
            yield from self.validate()
        yield self._phase("stopping")
        kind: CheckpointKind = "regular" if self.is_complete else "recovery"
        if self._ranks.is_first and (kind == "recovery" or not self._saving.step_is_kept):
            yield self._save_last(kind)
        yield from steering.reject_pending()
        yield ev.SessionEnded(
            reason="completed" if self.is_complete else "stopped",
            step=self._progress.step,
            checkpoint=self._saving.name_of(kind),
        )

    def _save_last(self, kind: CheckpointKind) -> ev.CheckpointSaved:
        try:
            return self.save(kind)
        except CheckpointError as error:
            raise VsrppError(f"{error}, then continue with --resume") from None

    # events

    def _phase(self, phase: RunPhase) -> ev.Event:
        return ev.PhaseChanged(phase=phase, step=self._progress.step)
