"""The bidirectional network, written plainly: the reference any faster form is tested against.

Parameter names and arithmetic are a promise: weights of the original VSR++ load and give the same picture.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vsrpp_core.messages.kinds import Alignment
from vsrpp_core.network.alignment import LocalAlignment

SCALES = 1, 2, 3, 4
SCALE = 3
"""Of a network that says no other."""
RESIDUAL_SCALE = 0.1
NEGATIVE_SLOPE = 0.2


class ResidualBlock(nn.Module):
    """conv, LeakyReLU of ``slope``, conv, times ``scale``, plus the input. [B, C, h, w] to the same."""

    def __init__(self, n_feats: int, slope: float = NEGATIVE_SLOPE, scale: float = RESIDUAL_SCALE) -> None:
        super().__init__()
        self.slope, self.scale = slope, scale
        self.conv1 = nn.Conv2d(n_feats, n_feats, 3, padding=1)
        self.conv2 = nn.Conv2d(n_feats, n_feats, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        inner = F.leaky_relu(self.conv1(x), self.slope)
        change: Tensor = self.conv2(inner)
        return x + self.scale * change


class VSRBidirectional3x(nn.Module):
    """Upscale the centre frame of a stack, three times as the original, or twice, four times, or restore it.

    Input [B, T, 3, h, w] with T = n_frames, values 0..1; output [B, 3, s·h, s·w] with
    s = ``scale``, values near 0..1 and not clamped.
    Both directions of the propagation start from the centre frame's features as their state, not from zeros: backward
    then consumes the frames after the centre one by one, forward those before it. With ``alignment`` "local" their
    features are first moved to where the centre frame has what they show; "none" is the original network. ``slope`` is
    that of the blocks' LeakyReLU, ``residual_scale`` what a block's change is multiplied by: the original's later
    versions had 0.1 and 1. ``scale`` is 1 to 4; with 1 the end is a single convolution, as there is
    nothing to shuffle, and what it makes is added to the centre frame itself.

    Raises ValueError for an even n_frames, an odd n_blocks, another scale, or a stack of another shape.
    """

    block: type[ResidualBlock] = ResidualBlock

    def __init__(
        self,
        n_feats: int = 128,
        n_blocks: int = 32,
        n_frames: int = 5,
        alignment: Alignment = "none",
        slope: float = NEGATIVE_SLOPE,
        residual_scale: float = RESIDUAL_SCALE,
        scale: int = SCALE,
    ) -> None:
        super().__init__()
        if n_frames % 2 == 0 or n_frames < 3:
            raise ValueError(f"n_frames must be odd and at least 3, not {n_frames}")
        if n_blocks % 2 or n_blocks < 2:
            raise ValueError(f"n_blocks must be even and at least 2, not {n_blocks}")
        if scale not in SCALES:
            raise ValueError(f"scale must be one of {', '.join(map(str, SCALES))}, not {scale}")
        self.n_feats, self.n_blocks, self.n_frames, self.scale = n_feats, n_blocks, n_frames, scale
        self.feat_extract = nn.Conv2d(3, n_feats, 3, padding=1)
        self.backward_fuse = nn.Conv2d(2 * n_feats, n_feats, 1)
        self.forward_fuse = nn.Conv2d(2 * n_feats, n_feats, 1)
        form = n_feats, slope, residual_scale
        self.backward_trunk = nn.Sequential(*(self.block(*form) for _ in range(n_blocks // 2)))
        self.forward_trunk = nn.Sequential(*(self.block(*form) for _ in range(n_blocks // 2)))
        self.fusion = nn.Conv2d(2 * n_feats, n_feats, 1)
        enlarging = []
        if scale > 1:
            enlarging = [nn.Conv2d(n_feats, n_feats * scale**2, 3, padding=1), nn.PixelShuffle(scale)]
        self.upsample = nn.Sequential(*enlarging, nn.Conv2d(n_feats, 3, 3, padding=1))
        self.alignment = alignment
        if alignment == "local":  # last: the other parameters begin as those of the plain form with the same seed
            self.align = LocalAlignment(n_feats)

    def forward(self, frames: Tensor) -> Tensor:
        if frames.dim() != 5 or frames.shape[1] != self.n_frames or frames.shape[2] != 3:
            raise ValueError(f"expected [B, {self.n_frames}, 3, h, w], got {list(frames.shape)}")
        later, earlier = self._extract(frames)
        backward = self._propagate(later, self.backward_fuse, self.backward_trunk)
        forward = self._propagate(earlier, self.forward_fuse, self.forward_trunk)
        fused = self.fusion(torch.cat((backward, forward), dim=1))
        centre = frames[:, self.n_frames // 2]
        if self.scale > 1:
            centre = F.interpolate(centre, scale_factor=self.scale, mode="bilinear", align_corners=False)
        return self._enlarge(fused) + centre

    def _extract(self, frames: Tensor) -> tuple[Iterable[Tensor], Iterable[Tensor]]:
        """Features from the centre frame to the last one, and from the centre frame back to the first one."""
        batch, n_frames, channels, height, width = frames.shape
        flat: Tensor = self.feat_extract(frames.reshape(batch * n_frames, channels, height, width))
        features: tuple[Tensor, ...] = flat.view(batch, n_frames, self.n_feats, height, width).unbind(dim=1)
        if self.alignment == "local":
            features = self.align(features)
        centre = n_frames // 2
        return features[centre:], features[centre::-1]

    def _enlarge(self, fused: Tensor) -> Tensor:
        """[B, n_feats, h, w] to what is added to the bilinear picture."""
        residual: Tensor = self.upsample(fused)
        return residual

    def _propagate(self, features: Iterable[Tensor], fuse: nn.Module, trunk: nn.Sequential) -> Tensor:
        """Walk over ``features``: the first (the centre frame's) is the state, each other updates it in one step."""
        state, *others = features
        for frame in others:
            state = self._next_state(state, frame, fuse, trunk)
        return state

    def _next_state(self, state: Tensor, frame: Tensor, fuse: nn.Module, trunk: nn.Sequential) -> Tensor:
        """One step of the propagation: the state and a frame's features to the next state."""
        following: Tensor = trunk(fuse(torch.cat((state, frame), dim=1)))
        return following

    def initialize(self) -> None:
        """Start as the bilinear picture: the last convolution at a tenth of its size, without bias.

        An untrained network then adds next to nothing, and the first steps learn detail instead of unlearning noise.
        Loading weights makes it irrelevant.
        """
        last = self.upsample[-1]
        assert isinstance(last, nn.Conv2d) and last.bias is not None
        with torch.no_grad():
            last.weight.mul_(0.1)
            last.bias.zero_()


@dataclass
class Activity:
    """Mean |feature| at the output of each block and fusion; scalars on the device."""

    backward_trunk: list[Tensor] = field(default_factory=list)
    forward_trunk: list[Tensor] = field(default_factory=list)
    fusions: list[Tensor] = field(default_factory=list)


@contextmanager
def measure_activity(model: VSRBidirectional3x) -> Iterator[Activity]:
    """Measure the activity of the forward pass made inside the context.

    A trunk runs once per frame; the last frame's figure is kept, when the state has seen the whole direction. Blocks
    that run again in a backward pass, to recompute their activations, do not count.
    """
    activity = Activity()
    places = (
        (activity.backward_trunk, list(model.backward_trunk)),
        (activity.forward_trunk, list(model.forward_trunk)),
        (activity.fusions, [model.backward_fuse, model.forward_fuse, model.fusion]),
    )
    gate = _Gate()
    handles = [model.register_forward_pre_hook(gate.open), model.register_forward_hook(gate.close)]
    for figures, modules in places:
        for index, module in enumerate(modules):
            figures.append(torch.zeros(()))
            handles.append(module.register_forward_hook(_Recorder(figures, index, gate)))
    try:
        yield activity
    finally:
        for handle in handles:
            handle.remove()


class _Gate:
    """Open while the network's forward pass runs."""

    def __init__(self) -> None:
        self.is_open = False

    def open(self, *_: object) -> None:
        self.is_open = True

    def close(self, *_: object) -> None:
        self.is_open = False


class _Recorder:
    def __init__(self, figures: list[Tensor], index: int, gate: _Gate) -> None:
        self._figures, self._index, self._gate = figures, index, gate

    def __call__(self, module: nn.Module, inputs: object, output: Tensor) -> None:
        if self._gate.is_open:
            self._figures[self._index] = output.detach().abs().mean(dtype=torch.float32)
