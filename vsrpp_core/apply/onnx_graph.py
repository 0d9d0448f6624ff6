"""The network as an ONNX graph, written operation by operation.

Separate from export.py, which verifies what onnxruntime makes of it: here is the function of network/model.py once
more, in operations that onnxruntime, DirectML, TensorRT and OpenVINO know in every version since 2023. A graph traced
by torch has what its exporter of that day emits, takes seconds to make and computes sizes at run time. The end of the
network is folded as in network/folded.py, and the bilinear picture is a convolution too, so that positions between
pixels are exact.
"""

from dataclasses import dataclass, field
from itertools import product
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from torch import Tensor, nn

from vsrpp_core import __version__
from vsrpp_core.network.alignment import RADIUS, SLOPE, STRIDE, LocalAlignment
from vsrpp_core.network.folded import fold
from vsrpp_core.network.model import VSRBidirectional3x

OPSET, IR_VERSION = 17, 8
Form = Literal["stacks", "planes"]
END = np.iinfo(np.int64).max


def network_graph(model: VSRBidirectional3x, form: Form, half: bool = False) -> ModelProto:
    """``model`` with height and width left open, in float32 or, with ``half``, in float16 throughout.

    "stacks": ``frames`` [batch, n_frames, 3, height, width] to ``picture`` [batch, 3, s height, s width]. "planes":
    ``input`` [1, 3 n_frames, height, width], the planes of one frame after the other, to ``output`` [1, 3, s height,
    s width]. With ``half`` the motion between frames is computed in float32: positions need its bits.
    """
    graph = _Graph(TensorProto.FLOAT16 if half else TensorProto.FLOAT)
    count = model.n_frames
    given: list[Any]
    size: list[Any]
    if form == "stacks":
        source, target, given, size = "frames", "picture", ["batch", count, 3], ["batch", 3]
        axis = graph.constant(np.array([1]))
        frames = [graph.add("Squeeze", frame, axis) for frame in graph.split(source, count, axis=1)]
    else:
        source, target, given, size = "input", "output", [1, 3 * count], [1, 3]
        frames = graph.split(source, count, axis=1)
    graph.add("Identity", _picture(graph, model, frames), name=target)
    large = [f"{model.scale}*{side}" if model.scale > 1 else side for side in ("height", "width")]
    return graph.finished((source, [*given, "height", "width"]), (target, [*size, *large]))


