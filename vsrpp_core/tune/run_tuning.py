"""Auto-tune for a run on disk: measure, choose by hand, or only list; and where the result is written.

Separate from interactive.py, which knows neither folders nor datasets and serves a session as well.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vsrpp_core.data.stacked import StackGeometry
from vsrpp_core.data.survey import geometry_to_train
from vsrpp_core.device.hardware import Hardware, choose_hardware
from vsrpp_core.errors import UsageError, VsrppError
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.commands import CommandQueue
from vsrpp_core.run.config import RunConfig, describe_retired
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.run.settings import NO_OVERRIDES, Overrides
from vsrpp_core.training.inbox import Inbox
from vsrpp_core.tune.default_settings import (
    MODEL_SIZE,
    assumed_geometry,
    cpu_settings,
    drop_cpu_preset,
    unchanged_cpu_settings,
)
from vsrpp_core.tune.interactive import tune_and_choose
from vsrpp_core.tune.ladder import Rung, check_rung, forecast
from vsrpp_core.tune.measure import measure_steps
from vsrpp_core.tune.search import Search

FOUND_BY_TUNE = (
    "model.n_feats",
    "model.n_blocks",
    "training.batch_size",
    "training.accumulation",
    "tune.found",
    "tune.preset",
)


@dataclass(frozen=True)
class _Target:
    """A run without a network, and the dataset it is tuned for."""

    folder: RunFolder
    config: RunConfig
    known: RunConfig | None
    """The run's settings as they are on disk, if it has any."""
    retired: list[str]
    """Names of settings on disk that no longer mean anything."""
    root: Path
    geometry: StackGeometry

    def save(self, tuned: RunConfig) -> Iterator[ev.Event]:
        if self.retired:
            yield ev.WarningRaised(message=describe_retired(self.folder.config, self.retired))
        found = {"data.root": str(self.root), **told_by(self.geometry)}
        tuned.with_overrides(found).save(self.folder.config)


@dataclass(frozen=True)
class Listing:
    """The ladder as it is predicted for this machine."""

    hardware: Hardware
    geometry: StackGeometry
    assumed: bool
    """Whether the geometry is assumed because no dataset was named."""
    config: RunConfig
    rungs: list[Rung]


def tune_run(run: Path, data: Path | None, overrides: Overrides = NO_OVERRIDES) -> Iterator[ev.Event]:
    """Tune for a run's dataset and write the result into its ``config.toml``, with the ``overrides``.

    The events are those of a search in a session that nobody attends; on a CPU a small network is taken unmeasured. Of
    settings that are there already only the size of the network, of the batch and of the crop and the checkpointing are
    replaced; on a GPU also what a search on a CPU had set besides, by the defaults. Raises VsrppError when there is no
    dataset, nothing passes, or the run has a network already.
    """
    target = _target(run, data, overrides)
    with target.folder.lock():
        hardware, small = choose_hardware(target.config.training.precision), NO_OVERRIDES
        hardware.apply(fixed_shapes=True)
        if hardware.description.kind == "cpu":
            yield ev.WarningRaised(
                message="the auto-tune ladder is for GPUs; this CPU gets a small network instead (see config.toml); "
                "`vsrpp tune --list` shows what the rungs would take, --choose N takes one all the same"
            )
            small = small_settings(target.geometry, target.known, overrides)
        nobody = Inbox(CommandQueue())
        tuned = yield from tune_and_choose(
            target.config, hardware, target.geometry, nobody, attended=False, small=small
        )
        if tuned:
            yield from target.save(tuned)


def choose_rung(run: Path, data: Path | None, index: int, overrides: Overrides = NO_OVERRIDES) -> Iterator[ev.Event]:
    """Write rung ``index`` into the run's ``config.toml`` without measuring, in the first checkpointing mode predicted
    to fit; warns of what goes beyond the limits. Raises as ``tune_run``, and UsageError for an index that is not on the
    ladder."""
    check_rung(index)
    target = _target(run, data, overrides)
    with target.folder.lock():
        search = Search(
            target.config, choose_hardware(target.config.training.precision), target.geometry, measure_steps
        )
        rung = search.rung(index)
        yield rung.predicted(rung.mode)
        chosen, warnings = search.choose(index)
        for warning in warnings:
            yield ev.WarningRaised(message=warning)
        yield from target.save(chosen)


def list_ladder(run: Path | None, data: Path | None, overrides: Overrides = NO_OVERRIDES) -> Listing:
    """Predict only; nothing is written. Without a dataset five frames of 180x180 pixels are assumed."""
    folder = RunFolder(run) if run else None
    known = RunConfig.load_if_any(folder.config) if folder else None
    config = reset_for_search(known or RunConfig(), overrides)
    root = data.absolute() if data else Path(config.data.root) if config.data.root else None
    geometry = geometry_to_train(root, config.data.crop) if root else assumed_geometry(config)
    hardware = choose_hardware(config.training.precision)
    return Listing(hardware, geometry, root is None, config, forecast(config, hardware, geometry))


def _target(run: Path, data: Path | None, overrides: Overrides) -> _Target:
    folder = RunFolder(run)
    if checkpoints := folder.checkpoint_infos():
        raise VsrppError(
            f"{run} holds a network at step {checkpoints[0].step:,}, which cannot change its size; name another run"
        )
    known, retired = RunConfig.load_known(folder.config)
    config = reset_for_search(known or RunConfig(), overrides)
    root = data.absolute() if data else Path(config.data.root) if config.data.root else None
    if root is None:
        raise VsrppError(f"{run} names no dataset yet; give one with --data ROOT")
    geometry = geometry_to_train(root, config.data.crop)
    return _Target(folder, config.with_overrides(told_by(geometry)), known, retired, root, geometry)


def told_by(geometry: StackGeometry) -> Overrides:
    """Settings of the network that a dataset decides."""
    return {"model.n_frames": geometry.n_frames, "model.scale": geometry.scale}


def reset_for_search(config: RunConfig, overrides: Overrides) -> RunConfig:
    """The settings a search starts from, without the checkpointing and the CPU preset of an earlier search.

    Raises UsageError for a setting that auto-tune finds itself.
    """
    if found := [key for key in overrides if key in FOUND_BY_TUNE]:
        raise UsageError(f"--set {found[0]} is what auto-tune finds; leave it out, or take a rung with --choose N")
    if config.tune.found:
        found_before = {"training.checkpointing": "none", "tune.found": "", "tune.preset": ""}
        config = drop_cpu_preset(config).with_overrides(found_before)
    return config.with_overrides(overrides)


def small_settings(geometry: StackGeometry, known: RunConfig | None, overrides: Overrides = NO_OVERRIDES) -> Overrides:
    """Settings of the network for CPUs. Of a run with settings of its own only what depends on the device is replaced,
    and what an earlier search on a CPU has set."""
    settings = cpu_settings(min(geometry.height, geometry.width))
    replaced = MODEL_SIZE | unchanged_cpu_settings(known) if known else settings
    return {**{key: value for key, value in settings.items() if key in replaced}, **overrides}
