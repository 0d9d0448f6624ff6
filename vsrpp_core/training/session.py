"""The only place where everything is wired: a run's folder and settings in, a stream of events out."""

import contextlib
import time
import traceback
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from vsrpp_core import __version__
from vsrpp_core.data.dataset import PairDataset, TrainingStream
from vsrpp_core.data.demo import demo_dataset_root, is_demo_dataset, make_demo_dataset
from vsrpp_core.data.stacked import DatasetFolder, DatasetSummary, StackGeometry, summarize
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.commands import CommandQueue
from vsrpp_core.messages.journal import JournalWriter
from vsrpp_core.run import checkpoints
from vsrpp_core.run.checkpoints import CheckpointError, CheckpointStore
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.run.sidecar import mark_damaged
from vsrpp_core.sinks.sink import SinkGroup
from vsrpp_core.sinks.status_file import StatusFile
from vsrpp_core.sinks.tensorboard import TensorBoardSink
from vsrpp_core.sinks.training_log import TrainingLog
from vsrpp_core.training.autotune import tune
from vsrpp_core.training.hardware import Hardware, choose_hardware, describe_device
from vsrpp_core.training.inbox import Inbox
from vsrpp_core.training.presets import default_config, demo_config
from vsrpp_core.training.trainer import Trainer
from vsrpp_core.training.validator import Validator

Start = Literal["fresh", "resume"]


@dataclass(frozen=True)
class _Resumed:
    """The checkpoint a session goes on from, read and verified."""

    name: str
    state: dict[str, Any]
    warnings: tuple[str, ...]


def open_session(
    run: Path,
    data: Path | None,
    *,
    start: Start,
    demo: bool = False,
    overrides: Iterable[tuple[str, str]] = (),
) -> "Session":
    """Lock the run and settle how it will be trained; nothing is trained until the events are asked for.

    ``fresh`` moves what the run holds into its trash (``config.toml`` stays: settings are the user's);
    ``resume`` goes on from the newest readable checkpoint. ``data`` defaults to the dataset in ``config.toml``. With
    ``demo`` the demo dataset is made if need be, and a fresh run takes the demo's settings. ``overrides`` are dotted
    settings; they are kept in ``config.toml``. Another run without settings of its own is tuned first on a GPU and gets
    a small network on a CPU. Raises VsrppError, with the run untouched and unlocked.
    """
    folder = RunFolder(run)
    if start == "resume" and not folder.path.is_dir():
        raise VsrppError(f"{folder.path} does not exist, so there is nothing to resume; check the path")
    with ExitStack() as held:
        held.enter_context(folder.lock())
        if start == "resume":
            CheckpointStore(folder).describe_missing()
        resumed = _read_newest(folder) if start == "resume" else None
        root, summary = _settle_data(folder, data, demo)
        untuned = not (demo or resumed or folder.config.is_file()) and describe_device().kind == "cuda"
        config = _settle_config(folder, root, summary, demo, resumed).with_overrides(
            (*overrides, ("data.root", str(root)))
        )
        _check_dataset(root, summary, config)
        choose_hardware(config.training.precision)  # refused here rather than after the run has been touched
        if resumed:
            _check_goes_on(folder, config, resumed)
        trash = None if resumed else folder.move_to_trash()
        if not untuned:
            config.save(folder.config)  # auto-tune saves what it finds; interrupted, it begins again
        return Session(folder, config, summary, resumed, held.pop_all(), tune_first=untuned, trash=trash)


def prepare_demo() -> Iterator[ev.PreparationProgressed]:
    """Make the demo dataset if it is not there yet; a front end that wants to show it runs this before the session."""
    return make_demo_dataset()


