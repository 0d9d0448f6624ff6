"""The only place where everything is wired: a run's folder and settings in, a stream of events out.

What will be trained is settled in plan.py; how it goes is shown by whoever reads the events.
"""

import contextlib
import time
import traceback
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from vsrpp_core import __version__
from vsrpp_core.adaptive.lr_schedule import LRSchedule
from vsrpp_core.batches.arrivals import Arrivals
from vsrpp_core.batches.dataset import PairDataset, TrainingStream
from vsrpp_core.checkpoint import checkpoints
from vsrpp_core.checkpoint.checkpoints import CheckpointError, CheckpointStore
from vsrpp_core.checkpoint.start_weights import carried
from vsrpp_core.checkpoint.stored_network import StoredNetwork
from vsrpp_core.data.disk_cache import DiskCache
from vsrpp_core.data.reader_count import AUTO, FIRST, most_readers
from vsrpp_core.data.stacked import PairPaths
from vsrpp_core.device.hardware import Hardware, choose_hardware, describe_device
from vsrpp_core.device.memory import is_out_of_memory
from vsrpp_core.device.nvml import monitor_of
from vsrpp_core.errors import VsrppError, describe_os_error
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.commands import CommandQueue
from vsrpp_core.messages.journal import JournalWriter
from vsrpp_core.messages.kinds import CheckpointKind
from vsrpp_core.remote.channel import Channel
from vsrpp_core.remote.recent_runs import remember
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.crash_dump import crash_name, dump_crashes, read_crash
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.run.settings import NO_OVERRIDES, Overrides
from vsrpp_core.session.plan import Plan, Request, Start, settle
from vsrpp_core.session.shared_cache import shared_cache
from vsrpp_core.sinks.hooks import Hooks
from vsrpp_core.sinks.sink import SinkGroup
from vsrpp_core.sinks.status_file import StatusFile
from vsrpp_core.sinks.tensorboard import TensorBoardSink
from vsrpp_core.sinks.training_log import TrainingLog
from vsrpp_core.training.distributed import SINGLE_RANK, Ranks, trouble_of_another_rank
from vsrpp_core.training.inbox import Inbox
from vsrpp_core.training.trainer import Trainer
from vsrpp_core.training.validator import Validator, room_for_pairs
from vsrpp_core.tune.interactive import tune_and_choose
from vsrpp_core.tune.out_of_memory import advice

MAY_PASS = (RuntimeError, MemoryError, OSError)
"""What torch raises of a device, and the system of memory and drives; any other error is one of the program."""


def open_session(
    run: Path,
    data: Path | None,
    *,
    start: Start,
    demo: bool = False,
    overrides: Overrides = NO_OVERRIDES,
    ranks: Ranks = SINGLE_RANK,
    checkpoint: str = "",
    tune: bool = False,
    attended: bool = False,
) -> "Session":
    """Lock the run and settle how it will be trained; nothing is trained until the events are iterated.

    ``fresh`` moves what the run holds into its trash (``config.toml`` stays: settings are the user's);
    ``resume`` starts from the newest readable checkpoint, or from the one that ``checkpoint`` names; newer ones then
    move into the trash. ``data`` defaults to ``data.root`` in the overrides, then to the dataset in ``config.toml``.
    With ``demo`` the demo dataset is made if necessary, and a fresh run takes the demo's settings. ``overrides`` are
    dotted settings; they are saved in ``config.toml``. Any other run without settings is tuned first on a GPU and gets
    a small network on a CPU.
    With ``tune`` a fresh run is tuned whatever settings it has, also on a CPU. ``attended``: a user can choose what
    passes; otherwise the first that passes is chosen. Raises VsrppError, with the run untouched and unlocked.
    Of several ranks the first does all this and broadcasts the plan.
    """
    folder = RunFolder(run)
    request = Request(data, start, demo, overrides, checkpoint, tune, attended, ranks.size)
    state: dict[str, Any] = {}
    with ExitStack() as held:

        def locked_and_settled() -> Plan:
            if start == "resume" and not folder.path.is_dir():
                raise VsrppError(f"{folder.path} does not exist, so there is nothing to resume; check the path")
            held.enter_context(folder.lock())
            plan, read = settle(folder, request)
            state.update(read)
            return plan

        plan = ranks.from_first(locked_and_settled)
        if plan.resumed_from and not state:
            state = checkpoints.load(folder.path / plan.resumed_from)
        return Session(folder, plan, state, held.pop_all(), ranks)


