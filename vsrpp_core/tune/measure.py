"""Measuring one configuration of the ladder by real training steps.

Separate from search.py, which judges measurements, because only this needs the network, the step and the device.
"""

import gc
from time import perf_counter

import torch

from vsrpp_core.batches.dataset import Batch
from vsrpp_core.data.stacked import StackGeometry
from vsrpp_core.device.hardware import Hardware, MemoryMeter
from vsrpp_core.device.memory import is_out_of_memory
from vsrpp_core.network.loss import LossWeights
from vsrpp_core.run.config import RunConfig
from vsrpp_core.training.average import WeightAverage
from vsrpp_core.training.step import OptimizerStep, build_model
from vsrpp_core.tune.search import Measurement

MEASURED_STEPS = 3
WARM_UP_FACTOR = 3
"""The first step prepares kernels and allocator; it counts only when it takes this many times the limit."""


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
        compiles = config.training.compile not in ("off", "auto")  # which takes as long as it takes
        if seconds[-1] > allowed and (index or not compiles):
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
        torch.randint(256, (size, 3, geometry.scale * height, geometry.scale * width), dtype=torch.uint8),
    )
