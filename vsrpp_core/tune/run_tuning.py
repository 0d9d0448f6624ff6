"""Auto-tune for a run on disk: measure, choose by hand, or only list; and where the result is written.

Separate from autotune.py, which knows neither folders nor datasets and serves a session as well.
"""

import math
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from vsrpp_core.data.stacked import StackGeometry, summarize
from vsrpp_core.device.hardware import Hardware, choose_hardware, describe_device
from vsrpp_core.errors import UsageError, VsrppError
from vsrpp_core.messages import events as ev
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.tune.ladder import GB, Limits, Rung, check_rung, forecast
from vsrpp_core.tune.measure import tune
from vsrpp_core.tune.presets import MODEL_SIZE, SMALL_NETWORK, cpu_settings, left_of_cpu, without_cpu

ASSUMED = StackGeometry(n_frames=5, height=180, width=180)
"""The stacks of a list that is asked for without a dataset."""

FOUND_BY_TUNE = ("model.n_feats", "model.n_blocks", "training.batch_size", "training.accumulation", "tune.found")
Overrides = Iterable[tuple[str, str]]


@dataclass(frozen=True)
class _Target:
    """A run without a network, and the dataset it is tuned for."""

    folder: RunFolder
    config: RunConfig
    known: RunConfig | None
    """The run's settings as they are on the disk, where it has some."""
    root: Path
    geometry: StackGeometry

    def save(self, tuned: RunConfig) -> None:
        n_frames = str(self.geometry.n_frames)
        tuned.with_overrides((("data.root", str(self.root)), ("model.n_frames", n_frames))).save(self.folder.config)


@dataclass(frozen=True)
class Listing:
    """The ladder as it is foreseen on this machine."""

    hardware: Hardware
    geometry: StackGeometry
    assumed: bool
    """Whether the geometry is only supposed, for want of a dataset."""
    config: RunConfig
    rungs: list[Rung]


def tune_run(run: Path, data: Path | None, overrides: Overrides = ()) -> Iterator[ev.Event]:
    """Tune for a run's dataset and write the result into its ``config.toml``, with the ``overrides``.

    All rungs' predictions come first, then an event per measurement. Of settings that are there already only the size
    of the network, of the batch and of the crop and the checkpointing are replaced; on a GPU also what a search on a
    CPU had set besides, by the defaults. Raises VsrppError when there is no dataset, nothing passes, or the run has a
    network already.
    """
    target = _target(run, data, overrides)
    with target.folder.lock():
        if describe_device().kind == "cpu":
            yield ev.WarningRaised(
                message="the auto-tune ladder is for GPUs; this CPU gets a small network instead (see config.toml); "
                "`vsrpp tune --list` shows what the rungs would take, --choose N takes one all the same"
            )
            target.save(_for_cpu(target, overrides))
        else:
            hardware = choose_hardware(target.config.training.precision)
            hardware.apply()
            tuned = yield from tune(target.config, hardware, target.geometry)
            target.save(tuned or target.config)


def choose_rung(
    run: Path, data: Path | None, index: int, overrides: Overrides = ()
) -> Generator[ev.Event, None, RunConfig]:
    """Write rung ``index`` into the run's ``config.toml`` without measuring, in the first checkpointing mode predicted
    to fit; warns of what goes beyond the limits. Returns what was written. Raises as ``tune_run``, and UsageError for
    an index that is not on the ladder."""
    check_rung(index)
    target = _target(run, data, overrides)
    with target.folder.lock():
        hardware = choose_hardware(target.config.training.precision)
        rung = forecast(target.config, hardware, target.geometry)[index - 1]
        prediction, limits = rung.predictions[rung.mode], Limits.of(target.config, hardware)
        seconds, gigabytes = prediction.seconds, prediction.memory / GB
        yield rung.predicted(rung.mode)
        if seconds > limits.seconds or hardware.description.kind == "cpu":
            yield ev.WarningRaised(message=f"a step is predicted to take {seconds:.1f} s on {_words(hardware)}")
        if prediction.memory > limits.memory:
            yield ev.WarningRaised(message=f"{gigabytes:.1f} GB are predicted; {limits.memory / GB:.1f} GB are allowed")
        chosen = rung.configure(target.config, rung.mode, target.geometry.n_frames)
        step = "" if math.isnan(seconds) else f"{seconds:.2f} s per step and "
        predicted = f"predicted {step}{gigabytes:.1f} GB on {_words(hardware)}"
        found = f"chosen by hand, {predicted}, {date.today().isoformat()}"
        chosen = chosen.with_overrides((("tune.found", found),))
        target.save(chosen)
        return chosen