class Session:
    """One stretch of training of one run, from start or resume to stop, completion or failure."""

    def __init__(
        self,
        folder: RunFolder,
        config: RunConfig,
        summary: DatasetSummary,
        resumed: _Resumed | None,
        held: ExitStack,
        tune_first: bool = False,
        trash: Path | None = None,
    ) -> None:
        """``held`` has the run's lock; the session releases it when its events end, or by ``close``.

        With ``tune_first`` the size of the network is found by auto-tune before the first step. ``trash`` is where what
        the run held before has been moved.
        """
        assert summary.geometry is not None, "a dataset is checked before a session is made"
        self.folder, self.config = folder, config
        self._summary, self._geometry, self._resumed = summary, summary.geometry, resumed
        self._held, self._tune_first, self._trash = held, tune_first, trash
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
        cadence, step = self.config.cadence, self._resumed.state["progress"]["step"] if self._resumed else 0
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
            yield self._failed(str(error))
        except Exception as error:
            self._note(traceback.format_exc())
            yield self._failed(f"{type(error).__name__}: {error}; the traceback is in {self.folder.training_log}")

    def _run(self, commands: CommandQueue) -> Iterator[ev.Event]:
        inbox = Inbox(commands)
        hardware = choose_hardware(self.config.training.precision)
        hardware.apply()
        if self._trash:
            place = self._trash.relative_to(self.folder.path)
            yield ev.WarningRaised(message=f"what the run held before is in {place}")
        for warning in self._resumed.warnings if self._resumed else ():
            yield ev.WarningRaised(message=warning)
        if self._tune_first:
            tuned = yield from tune(self.config, hardware, self._geometry, stop_is_wanted=inbox.stop_is_wanted)
            if tuned is None:
                yield ev.SessionEnded(reason="stopped", step=0, checkpoint="")
                return
            self.config = tuned
            self.config.save(self.folder.config)
        stream = self._make_stream()
        self._held.callback(stream.close)
        validator = Validator(
            DatasetFolder(Path(self.config.data.root)).pairs("val"), self._geometry, hardware, self.folder.pictures
        )
        store = CheckpointStore(self.folder)
        store.clean()
        trainer = Trainer(self.config, hardware, stream, validator, store)
        if self._resumed:
            trainer.load_state_dict(self._resumed.state)
        self._trainer = trainer
        yield self._started(hardware, stream, validator)
        for event in trainer.train(inbox):
            yield event
            if isinstance(event, ev.ParameterChanged):
                yield from self._keep_settings(trainer.config)

    def _keep_settings(self, config: RunConfig) -> Iterator[ev.Event]:
        """What was changed while training is in ``config.toml`` too, so that a resume goes by it."""
        try:
            config.save(self.folder.config)
        except VsrppError as error:
            yield ev.WarningRaised(message=str(error))

    def _make_stream(self) -> TrainingStream:
        data, training = self.config.data, self.config.training
        pairs = DatasetFolder(Path(data.root)).pairs("train")
        dataset = PairDataset(pairs, self._geometry, training.seed, data.crop, data.augment, int(data.cache_gb * 2**30))
        return TrainingStream(dataset, training.seed, training.batch_size, training.accumulation, data.workers)

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
            resumed_from=self._resumed.name if self._resumed else "",
            step=progress.step,
            max_steps=config.training.max_steps,
            steps_per_epoch=stream.steps_per_epoch,
            train_samples=self._summary.train,
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
        )

    def _failed(self, error: str) -> ev.SessionFailed:
        step = self._trainer.progress.step if self._trainer else 0
        return ev.SessionFailed(step=step, error=error, checkpoint=self._save_last("emergency"))

    def _save_last(self, kind: ev.CheckpointKind) -> str:
        """Save what there is; the file's name, or empty when there was nothing to save or no room for it."""
        if self._trainer is None or self._trainer.progress.step == 0:
            return ""
        try:
            return self._trainer.save(kind).name
        except CheckpointError as error:
            self._note(str(error))
        except Exception:  # a device that has failed cannot be read either; what went wrong first must still be told
            self._note(traceback.format_exc())
        return ""

    def _note(self, text: str) -> None:
        with contextlib.suppress(OSError):  # a log that takes nothing must not hide what it was to tell
            self._log.write(text, time.time())


def _settle_data(folder: RunFolder, data: Path | None, demo: bool) -> tuple[Path, DatasetSummary]:
    """The dataset's root and what is in it; VsrppError when none is known or it cannot be trained on."""
    known = RunConfig.load(folder.config).data.root if folder.config.is_file() else ""
    if demo:
        root = demo_dataset_root()
        if known and not is_demo_dataset(Path(known)):
            raise VsrppError(f"{folder.path} is a run on {known}, not the demo's; name another folder")
        for _ in prepare_demo():  # made already where a front end showed its progress
            pass
    elif data is not None or known:
        root = data.absolute() if data else Path(known)
    else:
        raise VsrppError(f"{folder.path} names no dataset yet; give one with --data ROOT")
    if root == folder.path:
        raise VsrppError(f"{root} is the dataset; name another folder for the run")
    return root, summarize(root)


def _settle_config(
    folder: RunFolder, root: Path, summary: DatasetSummary, demo: bool, resumed: _Resumed | None
) -> RunConfig:
    """The run's own settings if it has some, else a preset. A fresh demo is always the demo."""
    if demo and not resumed:
        return demo_config(root)
    if folder.config.is_file():
        return RunConfig.load(folder.config)
    if resumed:
        return RunConfig.from_mapping(resumed.state["config"], source=resumed.name)
    geometry = summary.geometry
    side = min(geometry.height, geometry.width) if geometry else 0
    n_frames = (("model.n_frames", str(geometry.n_frames)),) if geometry else ()
    return default_config(describe_device(), side).with_overrides(n_frames)


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


def _read_newest(folder: RunFolder) -> _Resumed:
    """The newest checkpoint that can be read; damaged ones are passed over with a warning each."""
    warnings = []
    for info in folder.checkpoint_infos():
        try:
            state = checkpoints.load(folder.path / info.name)
        except VsrppError as error:
            if isinstance(error, checkpoints.DamagedCheckpointError):
                mark_damaged(folder.path / info.name)
            warnings.append(str(error))
            continue
        return _Resumed(info.name, state, tuple(warnings))
    if warnings:
        raise VsrppError(f"none of the checkpoints in {folder.path} can be read: {'; '.join(warnings)}")
    raise VsrppError(f"{folder.path} holds no checkpoint to resume from; start it fresh")


def _check_goes_on(folder: RunFolder, config: RunConfig, resumed: _Resumed) -> None:
    """VsrppError where the network has another shape than the checkpoint's, or nothing is left to train."""
    step, max_steps = resumed.state["progress"]["step"], config.training.max_steps
    if step >= max_steps:
        raise VsrppError(
            f"{folder.path} is complete: step {step:,} of {max_steps:,}; to train on, set training.max_steps higher in "
            "its config.toml or with --set"
        )
    saved, wanted = resumed.state["config"]["model"], config.model.model_dump()
    changed = [f"model.{key} is {wanted[key]} but was {saved[key]}" for key in wanted if wanted[key] != saved.get(key)]
    if changed:
        raise VsrppError(
            f"{folder.config}: {', '.join(changed)} when {resumed.name} was saved; set it back, or start fresh"
        )
