"""The words that events, commands, settings and states have in common: each a closed set."""

from typing import Literal

RunPhase = Literal["preparing", "training", "paused", "cooling", "validating", "saving", "rolling back", "stopping"]
CheckpointKind = Literal["regular", "manual", "best", "recovery", "emergency"]
CommandName = Literal[
    "Pause", "Resume", "SaveCheckpoint", "Validate", "Stop", "SetParameter", "Mark", "FinishNow", "CancelFinish",
    "ChooseRung", "MeasureRung", "SetByHand", "PredictByHand", "HoldChoice",
]  # fmt: skip
RateShape = Literal["cosine", "constant"]
SettingValue = str | int | float | bool
Alignment = Literal["none", "local"]
Checkpointing = Literal["none", "block", "trunk"]
ComputePrecision = Literal["fp32", "tf32", "bf16", "fp16"]
"""What is computed in; a setting may also be ``auto``."""
Ensemble = Literal[1, 2, 4, 8]
"""Views of a stack whose pictures are averaged."""
DeviceKind = Literal["cuda", "cpu"]
ThrottleReason = Literal["power cap", "hardware slowdown", "temperature", "temperature, by the hardware", "power brake"]
"""Why a card's clock is below what was asked of it."""
Adaptation = Literal["blurred", "sharp enough", "aggressive mode began", "aggressive mode ended"]
PassKind = Literal["on", "graphs"]
"""How the network's passes may be run beside as they are: compiled, or compiled into CUDA graphs."""
TuneFault = Literal["", "time", "memory", "brake"]
"""What a rung fails by: too slow, too large, or passed over because the search had taken long enough."""
