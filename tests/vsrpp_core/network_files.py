"""Files that hold a network, as this program and the original write them."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import torch

from tests.helpers import SHAPE, whole_state
from vsrpp_core.messages.kinds import Alignment
from vsrpp_core.network.model import VSRBidirectional3x


def write_checkpoint(
    path: Path, average: bool = True, n_frames: int = 3, alignment: Alignment | None = None, **progress: Any
) -> VSRBidirectional3x:
    """A checkpoint at step 1,234 as far as an export needs one; the network whose weights are to be used.

    None: without the setting, as earlier versions wrote it.
    """
    torch.manual_seed(5)
    form = {"alignment": alignment} if alignment else {}
    shape: dict[str, Any] = {**SHAPE, "n_frames": n_frames, **form}
    raw, used = VSRBidirectional3x(**shape), VSRBidirectional3x(**shape)
    for model in (raw, used):
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    averaged = {"updates": 9, "weights": used.state_dict() if average else {}}
    counted = {"step": 1234, "last_quality": 0.625, "last_quality_step": 1234, **progress}
    torch.save(whole_state(shape, raw.state_dict(), averaged, **counted), path)
    return used if average else raw


class AdaptiveLRScheduler:
    """Of the original only the name; it has state, refers to another object, and would do harm if it were made."""

    made: list[int] = []  # noqa: RUF012

    def __init__(self, optimizer: object) -> None:
        self.optimizer, self.history = optimizer, defaultdict(list, {"lr": [1e-4]})

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.made.append(1)


def write_original(path: Path, **changed: Any) -> VSRBidirectional3x:
    """A file as the original wrote them, for a network of 8 feature maps and 4 blocks after two steps."""
    torch.manual_seed(3)
    model = VSRBidirectional3x(8, 4)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    for _ in range(2):
        model(torch.rand(1, 5, 3, 6, 6)).mean().backward()
        optimizer.step()
    content = {
        "step": 25_500,
        "model_state_dict": model.state_dict(),
        "optimizer_state_dict": optimizer.state_dict(),
        "scheduler_state_dict": AdaptiveLRScheduler(optimizer),
        "metrics": {"ki_quality": 0.61},
    }
    torch.save({**content, **changed}, path)
    return model


ORIGINAL_SETTINGS: dict[str, Any] = {
    "LR_EXPONENT": -4,
    "WEIGHT_DECAY": 0.001,
    "MAX_STEPS": 60_000,
    "VAL_STEP_EVERY": 250,
    "SAVE_STEP_EVERY": 5_000,
    "LOG_TBOARD_EVERY": 50,
    "LOG_LAYERS_EVERY": 100,
    "HIST_STEP_EVERY": 500,
    "WARMUP_STEPS": 700,
    "ACCUMULATION_STEPS": 3,
    "BATCH_SIZE": 6,
    "NUM_WORKERS": 2,
    "PIN_MEMORY": True,
    "DISPLAY_MODE": 1,
    "GRAD_CLIP": 2,
    "MAX_LR": 0.00015,
    "MIN_LR": 1e-07,
    "L1_WEIGHT": 0.5,
    "MS_WEIGHT": 0.25,
    "GRAD_WEIGHT": 0.25,
    "ADAPTIVE_LOSS_WEIGHTS": False,
    "ADAPTIVE_GRAD_CLIP": True,
    "N_FEATS": 8,
    "N_BLOCKS": 4,
    "DATA_ROOT": "/old/Learn",
    "DATASET_ROOT": "/old/Dataset",
    "AUTO_TUNED": False,
}
"""A file as the original wrote it, no value a default of this program."""


def write_original_settings(folder: Path, **changed: Any) -> Path:
    path = folder / "train_config.json"
    path.write_text(json.dumps({**ORIGINAL_SETTINGS, **changed}), encoding="utf-8")
    return path
