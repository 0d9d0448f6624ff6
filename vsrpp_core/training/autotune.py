"""What can this device carry? A ladder of configurations, largest first, measured by real training steps.

The first that passes three criteria is taken: fast enough, within the memory limit, and an effective batch of at least
four. The ladder is meant for GPUs; a CPU is offered the small network of presets.py instead of hours of measuring.
"""

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from vsrpp_core.data.dataset import Batch
from vsrpp_core.data.stacked import StackGeometry, summarize
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages import events as ev
from vsrpp_core.network.loss import LossWeights
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.training.average import WeightAverage
from vsrpp_core.training.hardware import Hardware, MemoryMeter, choose_hardware, describe_device
from vsrpp_core.training.presets import MODEL_SIZE, cpu_settings
from vsrpp_core.training.step import OptimizerStep
from vsrpp_core.training.trainer import build_model

LADDER = (
    (192, 3, 32),
    (160, 4, 32),
    (128, 4, 32),
    (192, 2, 32),
    (160, 3, 24),
    (128, 3, 24),
    (96, 4, 24),
    (64, 4, 20),
)
"""(n_feats, batch, n_blocks), tried in this order."""

MAX_SECONDS = 4.0
MAX_MEMORY_SHARE = 0.8
MIN_EFFECTIVE_BATCH = 4
MEASURED_STEPS = 3


@dataclass(frozen=True, slots=True)
class Measurement:
    """Median seconds per micro-batch and peak bytes on the device; ``out_of_memory`` instead where it did not fit."""

    seconds: float
    memory_peak: int
    out_of_memory: bool = False


Measure = Callable[[RunConfig, Hardware, StackGeometry], Measurement]


def tune_run(run: Path, data: Path | None) -> Iterator[ev.Event]:
    """Tune for a run's dataset and write the result into its ``config.toml``; one event per rung.

    Of settings that are there already only the size of the network, of the batch and of the crop is replaced. Raises
    VsrppError when there is no dataset, nothing passes, or the run has a network already.
    """
    folder = RunFolder(run)
    if checkpoints := folder.checkpoint_infos():
        raise VsrppError(
            f"{run} holds a network at step {checkpoints[0].step:,}, which cannot change its size; name another run"
        )
    configured = folder.config.is_file()
    config = RunConfig.load(folder.config) if configured else RunConfig()
    root = data.absolute() if data else Path(config.data.root) if config.data.root else None
    if root is None:
        raise VsrppError(f"{run} names no dataset yet; give one with --data ROOT")
    summary = summarize(root)
    if summary.geometry is None:
        raise VsrppError(summary.problem or f"{root} holds no pairs to measure with")
    with folder.lock():
        if describe_device().kind == "cpu":
            yield ev.WarningRaised(
                message="the auto-tune ladder is for GPUs; this CPU gets a small network instead (see config.toml)"
            )
            settings = cpu_settings(min(summary.geometry.height, summary.geometry.width))
            tuned = config.with_overrides(s for s in settings if s[0] in MODEL_SIZE or not configured)
        else:
            hardware = choose_hardware(config.training.precision)
            hardware.apply()
            tuned = (yield from tune(config, hardware, summary.geometry)) or config
        n_frames = str(summary.geometry.n_frames)
        tuned.with_overrides((("data.root", str(root)), ("model.n_frames", n_frames))).save(folder.config)


def tune(
    config: RunConfig,
    hardware: Hardware,
    geometry: StackGeometry,
    measure: Measure | None = None,
    stop_is_wanted: Callable[[], bool] = lambda: False,
) -> Generator[ev.Event, None, RunConfig | None]:
    """Try the ladder from the top; the generator's return value is the configuration that passed first.

    ``stop_is_wanted`` is asked before each rung; the value is None where it ended the search. ``measure`` is there to
    be replaced in tests. Raises VsrppError naming what came closest when nothing passes.
    """
    closest = ""
    for index, (n_feats, batch, n_blocks) in enumerate(LADDER, start=1):
        if stop_is_wanted():
            return None
        accumulation = -(-MIN_EFFECTIVE_BATCH // batch)
        candidate = config.with_overrides(
            (
                ("model.n_feats", str(n_feats)),
                ("model.n_blocks", str(n_blocks)),
                ("model.n_frames", str(geometry.n_frames)),
                ("training.batch_size", str(batch)),
                ("training.accumulation", str(accumulation)),
            )
        )
        result = (measure or measure_steps)(candidate, hardware, geometry)
        seconds = result.seconds * accumulation
        passed, verdict = _judge(result, seconds, hardware.description.memory)
        yield ev.ConfigurationTried(
            index=index,
            n_feats=n_feats,
            n_blocks=n_blocks,
            batch_size=batch,
            accumulation=accumulation,
            seconds_per_step=seconds,
            memory_peak=result.memory_peak,
            passed=passed,
            verdict=verdict,
        )
        if passed:
            return candidate
        closest = f"{n_feats} feature maps and {n_blocks} blocks: {verdict}"
    raise VsrppError(
        f"no configuration fits {hardware.description.name}; the smallest tried was {closest}; "
        "set model.n_feats, model.n_blocks and data.crop smaller in config.toml"
    )


def measure_steps(config: RunConfig, hardware: Hardware, geometry: StackGeometry) -> Measurement:
    """Real training steps on random pictures; given up as soon as one alone is over the time limit."""
    if hardware.device.type == "cuda":
        torch.cuda.empty_cache()
    memory = MemoryMeter(hardware)
    seconds: list[float] = []
    try:
        model = build_model(config, hardware)
        step, average = OptimizerStep(model, config.training, hardware), WeightAverage(model, config.training.ema)
        batch = _random_batch(config, geometry)
        for _ in range(1 + MEASURED_STEPS):  # the first warms up kernels and allocator
            start = time.perf_counter()
            step.run([batch], LossWeights(0.6, 0.2, 0.2), clip_norm=1.5, learning_rate=1e-6).cpu()
            average.update()
            seconds.append(time.perf_counter() - start)
            if len(seconds) > 1 and seconds[-1] > MAX_SECONDS:
                break
    except torch.OutOfMemoryError:
        return Measurement(float("nan"), hardware.description.memory, out_of_memory=True)
    measured = sorted(seconds[1:])
    return Measurement(measured[len(measured) // 2], memory.read().peak)


def _judge(result: Measurement, seconds: float, memory: int) -> tuple[bool, str]:
    if result.out_of_memory:
        return False, "out of memory"
    if result.memory_peak > MAX_MEMORY_SHARE * memory:
        return False, f"memory {result.memory_peak / 2**30:.1f} GB is over {MAX_MEMORY_SHARE:.0%} of the card"
    if seconds > MAX_SECONDS:
        return False, f"{seconds:.1f} s per step is over {MAX_SECONDS} s"
    return True, f"passes with {seconds:.2f} s per step and {result.memory_peak / 2**30:.1f} GB"


def _random_batch(config: RunConfig, geometry: StackGeometry) -> Batch:
    height, width = config.data.crop or geometry.height, config.data.crop or geometry.width
    size, frames = config.training.batch_size, geometry.n_frames
    return Batch(
        torch.randint(256, (size, frames, 3, height, width), dtype=torch.uint8),
        torch.randint(256, (size, 3, 3 * height, 3 * width), dtype=torch.uint8),
    )
