"""The only place where everything is wired: a run's folder and settings in, a stream of events out.

What will be trained is settled in plan.py; how it goes is shown by whoever reads the events.
"""

import contextlib
import time
import traceback
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from vsrpp_core import __version__
from vsrpp_core.batches.dataset import PairDataset, TrainingStream
from vsrpp_core.checkpoint import checkpoints
from vsrpp_core.checkpoint.checkpoints import CheckpointError, CheckpointStore
from vsrpp_core.data.disk_cache import DiskCache
from vsrpp_core.data.stacked import DatasetFolder, PairPaths
from vsrpp_core.device.hardware import Hardware, choose_hardware, describe_device
from vsrpp_core.device.memory import is_out_of_memory
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.commands import CommandQueue
from vsrpp_core.messages.journal import JournalWriter
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.session.plan import Plan, Request, Start, settle
from vsrpp_core.session.shared_cache import shared_cache
from vsrpp_core.sinks.sink import SinkGroup
from vsrpp_core.sinks.status_file import StatusFile
from vsrpp_core.sinks.tensorboard import TensorBoardSink
from vsrpp_core.sinks.training_log import TrainingLog
from vsrpp_core.training.distributed import SINGLE_RANK, Ranks, another_rank_has_ended
from vsrpp_core.training.trainer import Trainer
from vsrpp_core.training.validator import Validator
from vsrpp_core.tune.interactive import tune_and_choose
from vsrpp_core.tune.out_of_memory import advice


