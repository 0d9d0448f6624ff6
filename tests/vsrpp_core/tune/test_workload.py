"""What is counted from the network's structure is what torch does."""

from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tests.helpers import kept_for_backward, most_held
from vsrpp_core.data.stacked import StackGeometry
from vsrpp_core.device.hardware import DeviceDescription, Hardware
from vsrpp_core.messages.kinds import Checkpointing
from vsrpp_core.network.loss import LossWeights
from vsrpp_core.run.config import RunConfig
from vsrpp_core.training.step import OptimizerStep, build_model
from vsrpp_core.tune.ladder import MODES
from vsrpp_core.tune.measure import _random_batch
from vsrpp_core.tune.workload import (
    Workload,
    flops,
    held_bytes,
    kept_bytes,
    parameters,
    state_bytes,
    traffic_bytes,
)

MB = 2**20
WORKLOADS = [
    Workload(16, 6, 5, 2, 24, 30),
    Workload(8, 2, 3, 1, 20, 20),
    Workload(12, 8, 7, 1, 26, 18, accumulation=2),
    Workload(16, 6, 5, 2, 27, 30, aligned=True),
    Workload(16, 6, 5, 2, 27, 30, folded=True),
    Workload(16, 6, 5, 2, 27, 30, scale=1),
    Workload(16, 2, 3, 2, 27, 30, folded=True, scale=4),
]
LARGE = {
    (64, 20, 4): Workload(64, 20, 5, 4, 180, 180),
    (96, 24, 4): Workload(96, 24, 5, 4, 180, 180),
    (128, 32, 4): Workload(128, 32, 5, 4, 180, 180),
    (192, 32, 3): Workload(192, 32, 5, 3, 180, 180),
}
"""n_feats, n_blocks, batch: the sizes whose figures are known."""

each_mode = pytest.mark.parametrize("mode", MODES)
each_type = pytest.mark.parametrize("half", [False, True], ids=["fp32", "bf16"])
each_workload = pytest.mark.parametrize(
    "work", WORKLOADS, ids=["five frames", "three frames", "seven frames", "aligned", "folded", "scale 1", "scale 4"]
)


def config_of(work: Workload) -> RunConfig:
    return RunConfig().with_overrides(
        {
            "model.n_feats": work.n_feats,
            "model.n_blocks": work.n_blocks,
            "model.n_frames": work.n_frames,
            "model.scale": work.scale,
            "model.alignment": "local" if work.aligned else "none",
            "training.batch_size": work.samples,
            "training.accumulation": work.accumulation,
            "training.checkpointing": work.checkpointing,
            "training.folded": work.folded,
        }
    )


def hardware_of(work: Workload) -> Hardware:
    return Hardware(torch.device("cpu"), DeviceDescription("CPU", 1, "cpu"), "bf16" if work.half else "fp32", "")


class RealStep:
    """An optimizer step of a workload, to be taken as often as one likes."""

    def __init__(self, work: Workload) -> None:
        config, hardware = config_of(work), hardware_of(work)
        self.model = build_model(config, hardware)
        self._step = OptimizerStep(self.model, config.training, hardware)
        batch = _random_batch(config, StackGeometry(work.n_frames, work.height, work.width, work.scale))
        self._batches = [batch] * work.accumulation

    def __call__(self) -> None:
        self._step.run(self._batches, LossWeights(0.6, 0.2, 0.2), clip_norm=1.5, learning_rate=1e-6)


@each_mode
@each_workload
def test_operations_are_those_of_a_real_step(work: Workload, mode: Checkpointing) -> None:
    work = replace(work, checkpointing=mode)
    step = RealStep(work)
    with FlopCounterMode(display=False) as counter:
        step()
    assert flops(work) == counter.get_total_flops()


@each_workload
def test_parameters_are_those_of_the_network(work: Workload) -> None:
    model = build_model(config_of(work), hardware_of(work))
    assert parameters(work) == sum(p.numel() for p in model.parameters())


@each_type
@each_mode
@each_workload
def test_bytes_kept_for_the_backward_pass(work: Workload, mode: Checkpointing, half: bool) -> None:
    work = replace(work, checkpointing=mode, half=half)
    model = build_model(config_of(work), hardware_of(work))
    frames = torch.rand(work.samples, work.n_frames, 3, work.height, work.width)
    with hardware_of(work).autocast():
        kept = kept_for_backward(model, frames)
    assert kept_bytes(work) == pytest.approx(kept, rel=0.03)


@each_type
@each_mode
@pytest.mark.parametrize(
    "work",
    [Workload(32, 12, 5, 2, 64, 56), Workload(24, 24, 5, 2, 56, 56), Workload(32, 12, 5, 2, 64, 56, folded=True)],
)
def test_the_most_held_at_once(work: Workload, mode: Checkpointing, half: bool) -> None:
    """Gradients come and go within a step, so they are in both figures; bf16 on a CPU makes copies of its own."""
    work = replace(work, checkpointing=mode, half=half)
    step = RealStep(work)
    step()  # moments are there from the first step on
    assert held_bytes(work) + 4 * parameters(work) == pytest.approx(most_held(step), rel=0.15 if half else 0.1)


def test_weights_gradients_moments_and_average_are_counted() -> None:
    work = WORKLOADS[0]
    assert state_bytes(work) == 20 * parameters(work)
    assert state_bytes(replace(work, averaged=False)) == 16 * parameters(work)


# figures known from elsewhere


@pytest.mark.parametrize(
    ("size", "teraflops"), [((64, 20, 4), 2.60), ((96, 24, 4), 6.87), ((128, 32, 4), 15.87), ((192, 32, 3), 26.76)]
)
def test_operations_of_the_ladder(size: tuple[int, int, int], teraflops: float) -> None:
    assert round(flops(LARGE[size]) / 1e12, 2) == teraflops


@pytest.mark.parametrize(
    ("size", "megabytes"),
    [((64, 20, 4), (793, 476, 152)), ((128, 32, 4), (2343, 1331, 302))],
)
def test_maps_kept_of_one_sample_in_fp32(size: tuple[int, int, int], megabytes: tuple[int, int, int]) -> None:
    one = replace(LARGE[size], samples=1)
    assert tuple(round(kept_bytes(replace(one, checkpointing=mode)) / MB) for mode in MODES) == megabytes


@pytest.mark.parametrize(
    ("size", "gigabytes"),
    [((64, 20, 4), (27.9, 13.9)), ((96, 24, 4), (47.5, 23.8)), ((128, 32, 4), (79.1, 39.6)),
     ((192, 32, 3), (88.8, 44.4))],
)  # fmt: skip
def test_traffic_of_the_ladder(size: tuple[int, int, int], gigabytes: tuple[float, float]) -> None:
    found = [traffic_bytes(replace(LARGE[size], half=half)) / 1e9 for half in (False, True)]
    assert found == pytest.approx(gigabytes, rel=0.03)


@each_mode
def test_a_crop_goes_before_the_stack_s_size(mode: Checkpointing) -> None:
    config = config_of(replace(WORKLOADS[0], checkpointing=mode)).with_overrides({"data.crop": 16})
    work = Workload.of(config, StackGeometry(5, 180, 90), "fp16")
    assert (work.height, work.width, work.half, work.checkpointing, work.averaged) == (16, 16, True, mode, True)
