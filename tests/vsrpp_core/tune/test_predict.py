import math
from types import SimpleNamespace

import pytest
import torch

from tests.helpers import TINY
from vsrpp_core.data.stacked import StackGeometry
from vsrpp_core.device.hardware import DeviceDescription, Hardware, describe_device
from vsrpp_core.device.speed import DeviceSpeed, speed_of
from vsrpp_core.messages.kinds import ComputePrecision
from vsrpp_core.run.config import RunConfig
from vsrpp_core.tune.predict import predict

GB = 2**30
PATCHES = StackGeometry(n_frames=5, height=180, width=180)
P4 = DeviceDescription("Tesla P4", 8 * GB, "cuda", (6, 1), 20, 1.063e9, 192e9)
RTX_3060 = DeviceDescription("NVIDIA GeForce RTX 3060", 12 * GB, "cuda", (8, 6), 28, 1.777e9, 360e9)
H200 = DeviceDescription("NVIDIA H200", 140 * GB, "cuda", (9, 0), 132, 1.98e9, 4.8e12)
A40 = DeviceDescription("NVIDIA A40", 45 * GB, "cuda", (8, 6), 84, 1.74e9, 696e9)
SMALLEST = RunConfig().with_overrides({"model.n_feats": 64, "model.n_blocks": 20})


def on(device: DeviceDescription, precision: ComputePrecision) -> Hardware:
    return Hardware(torch.device("cpu"), device, precision, "")


@pytest.mark.parametrize(
    ("device", "precision", "teraflops"),
    [
        (P4, "fp32", 5.44),
        (P4, "bf16", 5.44),  # no tensor cores
        (RTX_3060, "fp32", 12.74),
        (RTX_3060, "tf32", 12.74),
        (RTX_3060, "bf16", 25.48),
        (A40, "bf16", 149.7),  # not a GeForce
        (H200, "bf16", 1070.5),
        (H200, "tf32", 535.3),
        (DeviceDescription("Tesla T4", 16 * GB, "cuda", (7, 5), 40, 1.59e9, 320e9), "fp16", 65.1),
        (DeviceDescription("Tesla T4", 16 * GB, "cuda", (7, 5), 40, 1.59e9, 320e9), "bf16", 8.14),
    ],
)
def test_operations_a_second(device: DeviceDescription, precision: ComputePrecision, teraflops: float) -> None:
    assert speed_of(on(device, precision), 64).flops / 1e12 == pytest.approx(teraflops, rel=0.01)


@pytest.mark.parametrize(
    ("device", "precision", "floor"),
    [
        (P4, "fp32", 0.478),
        (RTX_3060, "bf16", 0.102),
        (RTX_3060, "tf32", 0.204),
        (H200, "bf16", 0.00295),  # memory: 14 GB at 4.8 TB/s take longer than the operations
    ],
)
def test_the_floor_of_the_smallest_rung(device: DeviceDescription, precision: ComputePrecision, floor: float) -> None:
    prediction = predict(SMALLEST, PATCHES, on(device, precision))
    assert prediction.seconds_floor == pytest.approx(floor, rel=0.01)
    assert prediction.seconds == pytest.approx(floor / speed_of(on(device, precision), 64).efficiency, rel=0.01)


def test_accumulation_takes_time_but_no_memory() -> None:
    twice = SMALLEST.with_overrides({"training.accumulation": 2})
    one, two = predict(SMALLEST, PATCHES, on(P4, "fp32")), predict(twice, PATCHES, on(P4, "fp32"))
    assert (two.flops, two.memory) == (2 * one.flops, one.memory)
    assert two.seconds_floor == pytest.approx(2 * one.seconds_floor, rel=0.01)


def test_an_unknown_capability_rules_nothing_out_and_says_so() -> None:
    device = DeviceDescription("a new card", 8 * GB, "cuda", (99, 0), 20, 1e9, 1e12)
    speed = speed_of(on(device, "bf16"), 64)
    assert "not known" in speed.source and speed.flops == 8192 * 20 * 1e9


def test_a_device_that_does_not_tell_its_clock_has_no_floor() -> None:
    device = DeviceDescription("a card", 8 * GB, "cuda", (8, 6), 28)
    prediction = predict(SMALLEST, PATCHES, on(device, "bf16"))
    assert prediction.seconds_floor == 0 and math.isnan(prediction.seconds)
    assert "nothing is ruled out" in speed_of(on(device, "bf16"), 64).source


def test_a_cpu_is_timed_in_its_precision() -> None:
    speed = speed_of(on(DeviceDescription("CPU", 8 * GB, "cpu"), "fp32"), 8)
    assert 1e7 < speed.flops < 1e14 and speed.bandwidth == math.inf and "convolution timed" in speed.source
    tiny = RunConfig().with_overrides(TINY)
    prediction = predict(tiny, StackGeometry(5, 16, 16), on(DeviceDescription("CPU", 8 * GB, "cpu"), "fp32"))
    assert 0 < prediction.seconds_floor < prediction.seconds < 1


def test_a_faster_device_takes_less_time() -> None:
    slow, fast = (DeviceSpeed(rate, math.inf, 0.5, "") for rate in (1e12, 4e12))
    one, other = (predict(SMALLEST, PATCHES, on(P4, "fp32"), speed).seconds for speed in (slow, fast))
    assert one == pytest.approx(4 * other) == pytest.approx(2.6 / 0.5, rel=0.01)


def test_a_card_is_described_with_what_it_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    told = SimpleNamespace(
        name="Tesla P4", total_memory=8 * GB, major=6, minor=1, multi_processor_count=20,
        clock_rate=1_063_000, memory_clock_rate=3_003_000, memory_bus_width=256,
    )  # fmt: skip
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: told)
    device = describe_device()
    assert (device.capability, device.processors, device.clock) == ((6, 1), 20, 1.063e9)
    assert device.bandwidth == pytest.approx(192.2e9, rel=1e-3)
    del told.memory_clock_rate, told.clock_rate
    assert (describe_device().bandwidth, describe_device().clock) == (0, 0)
