"""The ladder of configurations that auto-tune climbs down, and the prediction for each on a device.

Separate from search.py because the table of predictions, a rung chosen by hand and the search all start here.
"""

import math
from dataclasses import dataclass, field
from typing import Any

from vsrpp_core.data.stacked import StackGeometry
from vsrpp_core.device.hardware import Hardware
from vsrpp_core.device.speed import DeviceSpeed, speed_of
from vsrpp_core.errors import UsageError
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.kinds import Checkpointing, TuneFault
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.disk import GB
from vsrpp_core.run.settings import Overrides
from vsrpp_core.tune.predict import Prediction, predict

LADDER = (
    (192, 3, 32),
    (160, 4, 32),
    (128, 4, 32),
    (192, 2, 32),
    (160, 3, 24),
    (128, 3, 24),
    (96, 4, 24),
    (64, 4, 20),
)
"""(n_feats, batch, n_blocks), tried in this order."""

MODES: tuple[Checkpointing, ...] = ("none", "block", "trunk")
"""Fastest first; each needs less memory than the one before."""

MEMORY_DOUBT = 1.15
"""A memory prediction rules a rung out only where it exceeds the limit by more than this factor."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Auto-tune's limits for a configuration on one device: seconds per step, and bytes."""

    seconds: float
    memory: float

    @classmethod
    def of(cls, config: RunConfig, hardware: Hardware) -> "Limits":
        return cls(config.tune.max_seconds, config.tune.max_memory * hardware.description.memory)


@dataclass(frozen=True)
class Rung:
    """One configuration of the ladder with its predictions; ``modes`` are those worth measuring, in order."""

    index: int
    """Counted from 1."""
    n_feats: int
    batch_size: int
    n_blocks: int
    accumulation: int
    predictions: dict[Checkpointing, Prediction]
    modes: tuple[Checkpointing, ...]
    mode: Checkpointing
    """The first that is predicted to fit, without a margin for doubt; else the one that needs least memory."""
    verdict: str
    fault: TuneFault = ""
    """What rules it out, if anything."""
    also: Overrides = field(default_factory=dict)
    """Settings that belong to it beside its sizes."""

    def configure(self, config: RunConfig, mode: Checkpointing, n_frames: int) -> RunConfig:
        """``config`` with this rung's network and batch; everything else stays."""
        sizes = (self.n_feats, self.batch_size, self.n_blocks)
        return with_sizes(config, sizes, self.accumulation, mode, n_frames).with_overrides(self.also)

    def is_expected_to_pass(self, limits: Limits) -> bool:
        """Whether some mode is within both limits by the expected time, not only by the possible one; False where the
        time is not known."""
        return any(
            prediction.memory <= limits.memory and prediction.seconds <= limits.seconds
            for prediction in self.predictions.values()
        )

    def predicted(self, mode: Checkpointing | None = None) -> ev.ConfigurationPredicted:
        """The prediction for ``mode``, by default the first worth measuring, or the leanest where none is."""
        mode = mode or (self.modes[0] if self.modes else list(self.predictions)[-1])
        return ev.ConfigurationPredicted(
            **self._common(mode), verdict=self.verdict, fault=self.fault, is_preset=bool(self.also)
        )

    def tried(
        self,
        mode: Checkpointing,
        fault: TuneFault,
        verdict: str,
        seconds: float = math.nan,
        memory_peak: int = 0,
        passed: bool = False,
    ) -> ev.ConfigurationTried:
        """Measured in ``mode``, or with the defaults ruled out unmeasured."""
        return ev.ConfigurationTried(
            **self._common(mode),
            seconds_per_step=seconds,
            memory_peak=memory_peak,
            passed=passed,
            verdict=verdict,
            fault=fault,
        )

    def _common(self, mode: Checkpointing) -> dict[str, Any]:
        """Fields of a prediction and of a try."""
        prediction = self.predictions[mode]
        return {
            "index": self.index,
            "n_feats": self.n_feats,
            "n_blocks": self.n_blocks,
            "batch_size": self.batch_size,
            "accumulation": self.accumulation,
            "checkpointing": mode,
            "parameters": prediction.parameters,
            "predicted_seconds": prediction.seconds,
            "predicted_memory": prediction.memory,
        }


