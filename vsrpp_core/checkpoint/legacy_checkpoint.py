"""Reading what the original VSR++ saved.

Its checkpoints pickle objects of its own classes beside the tensors. Nothing of that is run: torch's restricted reader
is given an empty stand-in for every foreign name, and only plain types and tensors come out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from vsrpp_core.checkpoint.schema import moments_fault, weights_fault
from vsrpp_core.errors import VsrppError, first_line

N_FRAMES = 5
"""The original network always had five."""


@dataclass(frozen=True)
class OriginalCheckpoint:
    """``weights`` as named in the network; ``optimizer`` as torch's AdamW describes its state, or empty."""

    step: int
    weights: dict[str, Tensor]
    optimizer: dict[str, Any]

    @property
    def n_feats(self) -> int:
        return self.weights["feat_extract.weight"].shape[0]

    @property
    def n_blocks(self) -> int:
        """Residual blocks of both trunks together."""
        return sum(name.endswith("conv1.weight") for name in self.weights)


def read_original(path: Path) -> OriginalCheckpoint:
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
    optimizer = _part(content, "optimizer_state_dict")
    found = OriginalCheckpoint(step, weights, optimizer if "state" in optimizer else {})
    if fault := _fault(found):
        raise VsrppError(f"{path} does not hold the network of the original VSR++: {fault}; name another file")
    return found


def _fault(found: OriginalCheckpoint) -> str:
    """What its weights, and what its optimizer keeps of each, have against a network of their own shape."""
    first = found.weights["feat_extract.weight"]
    if not isinstance(first, Tensor) or first.dim() != 4:
        return "its feat_extract.weight is no tensor of a convolution"
    if found.n_blocks < 2 or found.n_blocks % 2:
        return f"it has {found.n_blocks} blocks for two trunks"
    shape = {"n_feats": found.n_feats, "n_blocks": found.n_blocks, "n_frames": N_FRAMES}
    state = found.optimizer.get("state", {})
    if not isinstance(state, dict) or not all(isinstance(moments, dict) for moments in state.values()):
        return "what its optimizer keeps is not of AdamW"
    return weights_fault(found.weights, shape) or moments_fault(state, shape, "optimizer")


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
