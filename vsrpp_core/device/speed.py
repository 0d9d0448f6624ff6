"""Peak speed of a device, from its reported properties or, on a CPU, from a short measurement.

Separate from predict.py because these are constants of devices. Sources: "Throughput of Native Arithmetic
Instructions" in NVIDIA's CUDA C++ Programming Guide for fp32, and for tensor cores the dense figures of NVIDIA's
architecture white papers (Volta, Turing, Ampere GA100 and GA102, Ada, Hopper, Blackwell), divided by the number of
multiprocessors and the boost clock: 125 TFLOP/s of a V100 are 80 x 1024 x 1.53 GHz.
"""

import math
import time
from dataclasses import dataclass
from functools import lru_cache

import torch

from vsrpp_core.device.hardware import DeviceDescription, Hardware

Capability = tuple[int, int]

CORES: dict[Capability, int] = {
    (5, 0): 256, (5, 2): 256, (5, 3): 256, (6, 0): 128, (6, 1): 256, (6, 2): 256, (7, 0): 128, (7, 2): 128,
    (7, 5): 128, (8, 0): 128, (8, 6): 256, (8, 7): 256, (8, 9): 256, (9, 0): 256, (10, 0): 256, (10, 3): 256,
    (11, 0): 256, (12, 0): 256, (12, 1): 256,
}  # fmt: skip
"""fp32 operations per multiprocessor and clock; a multiply-add counts as two."""

TENSOR_CORES: dict[Capability, int] = {
    (7, 0): 1024, (7, 2): 1024, (7, 5): 1024, (8, 0): 2048, (8, 6): 1024, (8, 7): 2048, (8, 9): 1024,
    (9, 0): 4096, (10, 0): 8192, (10, 3): 8192, (12, 0): 1024, (12, 1): 1024,
}  # fmt: skip
"""Dense operations on two-byte numbers, summed in fp32, per multiprocessor and clock. tf32 is half of it."""

HALVED_ON_GEFORCE: frozenset[Capability] = frozenset({(7, 5), (8, 6), (8, 9), (12, 0)})
"""GeForce cards sum in fp32 at half the rate of the professional cards with the same chip."""

CUDA_CORE_EFFICIENCY = 0.6
TENSOR_CORE_EFFICIENCY = 0.4
"""Share of the floor's speed that training steps reach: rules of thumb for convolutions of 64 to 192 channels with
the elementwise passes between them. They set the expected time and rule nothing out."""

CPU_EFFICIENCY = 0.75
"""The same relative to a CPU's measured convolution, which leaves out the elementwise passes in between;
``benchmarks/predictions.py`` compares."""

CALIBRATION_SECONDS = 0.3
CALIBRATION_SIDE = 96
CUDA_CALIBRATION_SIDE = 720


@dataclass(frozen=True, slots=True)
class DeviceSpeed:
    """Peak operations and bytes per second, infinite where unknown; ``source`` says in words where they come from."""

    flops: float
    bandwidth: float
    efficiency: float
    source: str


def speed_of(hardware: Hardware, n_feats: int) -> DeviceSpeed:
    """The speed in the hardware's precision; a CPU is measured with a convolution of ``n_feats`` feature maps."""
    if hardware.description.kind == "cpu":
        rate = convolution_flops("cpu", hardware.precision, n_feats)
        source = f"a convolution timed for {CALIBRATION_SECONDS} s reached {rate / 1e9:.0f} GFLOP/s"
        return DeviceSpeed(rate, math.inf, CPU_EFFICIENCY, source)
    return _cuda_speed(hardware.description, hardware.precision)


def _cuda_speed(device: DeviceDescription, precision: str) -> DeviceSpeed:
    rate, on_tensor_cores = _operations_per_clock(device, precision)
    flops = rate * device.processors * device.clock or math.inf
    source = "multiprocessors x clock x operations per clock"
    if device.capability not in CORES:
        source += " of the fastest known, as this compute capability is not known"
    if flops == math.inf:
        source = "the clock is not reported, so nothing is ruled out by time"
    efficiency = TENSOR_CORE_EFFICIENCY if on_tensor_cores else CUDA_CORE_EFFICIENCY
    return DeviceSpeed(flops, device.bandwidth or math.inf, efficiency, source)


def _operations_per_clock(device: DeviceDescription, precision: str) -> tuple[int, bool]:
    """Per multiprocessor, and whether on tensor cores. An unknown capability counts as the fastest: a lower bound must
    not rule out what a newer device can do."""
    capability = device.capability
    if capability not in CORES:
        fastest = max(TENSOR_CORES.values())
        return {"fp32": max(CORES.values()), "tf32": fastest // 2}.get(precision, fastest), precision != "fp32"
    rate = TENSOR_CORES.get(capability, 0)
    if capability in HALVED_ON_GEFORCE and "GeForce" in device.name:
        rate //= 2
    if precision == "fp16" and rate:
        return rate, True
    if precision in ("bf16", "tf32") and rate and capability >= (8, 0):
        return rate // 2 if precision == "tf32" else rate, True
    return CORES[capability], False


@lru_cache
def convolution_flops(device: str, precision: str, n_feats: int) -> float:
    """Operations per second of a 3x3 convolution, forward and backward: the best within CALIBRATION_SECONDS.

    ``device``: ``cpu`` or ``cuda``, which is given pictures large enough to fill it.
    """
    side = CALIBRATION_SIDE if device == "cpu" else CUDA_CALIBRATION_SIDE
    layer = torch.nn.Conv2d(n_feats, n_feats, 3, padding=1)
    convolution = layer.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    x = torch.rand(1, n_feats, side, side, device=device).to(memory_format=torch.channels_last)
    x.requires_grad_()
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision)

    def seconds() -> float:
        start = time.perf_counter()
        with torch.autocast(device, dtype=dtype, enabled=dtype is not None):
            y = convolution(x)
        y.backward(torch.ones_like(y))
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start

    seconds()  # the first prepares kernels, which can take longer than all others together
    best, end = seconds(), time.perf_counter() + CALIBRATION_SECONDS
    while time.perf_counter() < end:
        best = min(best, seconds())
    return 3 * 2 * 9 * n_feats**2 * side**2 / best