@dataclass
class _Graph:
    """Operations in order; each adds one and gives the name of what it computes."""

    kind: int
    """Of the frames and of the weights."""
    nodes: list[NodeProto] = field(default_factory=list)
    constants: dict[str, TensorProto] = field(default_factory=dict)

    def add(self, operation: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        name = name or f"{operation}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, list(inputs), [name], name, **attributes))
        return name

    def split(self, whole: str, count: int, axis: int) -> list[str]:
        """Equal parts along ``axis``."""
        names = [f"Split_{len(self.nodes)}_{index}" for index in range(count)]
        self.nodes.append(helper.make_node("Split", [whole], names, names[0], axis=axis))
        return names

    def constant(self, values: NDArray[Any] | np.generic, name: str = "") -> str:
        name = name or f"constant_{len(self.constants)}"
        self.constants[name] = numpy_helper.from_array(np.array(values, order="C"), name)
        return name

    def weight(self, values: Tensor, single: bool = False, name: str = "") -> str:
        """In the graph's precision, or in float32."""
        if name in self.constants:
            return name
        kind = np.float32 if single or self.kind == TensorProto.FLOAT else np.float16
        return self.constant(values.detach().numpy().astype(kind), name)

    def cast(self, values: str, kind: int = TensorProto.FLOAT) -> str:
        return self.add("Cast", values, to=kind)

    def slice(self, values: str, starts: list[int], ends: list[int], axes: list[int]) -> str:
        return self.add("Slice", values, *(self.constant(np.array(part, np.int64)) for part in (starts, ends, axes)))

    def finished(self, source: tuple[str, list[Any]], target: tuple[str, list[Any]]) -> ModelProto:
        values = [helper.make_tensor_value_info(name, self.kind, shape) for name, shape in (source, target)]
        graph = helper.make_graph(self.nodes, "vsrpp", values[:1], values[1:], list(self.constants.values()))
        opsets = [helper.make_opsetid("", OPSET)]
        return helper.make_model(
            graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="vsrpp", producer_version=__version__
        )


def _picture(graph: _Graph, model: VSRBidirectional3x, frames: list[str]) -> str:
    features = [_convolved(graph, frame, model.feat_extract, "feat_extract") for frame in frames]
    if model.alignment == "local":
        features = _aligned(graph, model.align, features)
    centre = model.n_frames // 2
    backward = _propagated(graph, model, "backward", features[centre:])
    forward = _propagated(graph, model, "forward", features[centre::-1])
    fused = _convolved(graph, graph.add("Concat", backward, forward, axis=1), model.fusion, "fusion")
    if model.scale == 1:
        return graph.add("Add", _convolved(graph, fused, model.upsample[0], "upsample.0"), frames[centre])
    base = _bilinear(graph, frames[centre], 3, model.scale)
    return graph.add("Add", _enlarged(graph, model.upsample, fused, model.scale), base)


def _convolved(
    graph: _Graph, values: str, layer: nn.Module, name: str, times: float = 1.0, single: bool = False
) -> str:
    """``times`` what ``layer`` makes of ``values``; its parameters are in the graph once, under ``name``."""
    assert isinstance(layer, nn.Conv2d) and layer.bias is not None
    weight = graph.weight(times * layer.weight, single, f"{name}.weight")
    bias = graph.weight(times * layer.bias, single, f"{name}.bias")
    pads = [*layer.padding, *layer.padding]
    return graph.add("Conv", values, weight, bias, pads=pads, strides=list(layer.stride))


def _propagated(graph: _Graph, model: VSRBidirectional3x, way: str, features: list[str]) -> str:
    fuse, trunk = getattr(model, f"{way}_fuse"), getattr(model, f"{way}_trunk")
    state = features[0]
    for frame in features[1:]:
        state = _convolved(graph, graph.add("Concat", state, frame, axis=1), fuse, f"{way}_fuse")
        for index, block in enumerate(trunk):
            name = f"{way}_trunk.{index}"
            inner = _convolved(graph, state, block.conv1, f"{name}.conv1")
            inner = graph.add("LeakyRelu", inner, alpha=block.slope)
            change = _convolved(graph, inner, block.conv2, f"{name}.conv2", block.scale)
            state = graph.add("Add", state, change)
    return state


# the end of the network


def _enlarged(graph: _Graph, upsample: nn.Sequential, features: str, scale: int) -> str:
    """As ``enlarge_folded``."""
    weight, bias = (graph.weight(part) for part in fold(upsample))
    inside = _shuffled(graph, graph.add("Conv", features, weight, bias, pads=[2, 2, 2, 2]), scale)
    for axis in (3, 2):
        first, last = (_edge(graph, upsample, features, scale, axis, at) for at in (0, -1))
        inside = graph.add("Concat", first, graph.slice(inside, [1], [-1], [axis]), last, axis=axis)
    return inside


def _edge(graph: _Graph, upsample: nn.Sequential, features: str, scale: int, axis: int, at: Literal[0, -1]) -> str:
    """The outermost row or column of pixels, in the plain way from the two of feature maps that it depends on."""
    strip = graph.slice(features, [0] if at == 0 else [-2], [2] if at == 0 else [END], [axis])
    inner = _shuffled(graph, _convolved(graph, strip, upsample[0], "upsample.0"), scale)
    picture = _convolved(graph, inner, upsample[2], "upsample.2")
    return graph.slice(picture, [at], [1] if at == 0 else [END], [axis])


def _shuffled(graph: _Graph, values: str, scale: int) -> str:
    return graph.add("DepthToSpace", values, blocksize=scale, mode="CRD")


def _bilinear(graph: _Graph, values: str, channels: int, scale: int, single: bool = False) -> str:
    """``values``, enlarged bilinearly with the edge repeated: what that makes of impulses, as a convolution."""
    answers = F.interpolate(torch.eye(9).view(9, 1, 3, 3), scale_factor=scale, mode="bilinear", align_corners=False)
    kernels = answers[:, 0, scale : 2 * scale, scale : 2 * scale].reshape(9, scale**2).T.reshape(scale**2, 1, 3, 3)
    weight = graph.weight(torch.cat([kernels] * channels), single)
    pads = graph.constant(np.array([0, 0, 1, 1, 0, 0, 1, 1]))
    padded = graph.add("Pad", values, pads, mode="edge")
    return _shuffled(graph, graph.add("Conv", padded, weight, group=channels), scale)


# local alignment


def _aligned(graph: _Graph, align: LocalAlignment, features: list[str]) -> list[str]:
    """As ``LocalAlignment``; what compares and fetches is in float32."""
    centre = len(features) // 2
    others = [*features[:centre], *features[centre + 1 :]]
    motion = _motion(graph, align, features)
    fetched = _fetched(graph, graph.cast(graph.add("Concat", *others, axis=0)), motion)
    moved = graph.split(graph.cast(fetched, graph.kind), len(others), axis=0)
    return [*moved[:centre], features[centre], *moved[centre:]]


def _motion(graph: _Graph, align: LocalAlignment, features: list[str]) -> str:
    """LR pixels, [N B, 2, h, w]."""
    keys = _convolved(graph, graph.add("Concat", *features, axis=0), align.keys[0], "align.keys.0")
    keys = graph.add("LeakyRelu", keys, alpha=SLOPE)
    keys = graph.cast(_convolved(graph, keys, align.keys[2], "align.keys.2"))
    length = graph.add("ReduceL2", keys, axes=[1], keepdims=1)
    length = graph.add("Max", length, graph.constant(np.float32(1e-12)))
    others = graph.split(graph.add("Div", keys, length), len(features), axis=0)
    own = others.pop(len(features) // 2)
    similar = _similarities(graph, own, others)
    similar = graph.add("Mul", similar, graph.weight(align.sharpness, single=True))
    context = _convolved(graph, similar, align.context, "align.context", single=True)
    share = graph.add("Softmax", graph.add("Add", similar, context), axis=1)
    offsets = STRIDE * torch.tensor([(x, y) for y, x in product(range(-RADIUS, RADIUS + 1), repeat=2)])
    coarse = graph.add("Conv", share, graph.weight(offsets.T[..., None, None], single=True))
    fine = _bilinear(graph, coarse, 2, STRIDE, single=True)
    size = graph.slice(graph.add("Shape", features[0]), [2], [4], [0])
    starts, axes = graph.constant(np.array([0, 0])), graph.constant(np.array([2, 3]))
    return graph.add("Slice", fine, starts, size, axes)


def _similarities(graph: _Graph, own: str, others: list[str]) -> str:
    """Cosines between the centre's keys and those of the others at each offset, [N B, offsets, h, w]."""
    pads = graph.constant(np.array([0, 0, RADIUS, RADIUS] * 2))
    padded = graph.add("Pad", graph.add("Concat", *others, axis=0), pads, mode="edge")
    repeated = graph.add("Concat", *[own] * len(others), axis=0)
    channels, similar = graph.constant(np.array([1])), []
    for y, x in product(range(2 * RADIUS + 1), repeat=2):
        ends = [part - 2 * RADIUS or END for part in (y, x)]
        window = graph.slice(padded, [y, x], ends, [2, 3])
        similar.append(graph.add("ReduceSum", graph.add("Mul", repeated, window), channels, keepdims=1))
    return graph.add("Concat", *similar, axis=1)


def _fetched(graph: _Graph, features: str, motion: str) -> str:
    """``features`` from where ``motion`` points, bilinearly."""
    shape, places = graph.add("Shape", features), []
    one, two = (graph.constant(np.float32(number)) for number in (1, 2))
    for axis, part in zip((3, 2), graph.split(motion, 2, axis=1), strict=True):
        size = graph.add("Gather", shape, graph.constant(np.int64(axis)))
        steps = graph.add("Range", graph.constant(np.int64(0)), size, graph.constant(np.int64(1)))
        steps = graph.cast(steps)
        if axis == 2:
            steps = graph.add("Unsqueeze", steps, graph.constant(np.array([1])))
        at = graph.add("Add", graph.add("Mul", graph.add("Add", part, steps), two), one)
        at = graph.add("Sub", graph.add("Div", at, graph.cast(size)), one)
        places.append(graph.add("Squeeze", at, graph.constant(np.array([1]))))
    last = graph.constant(np.array([3]))
    grid = graph.add("Concat", *(graph.add("Unsqueeze", place, last) for place in places), axis=3)
    return graph.add("GridSample", features, grid, mode="bilinear", padding_mode="border", align_corners=0)
