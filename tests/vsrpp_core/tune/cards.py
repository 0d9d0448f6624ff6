"""Graphics cards and measurements that a search for a network may meet."""

from typing import Any

import torch

from vsrpp_core.data.stacked import StackGeometry
from vsrpp_core.device.hardware import DeviceDescription, Hardware
from vsrpp_core.messages.kinds import ComputePrecision
from vsrpp_core.run.config import RunConfig
from vsrpp_core.tune.search import Measurement

GB = 2**30
PATCHES = StackGeometry(n_frames=5, height=180, width=180)
SMALL = StackGeometry(n_frames=7, height=16, width=16)
OUT_OF_MEMORY = Measurement(float("nan"), 10 * GB, out_of_memory=True)
FINE, SLOW, LARGE = Measurement(1.0, 2 * GB), Measurement(9.0, GB), Measurement(1.0, 9 * GB)


def card(memory: float, precision: ComputePrecision = "fp32", **told: Any) -> Hardware:
    return Hardware(torch.device("cpu"), DeviceDescription("a card", int(memory * GB), "cuda", **told), precision, "")


UNKNOWN = card(10)
"""It tells no speed, and on small patches everything is predicted to fit: all is left to measuring."""

P4 = card(8, capability=(6, 1), processors=20, clock=1.063e9, bandwidth=192e9)
RTX_3060 = card(12, "bf16", capability=(8, 6), processors=28, clock=1.777e9, bandwidth=360e9)


class Results:
    """Stands in for measuring: gives results in their order, the last one for ever."""

    def __init__(self, *results: Measurement) -> None:
        self.results, self.asked = list(results), list[tuple[int, int, str]]()

    def __call__(self, config: RunConfig, hardware: Hardware, geometry: StackGeometry) -> Measurement:
        self.asked.append((config.model.n_feats, config.training.batch_size, config.training.checkpointing))
        return self.results.pop(0) if len(self.results) > 1 else self.results[0]
