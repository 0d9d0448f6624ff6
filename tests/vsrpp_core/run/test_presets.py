"""Presets by name: values that no change of a default may move."""

import pytest
import torch

from vsrpp_core.data.stacked import StackGeometry
from vsrpp_core.device.hardware import DeviceDescription, Hardware
from vsrpp_core.messages.kinds import ComputePrecision
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.disk import GB
from vsrpp_core.run.presets import CARDS, CLASSIC, NAMED, PRESETS, Preset
from vsrpp_core.tune.predict import predict

WEEK = 7 * 24 * 3600
CARD: dict[Preset, tuple[DeviceDescription, ComputePrecision]] = {
    "pascal": (DeviceDescription("Tesla P4", 8 * GB, "cuda", (6, 1), 20, 1.063e9, 192e9), "fp32"),
    "ampere": (DeviceDescription("NVIDIA GeForce RTX 3060", 12 * GB, "cuda", (8, 6), 28, 1.777e9, 360e9), "bf16"),
    "datacentre": (DeviceDescription("NVIDIA A100", 40 * GB, "cuda", (8, 0), 108, 1.41e9, 1555e9), "bf16"),
}
"""The smallest of each class."""


def test_classic_has_the_numbers_of_the_original() -> None:
    config = RunConfig().with_overrides({**CLASSIC, "schedule.lr_max": 2e-4})
    assert config.schedule.lr_max == 2e-4, "what is set beside it wins"
    assert (config.schedule.lr_min, config.schedule.warmup_steps, config.training.max_steps) == (1e-6, 1_000, 100_000)
    loss, clipping = config.loss, config.clipping
    assert (loss.sharpness, loss.l1, loss.ms, loss.grad) == ("absolute", 0.6, 0.2, 0.2)
    assert (loss.aggressive_below, loss.blurred_below, loss.sharp_above) == (0.7, 0.75, 0.92)
    assert (clipping.initial, clipping.percentile, clipping.window, clipping.minimum) == (1.5, 95.0, 500, 100)


def test_every_adaptive_number_is_pinned() -> None:
    other = {"loss.sharpness": "absolute", "loss.recent": 7, "loss.aggressive_every": 3, "clipping.window": 300}
    assert RunConfig().with_overrides({**other, **CLASSIC}) == RunConfig().with_overrides(CLASSIC)


def test_every_name_has_its_settings_and_every_class_its_card() -> None:
    assert tuple(NAMED) == PRESETS and CARDS.keys() == CARD.keys()


@pytest.mark.parametrize("name", CARDS)
def test_a_card_trains_its_preset_within_a_week_and_has_room_for_it(name: Preset) -> None:
    description, precision = CARD[name]
    config = RunConfig().with_overrides(CARDS[name])
    step = predict(config, StackGeometry(5, 180, 180), Hardware(torch.device("cpu"), description, precision, ""))
    assert step.memory < config.tune.max_memory * description.memory
    assert step.seconds * config.training.max_steps < 0.6 * WEEK, "the film wants time too"