class Session:
    """One stretch of training of one run, from start or resume to stop, completion or failure."""

    def __init__(
        self, folder: RunFolder, plan: Plan, state: dict[str, Any], held: ExitStack, ranks: Ranks = SINGLE_RANK
    ) -> None:
        """``state`` is the checkpoint to resume from, if any.

        ``held`` has the run's lock; the session releases it when its events end, or by ``close``.
        """
        assert plan.summary.geometry is not None, "a dataset is checked before a session is made"
        self.folder, self.config = folder, plan.config
        self._plan, self._geometry, self._state = plan, plan.summary.geometry, state
        self._held, self._ranks = held, ranks
        self._log = TrainingLog(folder.training_log)  # opens its file at the first line
        self._hooks = Hooks(self.config.hooks, str(folder.path))
        self._is_private = False
        self._trainer: Trainer | None = None
        self._crash = ""
        """What an earlier session that crashed below Python has left."""

    def keep_private(self) -> None:
        """Run no command of the user's and be in no list: for a session that is only measured."""
        self._is_private = True

    def events(self, commands: CommandQueue) -> Generator[ev.Event, None, None]:
        """Everything that happens, as it happens. The last event is SessionEnded or SessionFailed, never an exception.

        If the iterator is closed early (its reader is gone), the run is saved first.
        """
        sinks = self._open_sinks()
        try:
            for event in self._hooked(commands):
                warnings = list(sinks.handle(event))
                yield event
                yield from warnings
        finally:
            sinks.close()
            for failure in self._hooks.close():
                self._note(f"warning: {failure}")
            self.close()

    def _hooked(self, commands: CommandQueue) -> Iterator[ev.Event]:
        """Run the user's command for each event that has one, and say what did not work as long as training goes on."""
        for event in self._guarded(commands):
            yield event
            if self._is_private or not self._ranks.is_first:
                continue
            self._hooks.handle(event)
            if isinstance(event, ev.StepReported):
                yield from (ev.WarningRaised(message=failure) for failure in self._hooks.failures())

    def close(self) -> None:
        """Release the run and the network, whose reducer must not outlive a group of ranks. Safe to call twice."""
        self._held.close()
        self._trainer = None

    def _open_sinks(self) -> SinkGroup:
        if not self._ranks.is_first:
            return SinkGroup(())
        cadence = self.config.cadence
        self._crash = read_crash(self.folder.crash_log)
        self._held.enter_context(dump_crashes(self.folder.crash_log))
        return SinkGroup(
            (
                JournalWriter(self.folder.journal, cadence.journal_every),
                self._log,
                StatusFile(self.folder.status, cadence.status_every),
                TensorBoardSink(
                    self.folder.logs, self.folder.path, cadence.tensorboard_every, first_step=self._first_step
                ),
            )
        )

    def _guarded(self, commands: CommandQueue) -> Iterator[ev.Event]:
        """The session's events; an error becomes an emergency checkpoint and SessionFailed."""
        try:
            yield from self._run(commands)
        except GeneratorExit:
            self._save_last("recovery")
            raise
        except VsrppError as error:
            message, may_pass = str(error), isinstance(error.__cause__, OSError)
            self._note_of_rank(message)
        except Exception as error:
            may_pass = isinstance(error, MAY_PASS)
            if not trouble_of_another_rank(error):
                self._note(traceback.format_exc())
            message = self._in_words(error)
        else:
            return
        yield self._failed(
            message, may_pass
        )  # here the error is gone, and with it the memory that the failed step still held

    def _in_words(self, error: Exception) -> str:
        if is_out_of_memory(error):
            return self._out_of_memory()
        if trouble := trouble_of_another_rank(error):
            return f"{trouble}; what went wrong there is in {self.folder.training_log}"
        return f"{type(error).__name__}: {error}; the traceback is in {self.folder.training_log}"

    @property
    def _is_resumable(self) -> bool:
        """Whether there is, or will be once the session has failed, a checkpoint to resume from."""
        return bool(self._plan.resumed_from) or (self._trainer is not None and self._trainer.progress.step > 0)

    def _out_of_memory(self) -> str:
        training, size = self.config.training, min(self._geometry.height, self._geometry.width)
        return (
            f"{describe_device().name} has no memory left for a step of batch {training.batch_size} x "
            f"{training.accumulation} (training.checkpointing = {training.checkpointing}); "
            f"{advice(self.config, size, str(self.folder.path), self._ranks.size, self._is_resumable)}"
        )

    def _run(self, commands: CommandQueue) -> Iterator[ev.Event]:
        inbox = self._ranks.inbox(commands)
        hardware = choose_hardware(self.config.training.precision)
        hardware.apply(fixed_shapes=True)
        self._check_ranks(hardware)
        for warning in (*self._crash_warnings(), *self._plan.warnings, *self._listed(), *self._opened(commands)):
            yield ev.WarningRaised(message=warning)
        stream = None
        if not self._plan.tune_first or (yield from self._tune(hardware, inbox)):
            stream = yield from self._open_stream(inbox)
        if stream is None:
            yield ev.SessionEnded(reason="stopped", step=self._first_step, checkpoint=self._plan.resumed_from)
            return
        self._held.callback(stream.close)
        room = room_for_pairs(self.config.data)
        validator = Validator(list(self._plan.pairs.val), self._geometry, hardware, self.folder.pictures, room)
        store = CheckpointStore(self.folder, self.config.checkpoints.keep_superseded_best)
        if self._ranks.is_first:
            store.clean()
        monitor = monitor_of(hardware)
        if monitor:
            self._held.callback(monitor.close)
        trainer = Trainer(self.config, hardware, stream, validator, store, self._ranks, monitor)
        if self._state:
            yield from self._restore(trainer, stream, validator)
        if self._plan.start_network:
            yield from self._begin_with(self._plan.start_network, trainer)
        self._trainer = trainer
        yield self._started(hardware, stream, validator)
        yield from self._tell_reentry(trainer)
        for event in trainer.train(inbox):
            yield event
            if isinstance(event, ev.ParameterChanged):
                self._hooks.reconfigure(trainer.config.hooks)
                yield from self._keep_settings(trainer.config)

    def _crash_warnings(self) -> Iterator[str]:
        """Of a crash that ended the session before this one; the whole of it goes into the log."""
        if self._crash:
            self._note(self._crash)
            name = crash_name(self._crash)
            yield f"the last session crashed ({name}); where it was is in {self.folder.training_log}"

    def _listed(self) -> Iterator[str]:
        """Put the run into its user's list, by which ``vsrpp ps`` finds it; where that fails, why."""
        try:
            if self._ranks.is_first and not self._is_private:
                remember(self.folder.path)
        except VsrppError as error:
            yield str(error)

    def _opened(self, commands: CommandQueue) -> Iterator[str]:
        """Take commands of this user's other processes too; where that cannot be, why."""
        try:
            if self._ranks.is_first:
                self._held.enter_context(Channel(self.folder.socket, commands.put))
        except OSError as error:
            failure = describe_os_error(error, self.folder.socket, "cannot be made", "training is not affected")
            yield f"{failure}; this run can be watched from other terminals, but not steered"

    @property
    def _first_step(self) -> int:
        """The step of the checkpoint to resume from, else 0; before training only."""
        step: int = self._state["progress"]["step"] if self._state else 0
        return step

    def _tune(self, hardware: Hardware, inbox: Inbox) -> Generator[ev.Event, None, bool]:
        """Find a configuration and keep it in ``config.toml``; False after a Stop."""
        plan = self._plan
        tuned = yield from tune_and_choose(
            self.config, hardware, self._geometry, inbox, attended=plan.attended, small=plan.small
        )
        if tuned:
            self.config = tuned
            self.config.save(self.folder.config)
        return tuned is not None

    def _open_stream(self, inbox: Inbox) -> Generator[ev.Event, None, TrainingStream | None]:
        """The training data, from the disk cache where the settings ask for one; None after a Stop meanwhile."""
        root, pairs = Path(self.config.data.root), list(self._plan.pairs.train)
        if self.config.data.cache != "disk":
            return self._make_stream(pairs, None)
        cache = yield from shared_cache(root, pairs, self._geometry, self._ranks, inbox.stop_is_wanted)
        return self._make_stream(pairs, cache) if cache else None

    def _restore(self, trainer: Trainer, stream: TrainingStream, validator: Validator) -> Iterator[ev.Event]:
        """Load the checkpoint into the trainer; warns where the dataset is not the one it was trained or scored on."""
        root, resumed_from = self.config.data.root, self._plan.resumed_from
        if changed := stream.difference(self._state["stream"]):
            yield ev.WarningRaised(
                message=f"{root} is not as it was when {resumed_from} was saved: {changed}; a new epoch begins"
            )
        trainer.load_state_dict(self._state)
        yield from self._warn_of_early_cuts(trainer.schedule)
        yield from self._warn_of_another_scale()
        if self._state.get("validation", validator.identity) != validator.identity:
            if trainer.progress.best_quality:
                yield ev.WarningRaised(
                    message=f"the validation set of {root} is not the one that {resumed_from} was scored on; "
                    "the best is judged afresh"
                )
            trainer.forget_best()
        yield from trainer.repair_best()
        self._state = {}  # no second copy of the network during training

    def _begin_with(self, network: StoredNetwork, trainer: Trainer) -> Iterator[ev.Event]:
        """Train on from another run's weights; says what of them did not come along."""
        source, form = Path(self.config.training.init), self.config.model
        weights, notes = carried(network, source, form, trainer.model.state_dict())
        trainer.start_from(weights, {}, 0)
        self._plan = replace(self._plan, start_network=None)  # no second copy of the network during training
        for note in notes:
            yield ev.WarningRaised(message=note)

    def _warn_of_early_cuts(self, schedule: LRSchedule) -> Iterator[ev.WarningRaised]:
        """A run whose rate an earlier version's rule has cut may learn next to nothing."""
        cut, left = schedule.cut_by_losses, schedule.factor
        if cut < 1 and self.config.schedule.factor == 1:
            yield ev.WarningRaised(
                message=f"{self._plan.resumed_from} was saved by a version that took the scatter of losses for "
                f"plateaus and had cut the learning rate to {cut:.2g} of its schedule; {left:.2g} is used now, and "
                f"schedule.factor = {1 / left:.3g} restores it, also during training"
            )

    def _tell_reentry(self, trainer: Trainer) -> Iterator[ev.RateReentered]:
        """A run that was complete and continues from here: its rate does not stay at its end."""
        plan, step = trainer.schedule.plan, trainer.progress.step
        if step and plan.course.reentered_at == step:
            peak_step = step + max(plan.rise(plan.max_steps), 1)
            peak = trainer.schedule.rate(peak_step)
            yield ev.RateReentered(step=step, peak=peak, peak_step=peak_step, max_steps=plan.max_steps)

    def _warn_of_another_scale(self) -> Iterator[ev.WarningRaised]:
        """A run whose loss weights followed the sharpness as it is, the only scale of earlier versions."""
        loss = self.config.loss
        if "sharpness" not in self._state["config"]["loss"] and loss.adaptive and loss.sharpness == "attainable":
            yield ev.WarningRaised(
                message="the loss weights follow the sharpness that this network can attain now; "
                "loss.sharpness = absolute goes by that of the ground truth as before, also during training"
            )

    def _check_ranks(self, hardware: Hardware) -> None:
        """Gradients of one precision cannot be summed with those of another: fp16 scales its loss."""
        first = self._ranks.agree(hardware.precision)
        if hardware.precision != first:
            raise VsrppError(
                f"rank {self._ranks.rank} would train in {hardware.precision} and the first in {first}; set "
                "training.precision to one that both devices have, e.g. fp32"
            )

    def _keep_settings(self, config: RunConfig) -> Iterator[ev.Event]:
        """Save what was changed during training in ``config.toml``, so that a resume uses it."""
        if not self._ranks.is_first:
            return
        try:
            config.save(self.folder.config)
        except VsrppError as error:
            yield ev.WarningRaised(message=str(error))

    def _make_stream(self, pairs: list[PairPaths], cache: DiskCache | None) -> TrainingStream:
        data, training = self.config.data, self.config.training
        kept = int(data.cache_gb * 2**30) if data.cache == "memory" else 0
        root = Path(data.root)
        dataset = PairDataset(pairs, self._geometry, training.seed, data.crop, data.augment, kept, cache, root)
        most = most_readers(self.config, describe_device().kind, len(pairs), self._geometry, self._ranks.size)
        known = max(pair.addition for pair in pairs)
        arrivals = Arrivals(root, known, self._geometry, data.crop) if self._ranks.is_first else None
        stream = TrainingStream(
            dataset,
            training.seed,
            training.batch_size,
            training.accumulation,
            min(FIRST, most) if data.workers == AUTO else most,
            self._ranks.rank,
            self._ranks.size,
            most,
            arrivals,
        )
        stream.weigh(data.weights)
        return stream

    def _started(self, hardware: Hardware, stream: TrainingStream, validator: Validator) -> ev.SessionStarted:
        assert self._trainer is not None
        config, progress = self.config, self._trainer.progress
        return ev.SessionStarted(
            run=str(self.folder.path),
            data=config.data.root,
            version=__version__,
            device=hardware.description.name,
            device_kind=hardware.description.kind,
            device_memory=hardware.description.memory,
            precision=hardware.precision,
            precision_reason=hardware.reason,
            resumed_from=self._plan.resumed_from,
            step=progress.step,
            max_steps=config.training.max_steps,
            steps_per_epoch=stream.steps_per_epoch,
            train_samples=stream.pairs,
            val_samples=len(validator),
            n_feats=config.model.n_feats,
            n_blocks=config.model.n_blocks,
            n_frames=config.model.n_frames,
            alignment=config.model.alignment,
            parameters=sum(p.numel() for p in self._trainer.model.parameters()),
            batch_size=config.training.batch_size,
            accumulation=config.training.accumulation,
            lr_height=config.data.crop or self._geometry.height,
            lr_width=config.data.crop or self._geometry.width,
            validate_every=config.cadence.validate_every,
            checkpoint_every=config.cadence.checkpoint_every,
            best_quality=progress.best_quality,
            best_step=progress.best_step,
            lr_max=config.schedule.lr_max,
            lr_min=config.schedule.lr_min,
            warmup_steps=config.schedule.warmup_steps,
            schedule_factor=config.schedule.factor,
            max_memory=config.tune.max_memory,
            rate_shape=config.schedule.shape,
            rate_decay=config.schedule.decay,
            validate_minutes=config.cadence.validate_minutes,
            init=config.training.init,
            **asdict(self._trainer.schedule.plan.course),
        )

    def _failed(self, error: str, may_pass: bool) -> ev.SessionFailed:
        step = self._trainer.progress.step if self._trainer else 0
        return ev.SessionFailed(step=step, error=error, checkpoint=self._save_last("emergency"), may_pass=may_pass)

    def _save_last(self, kind: CheckpointKind) -> str:
        """Save the current state; returns the file's name, or empty where there was nothing to save or no room."""
        if self._trainer is None or self._trainer.progress.step == 0 or not self._ranks.is_first:
            return ""
        try:
            return self._trainer.save(kind).name
        except CheckpointError as error:
            self._note(str(error))
        except Exception:  # a failed device cannot be read either; the first error must still be reported
            self._note(traceback.format_exc())
        return ""

    def _note_of_rank(self, text: str) -> None:
        """For ranks other than the first: their events are not recorded, and the first only sees that they are gone."""
        if not self._ranks.is_first:
            self._note(f"rank {self._ranks.rank}: {text}")

    def _note(self, text: str) -> None:
        with contextlib.suppress(OSError):  # an unwritable log must not hide the error
            self._log.write(text, time.time())
