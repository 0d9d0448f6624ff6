"""What can this device carry? The ladder's configurations, largest first, predicted and then measured by real steps.

The first that passes is taken: fast enough, within the memory limit, and with the effective batch wanted; the limits
are settings under ``tune``. What cannot pass by a wide margin is not measured at all.
"""

import gc
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import date
from time import monotonic, perf_counter
from typing import Literal

import torch

from vsrpp_core.data.dataset import Batch
from vsrpp_core.data.stacked import StackGeometry
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages import events as ev
from vsrpp_core.network.loss import LossWeights
from vsrpp_core.network.memory import is_out_of_memory
from vsrpp_core.run.config import Checkpointing, RunConfig
from vsrpp_core.training.average import WeightAverage
from vsrpp_core.training.closest import Miss, advice
from vsrpp_core.training.hardware import Hardware, MemoryMeter
from vsrpp_core.training.ladder import GB, Limits, Rung, forecast
from vsrpp_core.training.step import OptimizerStep
from vsrpp_core.training.trainer import build_model

MEASURED_STEPS = 3
WARM_UP_FACTOR = 3
"""The first step prepares kernels and allocator; it counts only when it takes this many times the limit."""

BRAKE_SECONDS = 90.0
"""A search that has taken this long measures only what is expected to pass, so that it ends within two minutes."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """Median seconds per micro-batch and peak bytes on the device; ``out_of_memory`` instead where it did not fit.

    Where a step was over the limit, ``seconds`` is that step's: nothing was measured after it.
    """

    seconds: float
    memory_peak: int
    out_of_memory: bool = False


Measure = Callable[[RunConfig, Hardware, StackGeometry], Measurement]
Fault = Literal["", "time", "memory"]


def tune(
    config: RunConfig,
    hardware: Hardware,
    geometry: StackGeometry,
    measure: Measure | None = None,
    stop_is_wanted: Callable[[], bool] = lambda: False,
) -> Generator[ev.Event, None, RunConfig | None]:
    """Predict all rungs, then try them from the top; the generator's return value is the configuration that passed.

    ``stop_is_wanted`` is asked before each rung and each measurement; the value is None where it ended the search.
    ``measure`` is there to be replaced in tests. Raises VsrppError, naming what came closest, when nothing passes.
    """
    measure, limits = measure or measure_steps, Limits.of(config, hardware)
    rungs = forecast(config, hardware, geometry)
    for rung in rungs:
        yield rung.predicted()
    begun, misses = monotonic(), list[Miss]()
    for rung in rungs:
        if stop_is_wanted():
            return None
        if not rung.modes:
            misses.append(_ruled_out(rung, limits))
            yield _tried(rung, misses[-1].mode, None, f"not measured, {rung.verdict}")
            continue
        if rung is not rungs[-1] and monotonic() - begun > BRAKE_SECONDS and not rung.is_expected_to_pass(limits):
            verdict = f"not measured: auto-tune has taken over {BRAKE_SECONDS:.0f} s and does not expect it to pass"
            yield _tried(rung, rung.modes[0], None, verdict)
            continue
        for mode in rung.modes:
            if stop_is_wanted():
                return None
            candidate = rung.configure(config, mode, geometry.n_frames)
            result = measure(candidate, hardware, geometry)
            fault, verdict = _judge(result, rung.accumulation, limits, config.tune.max_memory)
            yield _tried(rung, mode, result, verdict, passed=not fault)
            if not fault:
                return candidate.with_overrides((("tune.found", _found(rung, result, hardware)),))
            misses.append(_missed(rung, mode, fault, result, limits, hardware))
            if fault == "time":
                break  # checkpointing would only be slower
    raise VsrppError(advice(misses, config, hardware, geometry))


def measure_steps(config: RunConfig, hardware: Hardware, geometry: StackGeometry) -> Measurement:
    """Real training steps on random pictures, as training will take them; given up as soon as one is over the limit."""
    _free(hardware)
    memory, seconds = MemoryMeter(hardware), None
    try:
        seconds = _time_steps(config, hardware, geometry)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
    peak = memory.read().peak
    _free(hardware)  # out here the error is gone, and with it the frames that held the network
    if seconds is None:
        return Measurement(float("nan"), peak, out_of_memory=True)
    return Measurement(seconds, peak)


def _time_steps(config: RunConfig, hardware: Hardware, geometry: StackGeometry) -> float:
    limit = config.tune.max_seconds / config.training.accumulation
    model = build_model(config, hardware)
    step, average = OptimizerStep(model, config.training, hardware), WeightAverage(model, config.training.ema)
    batch = _random_batch(config, geometry)
    seconds: list[float] = []
    for index in range(1 + MEASURED_STEPS):
        start = perf_counter()
        step.run([batch], LossWeights(0.6, 0.2, 0.2), clip_norm=1.5, learning_rate=1e-6).cpu()
        average.update()
        seconds.append(perf_counter() - start)
        allowed = limit if index else WARM_UP_FACTOR * limit
        if seconds[-1] > allowed and (index or not config.training.compile):  # compiling takes as long as it takes
            return seconds[-1]
    return sorted(seconds[1:])[MEASURED_STEPS // 2]


def _free(hardware: Hardware) -> None:
    """Leave the device as empty as it was: a rung must not fail for what the one before it held."""
    gc.collect()
    if hardware.device.type == "cuda":
        torch.cuda.empty_cache()


def _random_batch(config: RunConfig, geometry: StackGeometry) -> Batch:
    height, width = config.data.crop or geometry.height, config.data.crop or geometry.width
    size, frames = config.training.batch_size, geometry.n_frames
    return Batch(
        torch.randint(256, (size, frames, 3, height, width), dtype=torch.uint8),
        torch.randint(256, (size, 3, 3 * height, 3 * width), dtype=torch.uint8),
    )


# verdicts


def _judge(result: Measurement, accumulation: int, limits: Limits, share: float) -> tuple[Fault, str]:
    """Time is judged first: what is too slow will not do with less memory either."""
    seconds = result.seconds * accumulation
    if result.out_of_memory:
        return "memory", "out of memory"
    if seconds > limits.seconds:
        return "time", f"{seconds:.2f} s per step is over {limits.seconds:g} s"
    if result.memory_peak > limits.memory:
        return "memory", f"memory {result.memory_peak / GB:.1f} GB is over {share:.0%} of the card"
    return "", f"passes with {seconds:.2f} s per step and {result.memory_peak / GB:.1f} GB"


def _found(rung: Rung, result: Measurement, hardware: Hardware) -> str:
    seconds, gigabytes = result.seconds * rung.accumulation, result.memory_peak / GB
    device = f"{hardware.description.name} ({hardware.precision})"
    return f"{seconds:.2f} s per step and {gigabytes:.1f} GB measured on {device}, {date.today().isoformat()}"


def _tried(
    rung: Rung, mode: Checkpointing, result: Measurement | None, verdict: str, passed: bool = False
) -> ev.ConfigurationTried:
    prediction = rung.predictions[mode]
    return ev.ConfigurationTried(
        index=rung.index,
        n_feats=rung.n_feats,
        n_blocks=rung.n_blocks,
        batch_size=rung.batch_size,
        accumulation=rung.accumulation,
        seconds_per_step=result.seconds * rung.accumulation if result else float("nan"),
        memory_peak=result.memory_peak if result else 0,
        passed=passed,
        verdict=verdict,
        checkpointing=mode,
        predicted_seconds=prediction.seconds,
        predicted_memory=prediction.memory,
        parameters=prediction.parameters,
    )


def _ruled_out(rung: Rung, limits: Limits) -> Miss:
    """How far a rung that is not measured is from passing: by what is expected of it, not by the floor."""
    for mode, prediction in rung.predictions.items():
        if prediction.seconds_floor > limits.seconds:
            return Miss(rung, mode, "time", prediction.seconds, prediction.seconds / limits.seconds, measured=False)
    leanest, prediction = list(rung.predictions.items())[-1]
    return Miss(rung, leanest, "memory", prediction.memory, prediction.memory / limits.memory, measured=False)


def _missed(
    rung: Rung, mode: Checkpointing, fault: Fault, result: Measurement, limits: Limits, hardware: Hardware
) -> Miss:
    if fault == "time":
        seconds = result.seconds * rung.accumulation
        return Miss(rung, mode, "time", seconds, seconds / limits.seconds, measured=True)
    needed = result.memory_peak
    if result.out_of_memory:  # what it would have needed is not known, but it is over the limit and all there was
        needed = max(rung.predictions[mode].memory, result.memory_peak, hardware.description.memory)
    return Miss(rung, mode, "memory", needed, needed / limits.memory, measured=not result.out_of_memory)
