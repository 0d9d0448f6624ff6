"""What a configuration will ask of a device, before a single step is measured.

Separate from autotune.py because a table of predictions needs neither a device at work nor a dataset. What a step
costs is counted (workload.py), what a device can do is looked up (speed.py); here they meet.
"""

import math
from dataclasses import dataclass

from vsrpp_core.data.stacked import StackGeometry
from vsrpp_core.device.hardware import Hardware
from vsrpp_core.device.speed import DeviceSpeed, speed_of
from vsrpp_core.run.config import RunConfig
from vsrpp_core.tune.workload import Workload, flops, held_bytes, parameters, state_bytes, traffic_bytes


@dataclass(frozen=True, slots=True)
class Prediction:
    """Of one optimizer step with all its micro-batches."""

    parameters: int
    flops: int
    """Of its convolutions, a multiply-add being two."""
    memory: int
    """The most held at once, bytes: weights, gradients, moments, average, feature maps and what passes."""
    seconds_floor: float
    """What the device cannot go below if each convolution is computed directly: the longer of all operations at the
    highest rate and all bytes at the full bandwidth. 0 where the device does not tell. (Winograd convolutions, which
    libraries may choose in fp32, multiply less and could come out lower.)"""
    seconds: float
    """What is expected: the floor over the share of it that training reaches; NaN where the floor is not known."""


def predict(
    config: RunConfig, geometry: StackGeometry, hardware: Hardware, speed: DeviceSpeed | None = None
) -> Prediction:
    """Predict a step of ``config`` on stacks of ``geometry``; ``data.crop`` goes before the stack's own size.

    ``speed`` defaults to the hardware's; on a CPU that takes a measurement of a third of a second, made once for each
    number of feature maps.
    """
    work = Workload.of(config, geometry, hardware.precision)
    speed = speed or speed_of(hardware, work.n_feats)
    floor = max(flops(work) / speed.flops, traffic_bytes(work) / speed.bandwidth)
    return Prediction(
        parameters=parameters(work),
        flops=flops(work),
        memory=state_bytes(work) + held_bytes(work),
        seconds_floor=floor,
        seconds=floor / speed.efficiency if floor else math.nan,
    )
