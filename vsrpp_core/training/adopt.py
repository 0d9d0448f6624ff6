"""From a checkpoint of the original VSR++ to a run that can be resumed.

Weights, optimizer and step are taken over. What adapted in the original was kept by rules that are not this program's:
the adaptive parts begin anew, and the best quality with them, as it was measured on another scale.
"""

from pathlib import Path

from vsrpp_core.data.dataset import PairDataset, TrainingStream
from vsrpp_core.data.stacked import StackGeometry
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages.events import CheckpointSaved
from vsrpp_core.run.checkpoints import CheckpointError, CheckpointStore
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.run.original import read_original
from vsrpp_core.training.hardware import choose_hardware
from vsrpp_core.training.trainer import Trainer
from vsrpp_core.training.validator import Validator

N_FRAMES = 5
"""The original network always took five."""


def adopt(path: Path, run: Path) -> CheckpointSaved:
    """Make ``run`` from the original checkpoint ``path``: a checkpoint of its step, and settings of its shape.

    Settings that ``run`` has already are kept, but for the shape. Raises VsrppError where the file is no such
    checkpoint or the run holds a network already; the run is then as it was.
    """
    original = read_original(path)
    folder = RunFolder(run)
    with folder.lock():
        if checkpoints := folder.checkpoint_infos():
            raise VsrppError(f"{run} holds a network at step {checkpoints[0].step:,} already; name another run")
        config = (RunConfig.load(folder.config) if folder.config.is_file() else RunConfig()).with_overrides(
            (
                ("model.n_feats", str(original.n_feats)),
                ("model.n_blocks", str(original.n_blocks)),
                ("model.n_frames", str(N_FRAMES)),
            )
        )
        trainer = _trainer_without_data(config, folder)
        try:
            trainer.adopt(original.weights, original.optimizer, original.step)
        except (RuntimeError, ValueError, KeyError) as error:
            reason = str(error).splitlines()[0]
            raise VsrppError(f"{path} does not hold the network of the original VSR++ ({reason})") from None
        try:
            saved = trainer.save("manual")
        except CheckpointError as error:
            raise VsrppError(f"{error}; make room") from None
        config.save(folder.config)
        return saved


def _trainer_without_data(config: RunConfig, folder: RunFolder) -> Trainer:
    """It never takes a step: a session that resumes the run brings the dataset."""
    hardware, geometry = choose_hardware("auto"), StackGeometry(N_FRAMES, 1, 1)
    dataset = PairDataset([], geometry, config.training.seed, config.data.crop, config.data.augment, cache_bytes=0)
    stream = TrainingStream(dataset, config.training.seed, config.training.batch_size, config.training.accumulation, 0)
    return Trainer(
        config, hardware, stream, Validator([], geometry, hardware, folder.pictures), CheckpointStore(folder)
    )
