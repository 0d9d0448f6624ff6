"""The only place where everything is wired: a run's folder and settings in, a stream of events out."""

import contextlib
import time
import traceback
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from vsrpp_core import __version__
from vsrpp_core.batches.dataset import PairDataset, TrainingStream
from vsrpp_core.checkpoint import checkpoints
from vsrpp_core.checkpoint.checkpoints import CheckpointError, CheckpointStore
from vsrpp_core.data.demo import demo_dataset_root, is_demo_dataset, make_demo_dataset
from vsrpp_core.data.disk_cache import DiskCache
from vsrpp_core.data.stacked import DatasetFolder, DatasetSummary, PairPaths, StackGeometry, measure, summarize
from vsrpp_core.device.hardware import Hardware, choose_hardware, describe_device
from vsrpp_core.device.memory import is_out_of_memory
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.commands import CommandQueue
from vsrpp_core.messages.journal import JournalWriter
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.run.sidecar import mark_damaged
from vsrpp_core.session.rewind import put_newer_aside, read_chosen
from vsrpp_core.session.shared_cache import shared_cache
from vsrpp_core.sinks.sink import SinkGroup
from vsrpp_core.sinks.status_file import StatusFile
from vsrpp_core.sinks.tensorboard import TensorBoardSink
from vsrpp_core.sinks.training_log import TrainingLog
from vsrpp_core.training.distributed import ALONE, Ranks, another_rank_has_ended
from vsrpp_core.training.trainer import Trainer
from vsrpp_core.training.validator import Validator
from vsrpp_core.tune.interactive import tune_and_choose
from vsrpp_core.tune.out_of_memory import advice
from vsrpp_core.tune.presets import default_config, demo_config
from vsrpp_core.tune.run_tuning import anew, small_settings

Start = Literal["fresh", "resume"]
Overrides = tuple[tuple[str, str], ...]

TUNED = ("model.n_feats", "model.n_blocks", "training.batch_size", "training.accumulation")
"""What auto-tune would choose: who names one of them has chosen."""


@dataclass(frozen=True)
class Plan:
    """What a session was settled to be. Plain, so that one rank can tell it to the others."""

    config: RunConfig
    summary: DatasetSummary
    resumed_from: str = ""
    """Name of the checkpoint to go on from, or empty."""
    tune_first: bool = False
    attended: bool = False
    """Whether somebody can choose between the networks that auto-tune finds."""
    small: Overrides = ()
    """Settings of the network for CPUs, where auto-tune was asked for on one."""
    warnings: tuple[str, ...] = ()


def open_session(
    run: Path,
    data: Path | None,
    *,
    start: Start,
    demo: bool = False,
    overrides: Iterable[tuple[str, str]] = (),
    ranks: Ranks = ALONE,
    checkpoint: str = "",
    tune: bool = False,
    attended: bool = False,
) -> "Session":
    """Lock the run and settle how it will be trained; nothing is trained until the events are asked for.

    ``fresh`` moves what the run holds into its trash (``config.toml`` stays: settings are the user's);
    ``resume`` goes on from the newest readable checkpoint, or from the one that ``checkpoint`` names; newer ones then
    move into the trash. ``data`` defaults to ``data.root`` in the overrides, then to the dataset in ``config.toml``.
    With ``demo`` the demo dataset is made if need be, and a fresh run takes the demo's settings. ``overrides`` are
    dotted settings; they are kept in ``config.toml``. Another run without settings of its own is tuned first on a GPU
    and gets a small network on a CPU.
    With ``tune`` a fresh run is tuned whatever settings it has, also on a CPU. ``attended`` says that somebody watches
    and may choose what auto-tune finds; otherwise the first that passes is taken. Raises VsrppError, with the run
    untouched and unlocked. Of several ranks the first does all this and tells the others.
    """
    folder = RunFolder(run)
    state: dict[str, Any] = {}
    overrides = tuple(overrides)
    with ExitStack() as held:

        def settle() -> Plan:
            if start == "resume" and not folder.path.is_dir():
                raise VsrppError(f"{folder.path} does not exist, so there is nothing to resume; check the path")
            held.enter_context(folder.lock())
            root = data or _root_in(overrides)
            asked = _Asked(root, start, demo, overrides, checkpoint, tune, ranks.size)
            plan, read = _settle(folder, asked)
            state.update(read)
            return replace(plan, attended=attended)

        plan = ranks.from_first(settle)
        if plan.resumed_from and not state:
            state = checkpoints.load(folder.path / plan.resumed_from)
        return Session(folder, plan, state, held.pop_all(), ranks)


