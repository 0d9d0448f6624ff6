"""What tests of many parts need: events and checkpoint states made whole, and settings of a run that takes seconds."""

import itertools
import math
import resource
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from functools import cache
from pathlib import Path
from types import GenericAlias, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from vsrpp_core.adaptive.grad_clip import AdaptiveGradClip
from vsrpp_core.adaptive.loss_weights import AdaptiveLossWeights
from vsrpp_core.adaptive.lr_schedule import LRSchedule
from vsrpp_core.data.resize import downscaled, imresize
from vsrpp_core.messages.events import Event
from vsrpp_core.network.model import VSRBidirectional3x
from vsrpp_core.run.config import ClippingConfig, LossConfig, ScheduleConfig
from vsrpp_core.run.folder import CheckpointInfo

E = TypeVar("E", bound=Event)
Settings = dict[str, Any]
"""Settings as keywords of a helper: ``schedule__lr_max`` for ``schedule.lr_max``."""

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden"
N_FRAMES = 5
LR_SIDE = 16

TINY = {
    "model.n_feats": 4,
    "model.n_blocks": 2,
    "training.precision": "fp32",
    "training.batch_size": 3,
    "training.max_steps": 24,
    "schedule.lr_max": 1e-3,
    "schedule.warmup_steps": 4,
    "clipping.minimum": 5,
    "cadence.status_every": 1,
    "cadence.journal_every": 1,
    "cadence.tensorboard_every": 6,
    "cadence.validate_every": 12,
    "cadence.checkpoint_every": 1000,
    "cadence.best_from": 999,
}


def make_event(kind: type[E], /, **known: Any) -> E:
    """An event with every field filled, each number another one; ``known`` fields are given."""
    numbers = itertools.count(1)
    types = get_type_hints(kind)
    values = {f.name: _value(types[f.name], next(numbers)) for f in fields(kind)}
    return kind(**{**values, **known})


def _value(kind: Any, number: int) -> Any:
    if get_origin(kind) in (Union, UnionType):
        kind = get_args(kind)[0]
    if get_origin(kind) is Literal:
        return get_args(kind)[0]
    if isinstance(kind, GenericAlias):  # tuple[float, ...]
        one = get_args(kind)[0]
        return (number + 0.25, number + 0.5) if one is float else (_value(one, number),)
    return {float: number + 0.5, int: number, str: f"text {number} – ü", bool: True}[kind]


def make_info(step: int = 1, **known: Any) -> CheckpointInfo:
    """A checkpoint's description; ``known`` fields are given."""
    values: dict[str, Any] = {
        "name": f"checkpoint_step_{step}.pth",
        "step": step,
        "epoch": 1,
        "max_steps": 100,
        "kind": "regular",
        "quality": 0.5,
        "loss": 0.25,
        "best_quality": 0.5,
        "best_step": step,
        "size": 10,
        "saved_at": 1e9 + step,
    }
    return CheckpointInfo(**{**values, **known})


SHAPE: dict[str, Any] = {"n_feats": 4, "n_blocks": 2, "n_frames": 3}
FIRST_WEIGHT = "feat_extract.weight"


@cache
def _weights() -> dict[str, Tensor]:
    torch.manual_seed(5)
    return VSRBidirectional3x(**SHAPE).state_dict()


def make_state(step: int = 1) -> dict[str, Any]:
    """What a checkpoint holds, of a tiny network; its figures are those of ``make_info``."""
    progress = {"step": step, "last_loss": 0.25, "last_quality": 0.5, "last_quality_step": step}
    model = {**_weights(), FIRST_WEIGHT: torch.full_like(_weights()[FIRST_WEIGHT], step)}
    return whole_state(SHAPE, model, **progress, best_quality=0.5, best_step=step)


def whole_state(
    shape: dict[str, int], model: dict[str, Tensor], average: Any = None, **progress: Any
) -> dict[str, Any]:
    """What a trainer saves of a network that it has just been given."""
    counted = {"step": 0, "last_loss": 0.25, "last_quality": math.nan, "last_quality_step": -1}
    return {
        "format": 2,
        "model": model,
        "average": average or {"updates": 0, "weights": {}},
        "optimizer_step": {"optimizer": {"state": {}, "param_groups": []}, "scaler": {}},
        "loss_weights": AdaptiveLossWeights(LossConfig(), 0).state_dict(),
        "grad_clip": AdaptiveGradClip(ClippingConfig()).state_dict(),
        "lr_schedule": LRSchedule(ScheduleConfig(), 100).state_dict(),
        "stream": {"epoch": 1, "seen": 0, "samples": 0},
        "figures": {"pending": []},
        "progress": {**counted, "best_quality": 0.0, "best_step": 0, **progress},
        "random": {"cpu": torch.get_rng_state(), "cuda": []},
        "config": {"model": shape, "training": {"max_steps": 100}},
    }


def flip_a_bit(checkpoint: Path) -> None:
    """In the middle of its largest part: between the parts are bytes that no CRC covers and nothing reads."""
    with zipfile.ZipFile(checkpoint) as archive:
        largest = archive.read(max(archive.infolist(), key=lambda part: part.file_size))
    content = bytearray(checkpoint.read_bytes())
    content[content.index(largest) + len(largest) // 2] ^= 1
    checkpoint.write_bytes(content)


@contextmanager
def files_of_at_most(n_bytes: int) -> Iterator[None]:
    """No file of this process can grow beyond ``n_bytes``: the system refuses, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def write_dataset(
    root: Path,
    n_train: int = 10,
    n_val: int = 2,
    side: int = LR_SIDE,
    height: int = 0,
    prefix: str = "s",
    scale: int = 3,
) -> Path:
    """Write a dataset of smooth random pictures that move by a pixel a frame; LR patches are ``side`` pixels wide, and
    as high, or ``height``."""
    for split, count in (("Patches", n_train), ("Val", n_val)):
        for index in range(count):
            seed = index + (1000 if split == "Val" else 0)
            _write_sample(root / split, f"{prefix}{index:03d}.png", (height or side, side), seed, scale)
    return root


def _write_sample(base: Path, name: str, size: tuple[int, int], seed: int, scale: int) -> None:
    random = np.random.default_rng(seed)
    full, wide = scale * size[0], scale * size[1]
    scene = imresize(random.integers(0, 256, (*size, 3), dtype=np.uint8), full + 8, wide + 8)
    frames = [scene[shift : shift + full, 4 : 4 + wide] for shift in range(1, 1 + N_FRAMES)]
    small = np.concatenate([downscaled(frame, scale) for frame in frames])
    for folder, picture in (("GT", frames[N_FRAMES // 2]), ("LR", small)):
        (base / folder).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(base / folder / name)


def most_held(work: Callable[[], object]) -> int:
    """Bytes of torch's allocations on the CPU at their highest during ``work``, over what was held before."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        work()
    assert profiler.profiler is not None
    events = profiler.profiler.kineto_results.events()
    changes = sorted((event.start_ns(), event.nbytes()) for event in events if event.name() == "[memory]")
    held = most = 0
    for _, change in changes:
        held += change
        most = max(most, held)
    return most


def kept_for_backward(model: nn.Module, frames: Tensor) -> int:
    """Bytes of feature maps that wait for the backward pass, each storage once."""
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        output = model(frames)
    assert output.requires_grad
    return sum(kept.values())


def break_png(path: Path) -> None:
    """Let a PNG's first piece of pixels end too early, of which Pillow raises SyntaxError."""
    content = bytearray(path.read_bytes())
    content[content.index(b"IDAT") - 1] -= 9
    path.write_bytes(content)
