"""Files that hold a network, as this program and the original write them."""

import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim import AdamW

from tests.helpers import SHAPE, whole_state
from vsrpp_core.network.model import VSRBidirectional3x


def write_checkpoint(
    path: Path, average: bool = True, n_frames: int = 3, *, progress: dict[str, Any] | None = None, **form: Any
) -> VSRBidirectional3x:
    """A checkpoint at step 1,234 as far as an export needs one; the network whose weights are to be used.

    Without ``form`` it lacks those settings, as earlier versions wrote it.
    """
    torch.manual_seed(5)
    shape: dict[str, Any] = {**SHAPE, "n_frames": n_frames, **form}
    raw, used = VSRBidirectional3x(**shape), VSRBidirectional3x(**shape)
    for model in (raw, used):
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    averaged = {"updates": 9, "weights": used.state_dict() if average else {}}
    counted = {"step": 1234, "last_quality": 0.625, "last_quality_step": 1234, **(progress or {})}
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
    model = _trained(lambda model: [{"params": list(model.parameters())}])
    torch.save({**_original(*model), **changed}, path)
    return model[0]


def write_later_original(path: Path, groups: int = 2, **changed: Any) -> tuple[VSRBidirectional3x, dict[str, Tensor]]:
    """As the versions since February 2026 wrote them; the network, and what AdamW keeps as mean of each weight."""

    def grouped(model: VSRBidirectional3x) -> list[dict[str, Any]]:
        fusion = [weight for name, weight in model.named_parameters() if name.startswith("fusion.")]
        fuses = [weight for name, weight in model.named_parameters() if "_fuse." in name] if groups == 3 else []
        apart = {*fusion, *fuses}
        rest = [weight for weight in model.parameters() if weight not in apart]
        parts = ((rest, 1e-4), (fuses, 5e-4), (fusion, 1e-3))
        return [{"params": weights, "lr": rate} for weights, rate in parts if weights]

    model, optimizer = _trained(grouped, slope=0.1, residual_scale=1.0)
    content = _original(model, optimizer)
    for name in ("backward_fuse", "forward_fuse", "fusion"):
        for kind in ("weight", "bias"):
            content["model_state_dict"][f"{name}.conv.{kind}"] = content["model_state_dict"].pop(f"{name}.{kind}")
    torch.save({**content, **changed}, path)
    return model, {name: optimizer.state[weight]["exp_avg"] for name, weight in model.named_parameters()}


def _trained(grouped: Callable[[VSRBidirectional3x], Any], **form: Any) -> tuple[VSRBidirectional3x, AdamW]:
    torch.manual_seed(3)
    model = VSRBidirectional3x(8, 4, **form)
    optimizer = AdamW(grouped(model), lr=1e-4)
    for _ in range(2):
        model(torch.rand(1, 5, 3, 6, 6)).mean().backward()
        optimizer.step()
    return model, optimizer


def _original(model: VSRBidirectional3x, optimizer: AdamW) -> dict[str, Any]:
    return {
        "step": 25_500,
        "model_state_dict": model.state_dict(),
        "optimizer_state_dict": optimizer.state_dict(),
        "scheduler_state_dict": AdaptiveLRScheduler(optimizer),
        "metrics": {"ki_quality": 0.61},
    }


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
