"""A trained network for other programs: as safetensors with its description, or as ONNX.

The extension of the file decides. ONNX needs packages that nothing else here needs (the ``onnx`` extra); they are
imported only when such a file is written, and what onnxruntime computes from it is held against torch before the file
takes its name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from vsrpp_core.apply.load_network import build
from vsrpp_core.apply.model_card import NOT_STATED, card_of, write_card
from vsrpp_core.checkpoint.stored_network import SUFFIX as SAFETENSORS
from vsrpp_core.checkpoint.stored_network import StoredNetwork, read_stored, write_exported
from vsrpp_core.errors import UsageError, VsrppError, os_errors
from vsrpp_core.network.model import VSRBidirectional3x
from vsrpp_core.run.files import write_atomically

if TYPE_CHECKING:
    from vsrpp_core.apply.onnx_graph import Form

ONNX = ".onnx"
TOLERANCE, HALF_TOLERANCE = 1e-4, 1e-2
"""Largest difference between onnxruntime and torch, of values around 0..1, in single and in half precision, which
resolves 0.0005 below 1 and 0.001 above; 8 bits resolve 0.004."""
PROBES = ((1, 9, 16), (2, 14, 11))
"""Batch, height and width on which a written file is verified; without a batch both have one stack."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written. ``difference`` is the largest one of onnxruntime from torch, NaN for safetensors."""

    network: StoredNetwork
    size: int
    difference: float


def export(checkpoint: Path, out: Path, overwrite: bool = False, licence: str = NOT_STATED) -> Exported:
    """Write the network of a checkpoint, or of an exported file, to ``out``: .safetensors or .onnx.

    Its model card is in the file's metadata, and beside it under its name with .md. Raises UsageError for another
    extension and for existing files unless ``overwrite``, VsrppError where something cannot be read, is not installed,
    or cannot be written; an existing file is then unchanged.
    """
    _refuse(out, overwrite)
    network = read_stored(checkpoint)
    card = card_of(network, checkpoint, licence)
    about = card.metadata()
    with os_errors(out, "could not be written", "choose another place"):
        if out.suffix.lower() == ONNX:
            difference = write_onnx(network, out, "stacks", about=about)
        else:
            difference = float("nan")
            write_exported(network, out, about)
        write_card(card, out.stem, beside_it(out))
    return Exported(network, out.stat().st_size, difference)


def _refuse(out: Path, overwrite: bool) -> None:
    if out.suffix.lower() not in (SAFETENSORS, ONNX):
        raise UsageError(f"{out}: the extension decides what is written; name it {SAFETENSORS} or {ONNX}")
    if (there := [path for path in (out, beside_it(out)) if path.exists()]) and not overwrite:
        raise UsageError(f"{there[0]} already exists; name another file, or replace it with --overwrite")
    if not out.parent.is_dir():
        raise VsrppError(f"{out.parent} is not a folder; make it first")
    if out.suffix.lower() == ONNX:
        refuse_without_packages(out)


def beside_it(out: Path) -> Path:
    """Where the model card of ``out`` is."""
    return out.with_name(f"{out.name}.md")


def refuse_without_packages(out: Path) -> None:
    """VsrppError where ONNX cannot be written or verified."""
    if missing := [name for name in ("onnx", "onnxruntime") if not find_spec(name)]:
        raise VsrppError(f"{out}: writing ONNX needs {', '.join(missing)}; install with: pip install 'vsrpp[onnx]'")


def write_onnx(
    network: StoredNetwork,
    out: Path,
    form: "Form",
    half: bool = False,
    tolerance: float = TOLERANCE,
    about: Mapping[str, str] = MappingProxyType({}),
) -> float:
    """Write a graph with the network's description and ``about`` in its metadata.

    The largest difference of what the file computes; VsrppError, and no file, where it is more than ``tolerance``.
    """
    from vsrpp_core.apply.onnx_graph import network_graph

    model = build(network)
    proto = network_graph(model, form, half)
    for key, value in {**network.metadata(), **about}.items():
        proto.metadata_props.add(key=key, value=value)
    content, difference = proto.SerializeToString(), 0.0

    def write(temporary: Path) -> None:
        nonlocal difference
        temporary.write_bytes(content)
        difference = largest_difference(model, temporary)
        if not difference <= tolerance:  # NaN too
            raise VsrppError(
                f"{out} would differ from torch by {difference:.1e}, more than {tolerance:.0e}, and is not written; "
                f"export to {SAFETENSORS} instead"
            )

    write_atomically(out, write)
    return difference


def largest_difference(model: VSRBidirectional3x, path: Path) -> float:
    """Between what onnxruntime computes from ``path`` and what ``model`` does, over stacks of random frames."""
    import onnxruntime

    content = path.read_bytes()  # it takes no names that are bytes of no encoding
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    source = session.get_inputs()[0]
    kind = np.float16 if source.type == "tensor(float16)" else np.float32
    generator = torch.Generator().manual_seed(0)
    differences = []
    for batch, height, width in PROBES:
        count = batch if len(source.shape) == 5 else 1
        frames = torch.rand(count, model.n_frames, 3, height, width, generator=generator)
        given = frames if len(source.shape) == 5 else frames.flatten(1, 2)
        (picture,) = session.run(None, {source.name: given.numpy().astype(kind)})
        differences.append(_difference(torch.from_numpy(picture), model, frames))
    return float(torch.stack(differences).max())  # NaN where there is one


def _difference(picture: Tensor, model: VSRBidirectional3x, frames: Tensor) -> Tensor:
    with torch.inference_mode():
        expected: Tensor = model(frames)
        return (picture - expected).abs().max()
