"""From a checkpoint of the original VSR++, or from an exported network, to a run that can be resumed.

Weights, optimizer, step and the settings that have an equivalent are imported. The adaptive parts followed other rules
in the original and start fresh, and so does the best quality, which was measured on another scale. An exported network
has only weights and a step.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from vsrpp_core.batches.dataset import PairDataset, TrainingStream
from vsrpp_core.checkpoint.checkpoints import CheckpointError, CheckpointStore
from vsrpp_core.checkpoint.legacy_checkpoint import AS_NAMED, Blocks, OriginalCheckpoint, read_original
from vsrpp_core.checkpoint.stored_network import is_exported, read_exported
from vsrpp_core.data.stacked import StackGeometry
from vsrpp_core.device.hardware import choose_hardware
from vsrpp_core.errors import UsageError, VsrppError
from vsrpp_core.messages.events import CheckpointSaved
from vsrpp_core.run.config import ModelConfig, RunConfig
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.run.legacy_settings import NAME, OriginalSettings, read_original_settings
from vsrpp_core.training.trainer import Trainer
from vsrpp_core.training.validator import Validator


@dataclass(frozen=True, slots=True)
class ImportedRun:
    """Result of an import: a checkpoint, and the settings that are now in ``config.toml``."""

    saved: CheckpointSaved
    config: RunConfig
    settings: OriginalSettings | None
    """The original's settings, or None where there were none."""
    notes: tuple[str, ...]
    """Sentences for the user."""


@dataclass(frozen=True, slots=True)
class Source:
    """What is imported from a file; ``optimizer`` is the state_dict of torch's AdamW, or empty."""

    weights: dict[str, Tensor]
    optimizer: dict[str, Any]
    step: int
    form: ModelConfig
    notes: tuple[str, ...] = ()


def import_run(path: Path, run: Path, settings_file: Path | None = None, blocks: Blocks = AS_NAMED) -> ImportedRun:
    """Make ``run`` from ``path``, an original checkpoint or an exported network: a checkpoint of its step and shape.

    The original's settings are read from ``settings_file``, else from the ``train_config.json`` beside an original
    checkpoint where there is one and ``run`` has no settings yet. Settings that ``run`` has already are kept except for
    those and the shape. ``blocks`` says what an original checkpoint does not. Raises VsrppError where a file is of the
    wrong kind or the run holds a network already; the run is then unchanged.
    """
    source, folder = _read(path, blocks), RunFolder(run)
    settings, notes = _settings(path, folder, settings_file)
    with folder.lock():
        config = config_for(folder, source, settings)
        saved = save(source, config, folder)
        config.save(folder.config)
    return ImportedRun(saved, config, settings, (*source.notes, *notes, *notes_on(source, config, settings, folder)))


def config_for(folder: RunFolder, source: Source, settings: OriginalSettings | None) -> RunConfig:
    """What the run has, the original's settings and the network's form; VsrppError where it holds a network already."""
    if there := folder.checkpoint_infos():
        raise VsrppError(f"{folder.path} holds a network at step {there[0].step:,} already; name another run")
    known = RunConfig.load_if_any(folder.config) or RunConfig()
    shape = {f"model.{name}": value for name, value in source.form.model_dump().items()}
    return known.with_overrides({**(settings.overrides if settings else {}), **shape})


def save(source: Source, config: RunConfig, folder: RunFolder) -> CheckpointSaved:
    """A checkpoint of it in the run, which is locked. VsrppError where the disk does not take it."""
    trainer = _trainer_without_data(config, folder)
    trainer.start_from(source.weights, source.optimizer, source.step)
    try:
        return trainer.save("manual")
    except CheckpointError as error:
        raise VsrppError(str(error)) from None


def _read(path: Path, blocks: Blocks) -> Source:
    if not is_exported(path):
        return of_original(path, read_original(path, blocks), blocks)
    if blocks != AS_NAMED:
        raise UsageError(f"{path} says itself how its blocks are; leave --slope and --residual-scale out")
    network = read_exported(path)
    weights = "the moving average of the weights" if network.is_average else "the weights"
    note = f"{path} holds {weights} and no optimizer: training continues from them with a fresh optimizer"
    return Source(network.weights, {}, network.step, network.form, (note,))


def of_original(path: Path, original: OriginalCheckpoint, blocks: Blocks) -> Source:
    notes = tuple(_told(path, original, blocks))
    return Source(original.weights, original.optimizer, original.step, original.form, notes)


def _told(path: Path, original: OriginalCheckpoint, blocks: Blocks) -> Iterator[str]:
    """What a file does not say, or cannot bring along."""
    slope, scale = original.form.slope, original.form.residual_scale
    if blocks == AS_NAMED:
        yield (
            f"{path}: slope {slope:g} and residual scale {scale:g} are those of the versions that name weights as it "
            "does; for another one give --slope and --residual-scale"
        )
    if len(original.rates) > 1:
        rates = ", ".join(f"{rate:.3g}" for rate in original.rates)
        yield f"{path}: groups of weights had learning rates of their own ({rates}); here all weights have one"


def _settings(path: Path, folder: RunFolder, named: Path | None) -> tuple[OriginalSettings | None, list[str]]:
    """The original's settings where they are imported, and a note on a file that is not."""
    beside = path.parent / NAME
    if named:
        return read_original_settings(named), []
    if is_exported(path) or not beside.is_file():
        return None, []
    if folder.config.is_file():
        return None, [f"{beside} is ignored because {folder.config} has settings; import it with --config"]
    return read_original_settings(beside), []


def notes_on(source: Source, config: RunConfig, settings: OriginalSettings | None, folder: RunFolder) -> Iterator[str]:
    """What may need an answer before the run goes on from ``source``."""
    if settings and (different := settings.contradictions(source.form.n_feats, source.form.n_blocks)):
        named = ", ".join(map(str, settings.paths))
        yield f"{named}: {'; '.join(different)}; the checkpoint's values are used"
    if config.data.root and not Path(config.data.root).is_dir():
        yield f"the dataset {config.data.root} does not exist here; name its new place with --data ROOT"
    if source.step >= (end := config.training.max_steps):
        yield (
            f"nothing is left to train at step {source.step:,} of {end:,}; to continue, raise training.max_steps "
            f"in {folder.config} or with --set training.max_steps=N"
        )


def _trainer_without_data(config: RunConfig, folder: RunFolder) -> Trainer:
    """It never trains: a session that resumes the run brings the dataset."""
    hardware, geometry = choose_hardware("auto"), StackGeometry(config.model.n_frames, 1, 1, config.model.scale)
    dataset = PairDataset([], geometry, config.training.seed, config.data.crop, config.data.augment, cache_bytes=0)
    stream = TrainingStream(dataset, config.training.seed, config.training.batch_size, config.training.accumulation, 0)
    return Trainer(
        config, hardware, stream, Validator([], geometry, hardware, folder.pictures), CheckpointStore(folder)
    )
