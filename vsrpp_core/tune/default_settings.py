"""Settings for a run that has none of its own: the demo, and a first network for the device."""

from contextlib import suppress
from pathlib import Path

from vsrpp_core.data.stacked import StackGeometry
from vsrpp_core.device.hardware import DeviceDescription
from vsrpp_core.errors import UsageError
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.settings import Overrides

DEMO: Overrides = {
    "model.n_feats": 24,
    "model.n_blocks": 6,
    "training.batch_size": 8,
    "training.max_steps": 500,
    "schedule.lr_max": 1e-3,
    "schedule.warmup_steps": 50,
    "cadence.tensorboard_every": 20,
    "cadence.validate_every": 100,
    "cadence.checkpoint_every": 200,
    "cadence.best_from": 0,
    "cadence.best_until": 200,
    "cadence.recovery_minutes": 2,
}
"""Learns visibly within minutes on two CPU cores."""

CPU: Overrides = {
    "model.n_feats": 32,
    "model.n_blocks": 10,
    "training.batch_size": 4,
    "training.accumulation": 1,
    "training.checkpointing": "none",
    "training.folded": True,
    "training.max_steps": 15_000,
    "schedule.lr_max": 4e-3,
    "schedule.warmup_steps": 200,
    "cadence.checkpoint_every": 2_500,
    "cadence.best_from": 0,
}
"""A network that two cores can train, in about 20 minutes: the auto-tune ladder is for GPUs and starts far above it."""

EARLIER_CPU: tuple[Overrides, ...] = (
    {"training.batch_size": 8, "training.max_steps": 20_000, "schedule.lr_max": 4e-4},
    {"training.max_steps": 10_000, "schedule.lr_max": 2e-3},
)
"""What the presets of earlier versions had instead, as settings of their runs still have it."""

CPU_CROP = 48
SMALLEST_CROP = 24
"""LR pixels; a smaller crop is mostly borders."""


MODEL_SIZE = frozenset(
    {
        "model.n_feats",
        "model.n_blocks",
        "training.batch_size",
        "training.accumulation",
        "training.checkpointing",
        "data.crop",
    }
)
"""The settings of a preset that depend on the device, and may replace a user's own."""


def assumed_geometry(config: RunConfig | None) -> StackGeometry:
    """Of the patches, where no dataset tells it: those of the original, with the frames and scale of the settings."""
    model = (config or RunConfig()).model
    return StackGeometry(model.n_frames, 180, 180, model.scale)


def demo_config(root: Path) -> RunConfig:
    return RunConfig().with_overrides({**DEMO, "data.root": str(root)})


def default_config(device: DeviceDescription, lr_side: int) -> RunConfig:
    """A starting point for ``device``; ``lr_side`` is the shorter side of the dataset's LR patches, pixels."""
    return RunConfig().with_overrides(cpu_settings(lr_side)) if device.kind == "cpu" else RunConfig()


def cpu_settings(lr_side: int) -> Overrides:
    """The CPU preset, with a crop that fits LR patches of ``lr_side`` pixels."""
    return {**CPU, "data.crop": CPU_CROP if lr_side > CPU_CROP else 0}


def unchanged_cpu_settings(config: RunConfig) -> frozenset[str]:
    """The keys that ``config`` has from the CPU preset and nobody changed since; none where it was not applied."""
    if config.tune.preset != "cpu":
        return frozenset()
    values = {setting.key: setting.value for setting in config.settings()}
    today = RunConfig().with_overrides(cpu_settings(CPU_CROP + 1))
    return frozenset(
        s.key
        for preset in (today, *map(today.with_overrides, EARLIER_CPU))
        for s in preset.settings()
        if s.value != s.default and values[s.key] == s.value
    )


def drop_cpu_preset(config: RunConfig) -> RunConfig:
    """``config`` with the defaults in place of what it has from the CPU preset."""
    defaults = {setting.key: setting.default for setting in config.settings()}
    for key in sorted(unchanged_cpu_settings(config)):
        with suppress(UsageError):  # it is validated together with a setting that was changed since, and stays
            config = config.with_overrides({key: defaults[key]})
    return config