def list_ladder(run: Path | None, data: Path | None, overrides: Overrides = ()) -> Listing:
    """Predict only; nothing is written. Without a dataset five frames of 180x180 pixels are supposed."""
    folder = RunFolder(run) if run else None
    known = RunConfig.load_if_any(folder.config) if folder else None
    config = anew(known or RunConfig(), overrides)
    root = data.absolute() if data else Path(config.data.root) if config.data.root else None
    geometry = _geometry(root, config) if root else ASSUMED
    hardware = choose_hardware(config.training.precision)
    return Listing(hardware, geometry, root is None, config, forecast(config, hardware, geometry))


def _target(run: Path, data: Path | None, overrides: Overrides) -> _Target:
    folder = RunFolder(run)
    if checkpoints := folder.checkpoint_infos():
        raise VsrppError(
            f"{run} holds a network at step {checkpoints[0].step:,}, which cannot change its size; name another run"
        )
    known = RunConfig.load_if_any(folder.config)
    config = anew(known or RunConfig(), overrides)
    root = data.absolute() if data else Path(config.data.root) if config.data.root else None
    if root is None:
        raise VsrppError(f"{run} names no dataset yet; give one with --data ROOT")
    return _Target(folder, config, known, root, _geometry(root, config))


def anew(config: RunConfig, overrides: Overrides) -> RunConfig:
    """The settings a search begins with: what an earlier one found about memory, and set for a CPU, is forgotten.

    Raises UsageError for a setting that is tune's to find.
    """
    overrides = list(overrides)
    if found := [key for key, _ in overrides if key in FOUND_BY_TUNE]:
        raise UsageError(f"--set {found[0]} is what auto-tune finds; leave it out, or take a rung with --choose N")
    if config.tune.found:
        config = without_cpu(config).with_overrides((("training.checkpointing", "none"), ("tune.found", "")))
    return config.with_overrides(overrides)


def _geometry(root: Path, config: RunConfig) -> StackGeometry:
    summary = summarize(root)
    if summary.geometry is None:
        raise VsrppError(summary.problem or f"{root} holds no pairs to measure with")
    geometry: StackGeometry = summary.geometry
    if config.data.crop > min(geometry.height, geometry.width):
        raise VsrppError(
            f"data.crop = {config.data.crop} is larger than the LR patches in {root} "
            f"({geometry.width}x{geometry.height}); choose a smaller crop, or 0 for whole patches"
        )
    return geometry


def small_settings(
    geometry: StackGeometry, known: RunConfig | None, overrides: Overrides = ()
) -> tuple[tuple[str, str], ...]:
    """Those of the network for CPUs. Of a run with settings of its own only what depends on the device is replaced,
    and what a search on a CPU has set before."""
    settings = cpu_settings(min(geometry.height, geometry.width))
    replaced = MODEL_SIZE | left_of_cpu(known) if known else {key for key, _ in settings}
    wanted = (setting for setting in settings if setting[0] in replaced)
    return (*wanted, *overrides)


def _for_cpu(target: _Target, overrides: Overrides) -> RunConfig:
    """The small network; what was asked for with ``overrides`` goes before the preset."""
    found = ("tune.found", f"{SMALL_NETWORK}, not measured, {date.today().isoformat()}")
    return target.config.with_overrides((*small_settings(target.geometry, target.known, overrides), found))


def _words(hardware: Hardware) -> str:
    return f"{hardware.description.name} ({hardware.precision})"