def forecast(config: RunConfig, hardware: Hardware, geometry: StackGeometry) -> list[Rung]:
    """All rungs with their predictions on ``hardware``, in the order they are tried.

    Each rung starts with ``training.checkpointing`` of ``config``: the user's choice is not undone.
    """
    modes = MODES[MODES.index(config.training.checkpointing) :]
    limits, speeds = Limits.of(config, hardware), dict[int, DeviceSpeed]()
    rungs = []
    for index, sizes in enumerate(LADDER, start=1):
        if sizes[0] not in speeds:
            speeds[sizes[0]] = speed_of(hardware, sizes[0])
        accumulation, predictions = _accumulation(config, sizes[1]), dict[Checkpointing, Prediction]()
        for mode in modes:
            candidate = with_sizes(config, sizes, accumulation, mode, geometry.n_frames)
            predictions[mode] = predict(candidate, geometry, hardware, speeds[sizes[0]])
        rungs.append(_rung(index, sizes, accumulation, predictions, limits))
    return rungs


def small_rung(config: RunConfig, small: Overrides, hardware: Hardware, geometry: StackGeometry) -> Rung:
    """The network for CPUs as one more rung below the ladder; ``small`` are its settings, sizes among them."""
    also = {**small, "model.n_frames": geometry.n_frames, "tune.preset": "cpu"}
    chosen = config.with_overrides(also)
    training, mode = chosen.training, chosen.training.checkpointing
    return Rung(
        len(LADDER) + 1,
        chosen.model.n_feats,
        training.batch_size,
        chosen.model.n_blocks,
        training.accumulation,
        {mode: predict(chosen, geometry, hardware)},
        (mode,),
        mode,
        "small, for CPUs",
        also=also,
    )


def check_rung(index: int) -> None:
    """Raises UsageError where the ladder has no rung ``index``, counted from 1."""
    if not 1 <= index <= len(LADDER):
        raise UsageError(f"--choose {index}: the ladder has rungs 1 to {len(LADDER)}; `vsrpp tune --list` shows them")


def with_sizes(
    config: RunConfig, sizes: tuple[int, int, int], accumulation: int, mode: Checkpointing, n_frames: int
) -> RunConfig:
    """``config`` with a network and batch of ``sizes``, as in LADDER; everything else stays."""
    n_feats, batch, n_blocks = sizes
    return config.with_overrides(
        {
            "model.n_feats": n_feats,
            "model.n_blocks": n_blocks,
            "model.n_frames": n_frames,
            "training.batch_size": batch,
            "training.accumulation": accumulation,
            "training.checkpointing": mode,
            "training.folded": True,
        }
    )


def _accumulation(config: RunConfig, batch: int) -> int:
    """Micro-batches per step, rounded up to the wanted effective batch."""
    return -(-config.tune.min_effective_batch // batch)


def _rung(
    index: int,
    sizes: tuple[int, int, int],
    accumulation: int,
    predictions: dict[Checkpointing, Prediction],
    limits: Limits,
) -> Rung:
    n_feats, batch, n_blocks = sizes
    may_fit = tuple(mode for mode, p in predictions.items() if p.memory <= MEMORY_DOUBT * limits.memory)
    modes = tuple(mode for mode in may_fit if predictions[mode].seconds_floor <= limits.seconds)
    fitting = (mode for mode, p in predictions.items() if p.memory <= limits.memory)
    fault, verdict = _verdict(predictions, may_fit, modes, limits)
    mode = next(fitting, list(predictions)[-1])
    return Rung(index, n_feats, batch, n_blocks, accumulation, predictions, modes, mode, verdict, fault)


def _verdict(
    predictions: dict[Checkpointing, Prediction],
    may_fit: tuple[Checkpointing, ...],
    modes: tuple[Checkpointing, ...],
    limits: Limits,
) -> tuple[TuneFault, str]:
    first, leanest = next(iter(predictions)), list(predictions)[-1]
    if modes:
        return "", "may fit" if modes[0] == "none" else f"may fit with checkpointing {modes[0]}"
    if predictions[first].seconds_floor > limits.seconds:
        return "time", f"ruled out: at least {predictions[first].seconds_floor:.1f} s per step"
    if not may_fit:
        needed = f"about {predictions[leanest].memory / GB:.1f} GB even with checkpointing {leanest}"
        return "memory", f"ruled out: {needed}"
    seconds = predictions[may_fit[0]].seconds_floor
    return (
        "time",
        f"ruled out: fits only with checkpointing {may_fit[0]}, at {seconds:.1f} s per step or more",
    )