@dataclass(frozen=True)
class _Asked:
    """What ``open_session`` was asked for."""

    data: Path | None
    start: Start
    demo: bool
    overrides: Overrides
    checkpoint: str
    tune: bool
    n_ranks: int

    def is_to_be_tuned(self, known: RunConfig | None) -> bool:
        if self.start == "resume" or self.demo:
            return False
        if self.tune:
            return True
        sized = any(key in TUNED or key in ("model", "training") for key, _ in self.overrides)
        return not (sized or known) and describe_device().kind == "cuda"


def _settle(folder: RunFolder, asked: _Asked) -> tuple[Plan, dict[str, Any]]:
    """The plan, and the contents of the checkpoint to go on from. The run is changed last, when nothing can fail."""
    checkpoint, demo = asked.checkpoint, asked.demo
    if asked.start == "resume":
        CheckpointStore(folder).describe_missing()
    resumed, state, damaged = _read(folder, checkpoint) if asked.start == "resume" else ("", {}, [])
    known = RunConfig.load_if_any(folder.config)
    root, summary = _settle_data(folder, known, asked.data, demo)
    untuned = asked.is_to_be_tuned(known)
    if untuned and asked.n_ranks > 1:
        raise VsrppError(
            f"{folder.path} has no settings; run `vsrpp tune {folder.path} --data {root}` on one GPU first"
        )
    small = _small(known, summary, asked.overrides) if untuned and asked.tune else ()
    if untuned and asked.tune:
        config = _config_to_tune(known, summary, asked.overrides)
    else:
        config = _settle_config(known, root, summary, demo, resumed, state)
    config = config.with_overrides((*asked.overrides, ("data.root", str(root))))
    _check_dataset(root, summary, config)
    choose_hardware(config.training.precision)  # refused here rather than after the run has been touched
    if resumed:
        _check_goes_on(folder, config, resumed, state)
    if not untuned:
        config.save(folder.config)  # auto-tune saves what it finds; interrupted, it begins again
    trash = None if resumed else folder.move_to_trash()
    moved = [f"what the run held before is in {trash.relative_to(folder.path)}"] if trash else []
    if checkpoint:
        moved += put_newer_aside(folder, resumed, state)
    return Plan(config, summary, resumed, untuned, small=small, warnings=(*moved, *damaged)), state


def prepare_demo() -> Iterator[ev.PreparationProgressed]:
    """Make the demo dataset if it is not there yet; a front end that wants to show it runs this before the session."""
    return make_demo_dataset()


