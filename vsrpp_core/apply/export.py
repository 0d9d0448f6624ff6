"""A trained network for other programs: as safetensors with its description, or as ONNX.

The extension of the file decides. ONNX needs packages that nothing else here needs (the ``onnx`` extra); they are
imported only when such a file is written, and what onnxruntime computes from it is held against torch before the file
takes its name.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vsrpp_core.apply.load_network import build
from vsrpp_core.checkpoint.stored_network import SUFFIX as SAFETENSORS
from vsrpp_core.checkpoint.stored_network import StoredNetwork, read_stored, write_exported
from vsrpp_core.errors import UsageError, VsrppError, first_line, os_errors
from vsrpp_core.network.model import VSRBidirectional3x
from vsrpp_core.run.files import write_atomically

if TYPE_CHECKING:
    from onnx import ModelProto

ONNX = ".onnx"
OPSET = 18
"""What torch's exporter writes without converting, and what every runtime since 2023 reads."""
TOLERANCE = 1e-4
"""Largest difference between onnxruntime and torch, of values around 0..1; 8 bits resolve 0.004."""
PROBES = ((1, 9, 16), (2, 14, 11))
"""Batch, height and width on which a written file is verified: each differs from those traced."""
TRACED = (3, 8, 10)


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written. ``difference`` is the largest one of onnxruntime from torch, NaN for safetensors."""

    network: StoredNetwork
    size: int
    difference: float


def export(checkpoint: Path, out: Path, overwrite: bool = False) -> Exported:
    """Write the network of a checkpoint, or of an exported file, to ``out``: .safetensors or .onnx.

    Raises UsageError for another extension and for an existing file unless ``overwrite``, VsrppError where something
    cannot be read, is not installed, or cannot be written; an existing file is then unchanged.
    """
    _refuse(out, overwrite)
    network = read_stored(checkpoint)
    with os_errors(out, "could not be written", "choose another place"):
        difference = _write_onnx(network, out) if out.suffix.lower() == ONNX else _write_safetensors(network, out)
    return Exported(network, out.stat().st_size, difference)


def _refuse(out: Path, overwrite: bool) -> None:
    if out.suffix.lower() not in (SAFETENSORS, ONNX):
        raise UsageError(f"{out}: the extension decides what is written; name it {SAFETENSORS} or {ONNX}")
    if out.exists() and not overwrite:
        raise UsageError(f"{out} already exists; name another file, or replace it with --overwrite")
    if not out.parent.is_dir():
        raise VsrppError(f"{out.parent} is not a folder; make it first")
    missing = [name for name in ("onnx", "onnxruntime", "onnxscript") if not find_spec(name)]
    if missing and out.suffix.lower() == ONNX:
        raise VsrppError(f"{out}: writing ONNX needs {', '.join(missing)}; install with: pip install 'vsrpp[onnx]'")


def _write_safetensors(network: StoredNetwork, out: Path) -> float:
    write_exported(network, out)
    return float("nan")


def _write_onnx(network: StoredNetwork, out: Path) -> float:
    """The largest difference of what the file computes; VsrppError, and no file, where it is more than TOLERANCE."""
    model = build(network)
    content = _described(_as_onnx(model), network).SerializeToString()
    difference = 0.0

    def write(temporary: Path) -> None:
        nonlocal difference
        temporary.write_bytes(content)
        difference = largest_difference(model, temporary)
        if not difference <= TOLERANCE:  # NaN too
            raise VsrppError(
                f"{out} would differ from torch by {difference:.1e}, more than {TOLERANCE:.0e}, and is not written; "
                f"export to {SAFETENSORS} instead"
            )

    write_atomically(out, write)
    return difference


def _as_onnx(model: VSRBidirectional3x) -> "ModelProto":
    """The network as a graph with batch, height and width left open."""
    frames = torch.rand(TRACED[0], model.n_frames, 3, *TRACED[1:])
    dim = torch.export.Dim
    try:
        with _quiet():
            program = torch.onnx.export(
                model,
                (frames,),
                dynamo=True,
                opset_version=OPSET,
                input_names=["frames"],
                output_names=["picture"],
                dynamic_shapes={"frames": {0: dim("batch"), 3: dim("height"), 4: dim("width")}},
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        raise VsrppError(
            f"torch {torch.__version__} cannot write ONNX ({first_line(error)}); try a newer onnxscript"
        ) from error
    assert program is not None
    return program.model_proto


@contextmanager
def _quiet() -> Iterator[None]:
    """torch's exporter warns of packages that this network does not use, and of its own deprecations."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _described(proto: "ModelProto", network: StoredNetwork) -> "ModelProto":
    """With the network's description, and without the exporter's: it names source files of this machine."""
    graph = proto.graph
    for part in (*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    for key, value in network.metadata().items():
        proto.metadata_props.add(key=key, value=value)
    return proto


def largest_difference(model: VSRBidirectional3x, path: Path) -> float:
    """Between what onnxruntime computes from ``path`` and what ``model`` does, over stacks of random frames."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    generator = torch.Generator().manual_seed(0)
    differences = []
    for batch, height, width in PROBES:
        frames = torch.rand(batch, model.n_frames, 3, height, width, generator=generator)
        (picture,) = session.run(["picture"], {"frames": frames.numpy()})
        differences.append(_difference(torch.from_numpy(picture), model, frames))
    return float(torch.stack(differences).max())  # NaN where there is one


def _difference(picture: Tensor, model: VSRBidirectional3x, frames: Tensor) -> Tensor:
    with torch.inference_mode():
        expected: Tensor = model(frames)
        return (picture - expected).abs().max()
