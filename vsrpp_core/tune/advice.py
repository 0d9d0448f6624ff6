"""The advice when no configuration passes: what came closest, and which setting would let it pass.

Separate from search.py because the advice is computed from predictions, not from the search.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from vsrpp_core.data.stacked import StackGeometry
from vsrpp_core.device.hardware import Hardware
from vsrpp_core.device.speed import DeviceSpeed
from vsrpp_core.messages.kinds import Checkpointing
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.disk import GB
from vsrpp_core.tune.default_settings import SMALLEST_CROP
from vsrpp_core.tune.ladder import Limits, Rung
from vsrpp_core.tune.predict import Prediction, predict

MARGIN = 1.05
"""A proposed limit exceeds what was measured by this factor: the next measurement will differ a little."""

LARGEST_SHARE = 0.95
"""Largest share of the device's memory that is proposed: drivers and screens need some."""

_ANY_SPEED = DeviceSpeed(1.0, math.inf, 1.0, "")
"""Only operations and memory of a crop are compared, not its seconds."""


@dataclass(frozen=True, slots=True)
class Miss:
    """A configuration that did not pass: what it takes (seconds per step, or bytes), and the ratio to its limit."""

    rung: Rung
    mode: Checkpointing
    fault: Literal["time", "memory"]
    needed: float
    excess: float
    measured: bool


def advice(misses: Sequence[Miss], config: RunConfig, hardware: Hardware, geometry: StackGeometry) -> str:
    """One sentence: the smallest excess over a limit, and the settings to change. There must be a miss."""
    miss = min(misses, key=lambda m: m.excess)
    rung, device, limits = miss.rung, hardware.description, Limits.of(config, hardware)
    ways, about = [], "took" if miss.measured else "would take about"
    if miss.fault == "time":
        takes = f"{about} {miss.needed:.2f} s per step where {limits.seconds:g} s are allowed"
        if (seconds := math.ceil(MARGIN * miss.needed * 10) / 10) <= 3600:
            ways.append(f"tune.max_seconds = {seconds:g}")
    else:
        takes = f"{about} {miss.needed / GB:.1f} GB where {limits.memory / GB:.1f} GB are allowed"
        if (share := math.ceil(MARGIN * miss.needed / device.memory * 100) / 100) <= LARGEST_SHARE:
            ways.append(f"tune.max_memory = {share:g}")
    if crop := _crop_that_passes(miss, config, hardware, geometry):
        ways.append(f"data.crop = {crop}")
    checkpointing = "" if miss.mode == "none" else f", checkpointing {miss.mode}"
    return (
        f"no configuration fits {device.name}; closest came rung {rung.index} ({rung.n_feats} feature maps, "
        f"{rung.n_blocks} blocks, batch {rung.batch_size} x {rung.accumulation}{checkpointing}), which {takes}; "
        f"set {' or '.join(ways) or 'data.crop to smaller patches'} in config.toml or with --set"
    )


def _crop_that_passes(miss: Miss, config: RunConfig, hardware: Hardware, geometry: StackGeometry) -> int:
    """The largest crop, a multiple of 4, predicted to bring the miss below its limit; 0 where none is."""

    def predicted(crop: int) -> Prediction:
        smaller = config.with_overrides({"data.crop": crop})
        return predict(miss.rung.configure(smaller, miss.mode, geometry.n_frames), geometry, hardware, _ANY_SPEED)

    now, side = predicted(config.data.crop), config.data.crop or min(geometry.height, geometry.width)
    for crop in range((side - 1) // 4 * 4, SMALLEST_CROP - 1, -4):
        then = predicted(crop)
        share = then.flops / now.flops if miss.fault == "time" else then.memory / now.memory
        if MARGIN * share * miss.excess <= 1:
            return crop
    return 0
