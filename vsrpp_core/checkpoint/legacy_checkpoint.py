"""Reading what the original VSR++ saved.

Its checkpoints pickle objects of its own classes beside the tensors. Nothing of that is run: torch's restricted reader
is given an empty stand-in for every foreign name, and only plain types and tensors come out.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from vsrpp_core.checkpoint.schema import moments_fault, weight_names, weights_fault
from vsrpp_core.errors import VsrppError, first_line
from vsrpp_core.network.model import NEGATIVE_SLOPE, RESIDUAL_SCALE
from vsrpp_core.run.config import ModelConfig, RunConfig
from vsrpp_core.run.settings import meaning_of

N_FRAMES = 5
"""The original network had five; its later form for seven is another network."""

FUSES, FUSION = ("backward_fuse.", "forward_fuse."), "fusion."
LATER_SLOPE, LATER_SCALE = 0.1, 1.0
"""Of the blocks in all versions since February 2026, whose fuses are in a module more, ``fusion.conv.weight``."""


@dataclass(frozen=True)
class Blocks:
    """Of the residual blocks, which a file does not tell; None: as in the version whose names for weights it has."""

    slope: float | None = None
    residual_scale: float | None = None

    def __post_init__(self) -> None:
        """UsageError for what no network can have, or every file would be blamed for it."""
        if given := {f"model.{name}": value for name, value in asdict(self).items() if value is not None}:
            RunConfig().with_overrides(given)


AS_NAMED = Blocks()


@dataclass(frozen=True)
class OriginalCheckpoint:
    """``weights`` as named in the network; ``optimizer`` as torch's AdamW of one group has it, or empty."""

    step: int
    weights: dict[str, Tensor]
    optimizer: dict[str, Any]
    form: ModelConfig
    rates: tuple[float, ...]
    """Learning rates of the groups of weights that the optimizer had; training goes on with one for all."""


def read_original(path: Path, blocks: Blocks = AS_NAMED) -> OriginalCheckpoint:
    """Read a checkpoint of the original VSR++ onto the CPU; VsrppError for any other file."""
    try:
        names = get_unsafe_globals_in_checkpoint(str(path))
        with safe_globals([(_harmless(name), name) for name in names]):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise VsrppError(f"{path} does not exist; name a checkpoint of the original VSR++") from None
    except UnpicklingError:
        raise VsrppError(f"{path} holds objects that no checkpoint needs, and is not read; name another file") from None
    except Exception as error:  # of a damaged or another kind of file the readers say almost anything
        reason = first_line(error)
        raise VsrppError(f"{path} cannot be read as a checkpoint of the original VSR++ ({reason})") from None
    weights, step = _part(content, "model_state_dict"), content.get("step") if isinstance(content, dict) else None
    if "feat_extract.weight" not in weights or not isinstance(step, int):
        raise VsrppError(f"{path} is not a checkpoint of the original VSR++ (no step and weights of its network)")
    try:
        weights, form = _weights(weights, blocks)
        optimizer, rates = _optimizer(_part(content, "optimizer_state_dict"), weight_names(form.model_dump()))
        if fault := moments_fault(optimizer.get("state", {}), form.model_dump(), "optimizer"):
            raise _FaultError(fault)
    except _FaultError as fault:
        raise VsrppError(
            f"{path} does not hold the network of the original VSR++: {fault}; name another file"
        ) from None
    return OriginalCheckpoint(step, weights, optimizer, form, rates)


class _FaultError(Exception):
    """What weights, or what an optimizer keeps of them, have against the network of the original."""


def _weights(found: dict[str, Any], blocks: Blocks) -> tuple[dict[str, Tensor], ModelConfig]:
    """By their names in the network, and the form of that."""
    later = {name for name in found if name.startswith((*FUSES, FUSION)) and ".conv." in name}
    weights = {name.replace(".conv.", ".") if name in later else name: weight for name, weight in found.items()}
    first = weights["feat_extract.weight"]
    if not isinstance(first, Tensor) or first.dim() != 4:
        raise _FaultError("its feat_extract.weight is no tensor of a convolution")
    n_blocks = sum(name.endswith("conv1.weight") for name in weights)
    if n_blocks < 2 or n_blocks % 2:
        raise _FaultError(f"it has {n_blocks} blocks for two trunks")
    usual = (LATER_SLOPE, LATER_SCALE) if later else (NEGATIVE_SLOPE, RESIDUAL_SCALE)
    asked = (blocks.slope, blocks.residual_scale)
    slope, scale = (known if wanted is None else wanted for wanted, known in zip(asked, usual, strict=True))
    try:
        form = ModelConfig(
            n_feats=first.shape[0], n_blocks=n_blocks, n_frames=N_FRAMES, slope=slope, residual_scale=scale
        )
    except ValidationError as error:
        details = error.errors(include_url=False)[0]
        raise _FaultError(f"{'.'.join(map(str, details['loc']))} {meaning_of(details)}") from None
    if fault := weights_fault(weights, form.model_dump()):
        raise _FaultError(fault)
    return weights, form


def _optimizer(found: dict[str, Any], names: list[str]) -> tuple[dict[str, Any], tuple[float, ...]]:
    """With what it keeps of each weight under its place in the network, and the rates of its groups.

    torch numbers weights by group. The original gave the last fusion a group of its own, and later the fuses before it
    another; which is which is told by how many weights each has.
    """
    state, groups = found.get("state", {}), found.get("param_groups", [])
    if not isinstance(state, dict) or not all(isinstance(moments, dict) for moments in state.values()):
        raise _FaultError("what its optimizer keeps is not of AdamW")
    if not state:
        return {}, ()
    groups = [group for group in groups if isinstance(group, dict) and group.get("params")]
    numbered = [group["params"] for group in groups]
    order = _in_groups([len(numbers) for numbers in numbered], names)
    places = {number: names.index(name) for number, name in zip(chain(*numbered), order, strict=False)}
    if sorted(order) != sorted(names) or places.keys() != state.keys():
        sizes = " + ".join(str(len(numbers)) for numbers in numbered)
        raise _FaultError(f"its optimizer is of {sizes or 0} weights where the network has {len(names)}")
    rates = tuple(float(group.get("lr", 0.0)) for group in groups)
    return {"state": {places[number]: state[number] for number in sorted(places, key=places.__getitem__)}}, rates


def _in_groups(sizes: list[int], names: list[str]) -> list[str]:
    """The weights in the order of an optimizer with groups of so many."""
    own = {2: [n for n in names if n.startswith(FUSION)], 4: [n for n in names if n.startswith(FUSES)]}
    apart = [own.get(size, []) for size in sizes]
    rest = [name for name in names if not any(name in part for part in apart)]
    return [name for part in apart for name in (part or rest)]


def _part(content: Any, name: str) -> dict[str, Any]:
    part = content.get(name) if isinstance(content, dict) else None
    return dict(part) if isinstance(part, dict) else {}


class _Foreign:
    """Stands for an object of a class that is not there; keeps nothing."""

    def __init__(self, *_: object) -> None: ...

    def __setstate__(self, state: object) -> None: ...


def _plain_dict(*_: object) -> dict[Any, Any]:
    return {}


def _harmless(name: str) -> Callable[..., Any]:
    """What the reader makes where the file asks for ``name``: dictionaries for dictionaries, else a stand-in."""
    if name in ("builtins.dict", "collections.defaultdict"):
        return _plain_dict
    return type("_Foreign", (_Foreign,), {})  # one each: torch keeps them apart by identity
