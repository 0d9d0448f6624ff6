"""Predicted time and memory of a configuration on a device, before a single step is measured.

Separate from search.py because a table of predictions needs neither a busy device nor a dataset. The cost of a step is
counted (workload.py), the speed of a device is looked up (device/speed.py); both are combined here.
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
    """Of its convolutions; a multiply-add counts as two."""
    memory: int
    """Peak bytes: weights, gradients, moments, average, feature maps and temporaries."""
    seconds_floor: float
    """Lower bound if each convolution is computed directly: the longer of all operations at the peak rate and all bytes
    at the full bandwidth. 0 where the device does not say. (Winograd convolutions, which libraries may choose in fp32,
    multiply less and could be faster.)"""
    seconds: float
    """Expected: the lower bound over the share of peak speed that training reaches; NaN where the bound is unknown."""


def predict(
    config: RunConfig, geometry: StackGeometry, hardware: Hardware, speed: DeviceSpeed | None = None
) -> Prediction:
    """Predict a step of ``config`` on stacks of ``geometry``; ``data.crop`` overrides the stack's own size.

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
