"""A network alone in a safetensors file: weights and what they need to be used, without optimizer or settings.

Separate from checkpoints.py because it is written for other programs. safetensors has no checksum of its own and a
flipped bit loads silently, so the file carries one.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from vsrpp_core import __version__
from vsrpp_core.checkpoint import checkpoints
from vsrpp_core.checkpoint.schema import SHAPE, weights_fault
from vsrpp_core.errors import VsrppError, first_line
from vsrpp_core.messages.kinds import Alignment
from vsrpp_core.network.model import NEGATIVE_SLOPE, RESIDUAL_SCALE, SCALE
from vsrpp_core.run.config import ModelConfig, RunConfig
from vsrpp_core.run.files import write_atomically

SUFFIX = ".safetensors"
FORMAT = "vsrpp-network"
FORMAT_VERSION = 1
OTHER_FORMS_VERSION = 2
"""Of networks whose blocks or scale are not as all were before: a version that does not know of that must not guess."""
CHECKSUM = "sha256"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredNetwork:
    """A network of ``vsrpp_core.network.model`` that is not built yet; the weights are on the CPU."""

    weights: dict[str, Tensor]
    form: ModelConfig
    """What the network's constructor takes."""
    step: int
    quality: float
    """Validation quality of these weights, 0..1, or NaN when they were not validated."""
    is_average: bool
    """The weights are the moving average of those that were trained."""

    def metadata(self) -> dict[str, str]:
        """What a program that knows nothing of VSR++ needs in order to use the weights; docs/formats.md lists it."""
        times = f"{self.form.scale}*" if self.form.scale > 1 else ""
        quality = {} if math.isnan(self.quality) else {"quality": repr(self.quality)}
        return {
            "format": FORMAT,
            "format_version": str(FORMAT_VERSION if self._is_of_first_form else OTHER_FORMS_VERSION),
            "vsrpp_version": __version__,
            **{name: str(value) for name, value in self.form.model_dump().items()},
            "step": str(self.step),
            **quality,
            "weights": "moving average" if self.is_average else "raw",
            "input": "frames [batch, n_frames, 3, height, width], in the order of time",
            "output": f"picture of the middle frame [batch, 3, {times}height, {times}width], not clamped",
            "colour_order": "RGB",
            "value_range": "0..1",
        }

    @property
    def _is_of_first_form(self) -> bool:
        return (self.form.slope, self.form.residual_scale, self.form.scale) == (NEGATIVE_SLOPE, RESIDUAL_SCALE, SCALE)


def read_stored(path: Path) -> StoredNetwork:
    """The network to use of a checkpoint or of an exported file; VsrppError where ``path`` is neither."""
    return read_exported(path) if is_exported(path) else from_checkpoint(checkpoints.load(path))


def is_exported(path: Path) -> bool:
    """Whether the name is that of an exported network; anything else is taken for a checkpoint."""
    return path.suffix.lower() == SUFFIX


def from_checkpoint(state: dict[str, Any]) -> StoredNetwork:
    """Of what ``checkpoints.load`` read: the weights that are validated and used."""
    progress = state["progress"]
    is_validated = progress["last_quality_step"] == progress["step"]
    return StoredNetwork(
        weights=checkpoints.network_weights(state),
        form=RunConfig.from_checkpoint(state["config"]).model,
        step=progress["step"],
        quality=progress["last_quality"] if is_validated else math.nan,
        is_average=bool(state["average"]["weights"]),
    )


def write_exported(network: StoredNetwork, path: Path, about: Mapping[str, str] = MappingProxyType({})) -> None:
    """Write ``path``, found whole when read back before it takes the name. OSError where the disk does not take it.

    ``about`` is added to the description.
    """
    weights = {name: weight.contiguous() for name, weight in network.weights.items()}
    metadata = {**network.metadata(), **about}
    content = save(weights, {**metadata, CHECKSUM: _checksum(weights, metadata)})
    write_atomically(path, lambda temporary: _write(content, temporary))


def read_exported(path: Path) -> StoredNetwork:
    """Read what ``write_exported`` wrote; VsrppError for any other file, a damaged one and one of a later format."""
    metadata, weights = _read(path)
    if metadata.get("format") != FORMAT:
        raise VsrppError(f"{path} was not written by vsrpp export; name another file")
    if (version := metadata.get("format_version")) not in (str(FORMAT_VERSION), str(OTHER_FORMS_VERSION)):
        raise VsrppError(f"{path} is of format {version}, which this version of VSR++ does not know; use a newer one")
    if metadata.pop(CHECKSUM, None) != _checksum(weights, metadata):
        raise VsrppError(f"{path} is damaged (its content fails the check); export the network again")
    try:
        _check_alignment(metadata, path)
        form = ModelConfig.model_validate_strings(_form(metadata))
        step, quality = int(metadata["step"]), float(metadata.get("quality", "nan"))
    except (KeyError, ValueError) as error:
        raise VsrppError(
            f"{path} does not say which network it holds ({first_line(error)}); export the network again"
        ) from None
    if fault := weights_fault(weights, form.model_dump()):
        raise VsrppError(f"{path} is not a whole network: {fault}; export the network again")
    average = metadata.get("weights") == "moving average"
    return StoredNetwork(weights=weights, form=form, step=step, quality=quality, is_average=average)


def _form(metadata: dict[str, str]) -> dict[str, str]:
    """KeyError where what every file says is missing; the rest is absent in files of earlier versions."""
    sizes = {name: metadata[name] for name in SHAPE}
    return {**sizes, **{name: metadata[name] for name in ModelConfig.model_fields if name in metadata}}


def _check_alignment(metadata: dict[str, str], path: Path) -> None:
    """VsrppError where a later version of VSR++ knows more forms than this one."""
    if (name := metadata.get("alignment", "none")) not in get_args(Alignment):
        raise VsrppError(f"{path} has alignment {name}, which this version of VSR++ does not know; use a newer one")


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    try:
        content = path.read_bytes()  # its reader of files takes no names that are bytes of no encoding
        weights = load(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        return header.get("__metadata__", {}), dict(sorted(weights.items()))
    except FileNotFoundError:
        raise VsrppError(f"{path} does not exist; name a file that vsrpp export wrote") from None
    except (OSError, SafetensorError) as error:
        reason = first_line(error)
        raise VsrppError(f"{path} cannot be read ({reason}); use another one") from None


def _checksum(weights: dict[str, Tensor], metadata: dict[str, str]) -> str:
    """SHA-256 over metadata and weights, whatever order the file keeps them in."""
    digest = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name, weight in sorted(weights.items()):
        digest.update(f"{name} {weight.dtype} {list(weight.shape)}".encode())
        digest.update(weight.contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _write(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    if path.read_bytes() != content:
        raise OSError("the disk gave back something else than was written")
