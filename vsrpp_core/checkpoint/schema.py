"""What a checkpoint is made of, as one typed schema that is held before anything acts on what was read.

Separate from checkpoints.py, which finds damaged bytes: an archive can be sound and yet be of something else, lack a
part, or hold tensors of another network than its settings describe.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor

from vsrpp_core.errors import VsrppError
from vsrpp_core.network.model import VSRBidirectional3x
from vsrpp_core.run.config import ModelConfig, RunConfig, in_todays_terms
from vsrpp_core.run.settings import meaning_of

N_FIGURES = 7
"""Figures that a step leaves behind (``training.step.FIGURES``); earlier versions had one less."""

Count = Annotated[int, Field(ge=0)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Tensors = dict[str, Tensor]


class Part(BaseModel):
    """Parts beside those named are let pass: an earlier version of the same format may have had them."""

    model_config = ConfigDict(strict=True, arbitrary_types_allowed=True)


class Progress(Part):
    step: Count
    last_loss: float
    last_quality: float
    last_quality_step: int
    best_quality: Finite
    best_step: Count
    best_branch: Count = 0
    best_psnr: float = float("nan")
    branch: Count = 0
    skipped_in_a_row: Count = 0
    rollbacks: Count = 0
    failed_at: Count = 0
    rolled_back_to: Count = 0


class Average(Part):
    updates: Count
    weights: Tensors


class Moments(Part):
    step: Tensor
    exp_avg: Tensor
    exp_avg_sq: Tensor


class Optimizer(Part):
    state: dict[int, Moments]


class OptimizerStep(Part):
    optimizer: Optimizer
    scaler: dict[str, Finite]


class Sharpness(Part):
    sharpness: list[float]
    bicubic: list[float] = []
    usual: list[Finite] = Field([0.0, 0.0], min_length=2, max_length=2)
    seen: Count = 0
    best: Finite = 0.0


class LossWeights(Part):
    weights: list[Finite] = Field(min_length=3, max_length=3)
    aggressive: bool
    aggressive_since: Count
    may_begin_at: Count
    judge: Sharpness | None = None
    sharpness: list[float] | None = None
    grad_loss: list[float]


class GradClip(Part):
    norms: list[Finite]
    clip_norm: float = Field(gt=0, allow_inf_nan=False)


class Validations(Part):
    steps: list[int]
    qualities: list[Finite]


class Schedule(Part):
    factor: float = Field(gt=0, allow_inf_nan=False)
    slowed: float = Field(1.0, gt=0, allow_inf_nan=False)
    may_cut_at: Count
    course: list[Count] = Field([], max_length=3)
    progress: Validations | None = None


class Stream(Part):
    epoch: int = Field(ge=1)
    seen: Count
    samples: Count
    geometry: list[int] | None = Field(None, min_length=3, max_length=3)
    fingerprint: str | None = None
    weights: str = ""


class Figures(Part):
    pending: list[Annotated[list[float], Field(min_length=N_FIGURES - 1, max_length=N_FIGURES)]]


class Random(Part):
    cpu: Tensor
    cuda: list[Tensor]


class Checkpoint(Part):
    """Everything a trainer saves; the names are those of its parts."""

    config: dict[str, dict[str, Any]]
    model: Tensors
    average: Average
    optimizer_step: OptimizerStep
    loss_weights: LossWeights
    grad_clip: GradClip
    lr_schedule: Schedule
    stream: Stream
    figures: Figures
    progress: Progress
    random: Random
    validation: str = ""


SHAPE = ("n_feats", "n_blocks", "n_frames")
"""What every checkpoint says of its network; other forms than the first came later."""

SCALER = {"scale", "growth_factor", "backoff_factor", "growth_interval", "_growth_tracker"}
"""What torch keeps of a loss scaler that is in use."""


def check_state(state: Mapping[str, Any], path: Path) -> None:
    """Raises VsrppError, naming the first part that is not as it must be, where ``state`` is no whole checkpoint."""
    if fault := next(_faults(state), ""):
        raise VsrppError(f"{path} is not a whole checkpoint: {fault}; use another one")


def weights_fault(weights: Mapping[str, Any], shape: Mapping[str, Any], part: str = "") -> str:
    """What ``weights`` have against a network of ``shape``, a phrase that names the tensor; empty where they fit.

    ``part`` is what they are called where they were read.
    """
    return next(_weights_faults(weights, shape, part), "")


def weight_names(shape: Mapping[str, Any]) -> list[str]:
    """Of a network of ``shape``, in the order in which an optimizer numbers them."""
    return [name for name, _ in _network(shape).named_parameters()]


def moments_fault(state: Mapping[Any, Any], shape: Mapping[str, Any], part: str) -> str:
    """As ``weights_fault``, of what AdamW keeps of each weight; nothing is kept before the first step."""
    return next(_moments_faults(state, shape, part), "")


def _faults(state: Mapping[str, Any]) -> Iterator[str]:
    try:
        whole = Checkpoint.model_validate(state)
    except ValidationError as error:
        details = error.errors(include_url=False)[0]
        yield f"its part {'.'.join(map(str, details['loc']))} {meaning_of(details)}"
        return
    if fault := next(_settings_faults(whole.config), ""):
        yield fault
        return
    shape = RunConfig.from_checkpoint(whole.config).model.model_dump()
    yield from _weights_faults(whole.model, shape, "model")
    if whole.average.weights:
        yield from _weights_faults(whole.average.weights, shape, "average.weights")
    moments = {index: vars(held) for index, held in whole.optimizer_step.optimizer.state.items()}
    yield from _moments_faults(moments, shape, "optimizer_step.optimizer.state")
    yield from _other_faults(whole)


def _settings_faults(config: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The network's shape must be one; of all else only the types are asked for, as rules change with versions."""
    try:
        known = {name: value for name, value in config.get("model", {}).items() if name in ModelConfig.model_fields}
        ModelConfig.model_validate(known)
    except ValidationError as error:
        details = error.errors(include_url=False)[0]
        yield f"its part config.model.{'.'.join(map(str, details['loc']))} {meaning_of(details)}"
    config = in_todays_terms(config)
    missing = [name for name in SHAPE if name not in config.get("model", {})]
    yield from (f"its part config.model.{name} is missing" for name in missing)
    for setting in RunConfig().settings():
        section, name = setting.key.split(".")
        value = config.get(section, {}).get(name, setting.default)
        if not _is_like(value, setting.default):
            yield f"its part config.{setting.key} must be like {setting.default!r}, not {value!r}"


