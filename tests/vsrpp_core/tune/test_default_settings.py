from pathlib import Path

import pytest

from vsrpp_core.device.hardware import DeviceDescription
from vsrpp_core.run.config import RunConfig
from vsrpp_core.tune.default_settings import CPU_CROP, default_config, demo_config

CPU, CARD = DeviceDescription("CPU", 2**33, "cpu"), DeviceDescription("card", 2**33, "cuda")


def test_the_demo_knows_its_dataset_and_validates_several_times() -> None:
    config = demo_config(Path("/demo"))
    assert config.data.root == "/demo"
    assert config.training.max_steps // config.cadence.validate_every >= 3
    assert config.cadence.best_from < config.cadence.validate_every <= config.cadence.best_until


@pytest.mark.parametrize(("side", "crop"), [(16, 0), (CPU_CROP, 0), (CPU_CROP + 1, CPU_CROP), (180, CPU_CROP)])
def test_a_cpu_trains_on_crops_of_large_patches(side: int, crop: int) -> None:
    config = default_config(CPU, side)
    assert config.data.crop == crop
    assert config.model.n_feats < RunConfig().model.n_feats and config.model.n_blocks < RunConfig().model.n_blocks


def test_a_card_gets_the_defaults() -> None:
    assert default_config(CARD, 180) == RunConfig()