def open_session(
    run: Path,
    data: Path | None,
    *,
    start: Start,
    demo: bool = False,
    overrides: Iterable[tuple[str, str]] = (),
    ranks: Ranks = SINGLE_RANK,
    checkpoint: str = "",
    tune: bool = False,
    attended: bool = False,
) -> "Session":
    """Lock the run and settle how it will be trained; nothing is trained until the events are asked for.

    ``fresh`` moves what the run holds into its trash (``config.toml`` stays: settings are the user's);
    ``resume`` starts from the newest readable checkpoint, or from the one that ``checkpoint`` names; newer ones then
    move into the trash. ``data`` defaults to ``data.root`` in the overrides, then to the dataset in ``config.toml``.
    With ``demo`` the demo dataset is made if need be, and a fresh run takes the demo's settings. ``overrides`` are
    dotted settings; they are kept in ``config.toml``. Another run without settings of its own is tuned first on a GPU
    and gets a small network on a CPU.
    With ``tune`` a fresh run is tuned whatever settings it has, also on a CPU. ``attended`` says that somebody watches
    and may choose what auto-tune finds; otherwise the first that passes is taken. Raises VsrppError, with the run
    untouched and unlocked. Of several ranks the first does all this and tells the others.
    """
    folder = RunFolder(run)
    request = Request(data, start, demo, tuple(overrides), checkpoint, tune, attended, ranks.size)
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
        """``state`` is the checkpoint to go on from, if any.

        ``held`` has the run's lock; the session releases it when its events end, or by ``close``.
        """
        assert plan.summary.geometry is not None, "a dataset is checked before a session is made"
        self.folder, self.config = folder, plan.config
        self._plan, self._geometry, self._state = plan, plan.summary.geometry, state
        self._held, self._ranks = held, ranks
        self._log = TrainingLog(folder.training_log)  # opens its file at the first line
        self._trainer: Trainer | None = None

    def events(self, commands: CommandQueue) -> Generator[ev.Event, None, None]:
        """Everything that happens, as it happens. The last event is SessionEnded or SessionFailed, never an exception.

        If the iterator is closed early (its reader is gone), the run is saved first.
        """
        try:
            sinks = self._open_sinks()
        except OSError as error:
            self.close()
            where = error.filename or self.folder.path
            yield ev.SessionFailed(
                step=0, error=f"{where} cannot be written ({error.strerror}); make room", checkpoint=""
            )
            return
        try:
            for event in self._guarded(commands):
                warnings = list(sinks.handle(event))
                yield event
                yield from warnings
        finally:
            sinks.close()
            self.close()

    def close(self) -> None:
        """Release the run. Safe to call twice."""
        self._held.close()

    def _open_sinks(self) -> SinkGroup:
        if not self._ranks.is_first:
            return SinkGroup(())
        cadence, step = self.config.cadence, self._state["progress"]["step"] if self._state else 0
        return SinkGroup(
            (
                JournalWriter(self.folder.journal, cadence.journal_every),
                self._log,
                StatusFile(self.folder.status, cadence.status_every),
                TensorBoardSink(self.folder.logs, self.folder.path, cadence.tensorboard_every, first_step=step),
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
            told = str(error)
            self._note_of_rank(told)
        except Exception as error:
            if not another_rank_has_ended(error):
                self._note(traceback.format_exc())
            told = self._in_words(error)
        else:
            return
        yield self._failed(told)  # out here the error is gone, and with it the memory that the failed step still held

    def _in_words(self, error: Exception) -> str:
        if is_out_of_memory(error):
            return self._out_of_memory()
        if another_rank_has_ended(error):
            return f"another rank has ended; what went wrong there is in {self.folder.training_log}"
        return f"{type(error).__name__}: {error}; the traceback is in {self.folder.training_log}"

    @property
    def _is_resumable(self) -> bool:
        """Whether there is, or will be once the session has failed, a checkpoint to go on from."""
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
        hardware.apply()
        self._check_ranks(hardware)
        for warning in self._plan.warnings:
            yield ev.WarningRaised(message=warning)
        if self._plan.tune_first:
            attended, small = self._plan.attended, self._plan.small
            tuned = yield from tune_and_choose(
                self.config, hardware, self._geometry, inbox, attended=attended, small=small
            )
            if tuned is None:
                yield ev.SessionEnded(reason="stopped", step=0, checkpoint="")
                return
            self.config = tuned
            self.config.save(self.folder.config)
        root = Path(self.config.data.root)
        pairs, cache = DatasetFolder(root).pairs("train"), None
        if self.config.data.cache == "disk":
            cache = yield from shared_cache(root, pairs, self._geometry, self._ranks, inbox.stop_is_wanted)
            if cache is None:
                step = self._state["progress"]["step"] if self._state else 0
                yield ev.SessionEnded(reason="stopped", step=step, checkpoint=self._plan.resumed_from)
                return
        stream = self._make_stream(pairs, cache)
        self._held.callback(stream.close)
        validator = Validator(DatasetFolder(root).pairs("val"), self._geometry, hardware, self.folder.pictures)
        store = CheckpointStore(self.folder, self.config.checkpoints.keep_superseded_best)
        if self._ranks.is_first:
            store.clean()
        trainer = Trainer(self.config, hardware, stream, validator, store, self._ranks)
        if self._state:
            if changed := stream.difference(self._state["stream"]):
                yield ev.WarningRaised(
                    message=f"{self.config.data.root} is not as it was when {self._plan.resumed_from} was saved: "
                    f"{changed}; a new epoch begins"
                )
            trainer.load_state_dict(self._state)
            scored_on = self._state.get("validation", validator.identity)
            if trainer.progress.best_quality and scored_on != validator.identity:
                yield ev.WarningRaised(
                    message=f"the validation set of {self.config.data.root} is not the one that "
                    f"{self._plan.resumed_from} was scored on; the best is looked for anew"
                )
                trainer.forget_best()
            yield from trainer.repair_best()
            self._state = {}  # no second copy of the network while it trains
        self._trainer = trainer
        yield self._started(hardware, stream, validator)
        for event in trainer.train(inbox):
            yield event
            if isinstance(event, ev.ParameterChanged):
                yield from self._keep_settings(trainer.config)

    def _check_ranks(self, hardware: Hardware) -> None:
        """Gradients of one precision cannot be summed with those of another: fp16 scales its loss."""
        wanted = self._ranks.agree(hardware.precision)
        if hardware.precision != wanted:
            raise VsrppError(
                f"rank {self._ranks.rank} would train in {hardware.precision} and the first in {wanted}; set "
                "training.precision to one that both devices have, e.g. fp32"
            )

    def _keep_settings(self, config: RunConfig) -> Iterator[ev.Event]:
        """What was changed while training is in ``config.toml`` too, so that a resume goes by it."""
        if not self._ranks.is_first:
            return
        try:
            config.save(self.folder.config)
        except VsrppError as error:
            yield ev.WarningRaised(message=str(error))

    def _make_stream(self, pairs: list[PairPaths], cache: DiskCache | None) -> TrainingStream:
        data, training = self.config.data, self.config.training
        kept = int(data.cache_gb * 2**30) if data.cache == "memory" else 0
        dataset = PairDataset(pairs, self._geometry, training.seed, data.crop, data.augment, kept, cache)
        return TrainingStream(
            dataset,
            training.seed,
            training.batch_size,
            training.accumulation,
            data.workers,
            self._ranks.rank,
            self._ranks.size,
        )

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
            train_samples=self._plan.summary.train,
            val_samples=len(validator),
            n_feats=config.model.n_feats,
            n_blocks=config.model.n_blocks,
            n_frames=config.model.n_frames,
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
        )

    def _failed(self, error: str) -> ev.SessionFailed:
        step = self._trainer.progress.step if self._trainer else 0
        return ev.SessionFailed(step=step, error=error, checkpoint=self._save_last("emergency"))

    def _save_last(self, kind: ev.CheckpointKind) -> str:
        """Save what there is; the file's name, or empty when there was nothing to save or no room for it."""
        if self._trainer is None or self._trainer.progress.step == 0 or not self._ranks.is_first:
            return ""
        try:
            return self._trainer.save(kind).name
        except CheckpointError as error:
            self._note(str(error))
        except Exception:  # a device that has failed cannot be read either; what went wrong first must still be told
            self._note(traceback.format_exc())
        return ""

    def _note_of_rank(self, text: str) -> None:
        """Of a rank but the first: nobody keeps its events, and the first sees only that it is gone."""
        if not self._ranks.is_first:
            self._note(f"rank {self._ranks.rank}: {text}")

    def _note(self, text: str) -> None:
        with contextlib.suppress(OSError):  # a log that takes nothing must not hide what it was to tell
            self._log.write(text, time.time())