def _is_like(value: object, default: object) -> bool:
    return type(value) in ((int, float) if type(default) is float else (type(default),))


def _weights_faults(weights: Mapping[str, Any], shape: Mapping[str, Any], part: str) -> Iterator[str]:
    wanted = _network(shape).state_dict()
    where = f"its {part} " if part else "it "
    yield from (f"{where}lacks {name}" for name in wanted if name not in weights)
    yield from (f"{where}has {name}, which is in no network" for name in weights if name not in wanted)
    for name, like in wanted.items():
        if name in weights and (fault := _tensor_fault(weights[name], like)):
            yield f"{where}has {name} {fault}"


def _moments_faults(state: Mapping[Any, Any], shape: Mapping[str, Any], part: str) -> Iterator[str]:
    wanted = dict(_network(shape).named_parameters())
    if state and sorted(map(str, state)) != sorted(map(str, range(len(wanted)))):
        yield f"its {part} is of {len(state)} weights where the network has {len(wanted)}"
        return
    for index, (name, like) in enumerate(wanted.items()):
        for kind, of_kind in (("step", torch.empty((), device="meta")), ("exp_avg", like), ("exp_avg_sq", like)):
            fault = _tensor_fault(state[index].get(kind), of_kind) if state else ""
            if fault:
                yield f"its {part} has {kind} of {name} {fault}"


def _network(shape: Mapping[str, Any]) -> VSRBidirectional3x:
    """A network of ``shape`` without memory behind its tensors."""
    with torch.device("meta"):
        return VSRBidirectional3x(**shape)


def _tensor_fault(tensor: object, like: Tensor) -> str:
    if not isinstance(tensor, Tensor) or not _is_plain(tensor) or not tensor.is_floating_point():
        return "as something else than a tensor of numbers"
    if tensor.shape != like.shape:
        return f"of shape {list(tensor.shape)} where its settings ask for {list(like.shape)}"
    return "" if tensor.isfinite().all() else "with values that are not finite"


def _is_plain(tensor: Tensor) -> bool:
    return tensor.layout is torch.strided and tensor.device.type == "cpu" and not tensor.is_quantized


def _other_faults(whole: Checkpoint) -> Iterator[str]:
    """What several values must be together, and what only torch knows."""
    if whole.optimizer_step.scaler and not whole.optimizer_step.scaler.keys() >= SCALER:
        yield "its part optimizer_step.scaler is not whole"
    seen = whole.lr_schedule.progress
    if seen and len(seen.steps) != len(seen.qualities):
        yield f"its part lr_schedule.progress has {len(seen.steps)} steps and {len(seen.qualities)} qualities"
    if whole.random.cpu.shape != torch.get_rng_state().shape:
        yield f"its part random.cpu is of shape {list(whole.random.cpu.shape)}"
    if any(not _is_plain(state) or state.dtype is not torch.uint8 for state in (whole.random.cpu, *whole.random.cuda)):
        yield "its part random is no state of torch's generators"