class Session:
    """One stretch of training of one run, from start or resume to stop, completion or failure."""

    def __init__(
        self, folder: RunFolder, plan: Plan, state: dict[str, Any], held: ExitStack, ranks: Ranks = ALONE
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
            yield from trainer.mend_best()
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


def _root_in(overrides: Overrides) -> Path | None:
    """The dataset that the settings name, if any."""
    named = [value for key, value in overrides if key == "data.root" and value]
    return Path(named[-1]).expanduser() if named else None


def _settle_data(
    folder: RunFolder, known: RunConfig | None, data: Path | None, demo: bool
) -> tuple[Path, DatasetSummary]:
    """The dataset's root and what is in it; VsrppError when none is known or it cannot be trained on."""
    known_root = known.data.root if known else ""
    if demo:
        root = demo_dataset_root()
        if known_root and not is_demo_dataset(Path(known_root)):
            raise VsrppError(f"{folder.path} is a run on {known_root}, not the demo's; name another folder")
        for _ in prepare_demo():  # made already where a front end showed its progress
            pass
    elif data is not None or known_root:
        root = data.absolute() if data else Path(known_root)
    else:
        raise VsrppError(f"{folder.path} names no dataset yet; give one with --data ROOT")
    if root == folder.path:
        raise VsrppError(f"{root} is the dataset; name another folder for the run")
    return root, summarize(root)


def _settle_config(
    known: RunConfig | None, root: Path, summary: DatasetSummary, demo: bool, resumed: str, state: dict[str, Any]
) -> RunConfig:
    """The run's own settings if it has some, else a preset. A fresh demo is always the demo."""
    if demo and not resumed:
        return demo_config(root)
    if known:
        return known
    if resumed:
        return RunConfig.as_saved(state["config"])
    geometry = summary.geometry
    side = min(geometry.height, geometry.width) if geometry else 0
    n_frames = (("model.n_frames", str(geometry.n_frames)),) if geometry else ()
    return default_config(describe_device(), side).with_overrides(n_frames)


def _config_to_tune(known: RunConfig | None, summary: DatasetSummary, overrides: Overrides) -> RunConfig:
    """Where a search that was asked for begins: the run's own settings but for what an earlier search found."""
    config = anew(known or RunConfig(), overrides)
    n_frames = summary.geometry.n_frames if summary.geometry else config.model.n_frames
    return config.with_overrides((("model.n_frames", str(n_frames)),))


def _small(known: RunConfig | None, summary: DatasetSummary, overrides: Overrides) -> Overrides:
    """Settings of the network for CPUs; none on a GPU, where the ladder is what to choose from."""
    if describe_device().kind != "cpu" or summary.geometry is None:
        return ()
    return small_settings(summary.geometry, known, overrides)


def _check_dataset(root: Path, summary: DatasetSummary, config: RunConfig) -> None:
    if summary.problem:
        raise VsrppError(summary.problem)
    geometry: StackGeometry | None = summary.geometry
    if geometry is None or not summary.train or not summary.val:
        raise VsrppError(f"{root} has no complete pairs to train and validate on; run `vsrpp check {root}`")
    if config.data.crop > min(geometry.height, geometry.width):
        raise VsrppError(
            f"data.crop = {config.data.crop} is larger than the LR patches in {root} "
            f"({geometry.width}x{geometry.height}); choose a smaller crop, or 0 for whole patches"
        )
    if geometry.n_frames != config.model.n_frames:
        raise VsrppError(
            f"the stacks in {root} have {geometry.n_frames} frames but model.n_frames is {config.model.n_frames}; "
            f"set model.n_frames = {geometry.n_frames} for a fresh run or use another dataset"
        )
    for pair in DatasetFolder(root).pairs("val"):  # by their headers: one would end the session at its first validation
        if (found := measure(pair)) != geometry:
            raise VsrppError(
                f"{pair.lr} has {found}, where training has {geometry}; `vsrpp check {root}` lists every such pair"
            )


def _read(folder: RunFolder, checkpoint: str) -> tuple[str, dict[str, Any], list[str]]:
    """Name, contents and warnings of the checkpoint asked for, or of the newest that can be read."""
    return (*read_chosen(folder, checkpoint), []) if checkpoint else _read_newest(folder)


def _read_newest(folder: RunFolder) -> tuple[str, dict[str, Any], list[str]]:
    """Name and contents of the newest checkpoint that can be read; damaged ones are passed over with a warning each."""
    warnings: list[str] = []
    for info in folder.checkpoint_infos():
        try:
            return info.name, checkpoints.load(folder.path / info.name), warnings
        except VsrppError as error:
            if isinstance(error, checkpoints.DamagedCheckpointError):
                mark_damaged(folder.path / info.name)
            warnings.append(str(error))
    if warnings:
        raise VsrppError(f"none of the checkpoints in {folder.path} can be read: {'; '.join(warnings)}")
    raise VsrppError(f"{folder.path} holds no checkpoint to resume from; start it fresh")


def _check_goes_on(folder: RunFolder, config: RunConfig, resumed: str, state: dict[str, Any]) -> None:
    """VsrppError where the network has another shape than the checkpoint's, or nothing is left to train."""
    step, max_steps = state["progress"]["step"], config.training.max_steps
    if step >= max_steps:
        raise VsrppError(
            f"{folder.path} is complete: step {step:,} of {max_steps:,}; to train on, set training.max_steps higher in "
            "its config.toml or with --set"
        )
    saved, wanted = state["config"]["model"], config.model.model_dump()
    changed = [f"model.{key} is {wanted[key]} but was {saved[key]}" for key in wanted if wanted[key] != saved.get(key)]
    if changed:
        raise VsrppError(f"{folder.config}: {', '.join(changed)} when {resumed} was saved; set it back, or start fresh")
