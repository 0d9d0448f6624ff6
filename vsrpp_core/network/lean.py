"""The same network with less memory and less traffic: the form that is trained, and that upscales.

Parameters, their names and the function are those of the plain network in model.py, against which this one is tested;
a checkpoint of one is a checkpoint of the other.
"""

from collections.abc import Iterable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from vsrpp_core.messages.kinds import Alignment, Checkpointing
from vsrpp_core.network.folded import enlarge_folded
from vsrpp_core.network.model import NEGATIVE_SLOPE, RESIDUAL_SCALE, SCALE, ResidualBlock, VSRBidirectional3x


class LeanResidualBlock(ResidualBlock):
    """Two feature maps kept for the backward pass instead of three, one elementwise pass instead of two.

    Without a backward pass three exist at once.
    """

    def forward(self, x: Tensor) -> Tensor:
        inner = F.leaky_relu_(self.conv1(x), self.slope)  # in place: no backward pass needs what it overwrites
        change: Tensor = self.conv2(inner)
        if torch.is_grad_enabled():
            return torch.add(x, change, alpha=self.scale)
        del inner
        return torch.add(x, change, alpha=self.scale, out=change)


class LeanVSR(VSRBidirectional3x):
    """``VSRBidirectional3x`` for training, with activations kept as ``checkpointing`` says, and for inference.

    ``none`` keeps all of them for the backward pass. ``block`` keeps the input of each residual block and ``trunk`` the
    two inputs of each step of the propagation, fuse and trunk together; everything between is recomputed in the
    backward pass. All three have the same output and gradients. With ``folded`` the two last convolutions are computed
    as one, composed anew in each forward pass: output and gradients differ in rounding; with a scale of 1 there is one.

    Without gradients the end is folded, and a frame's features are extracted when the propagation comes to them: five
    feature maps exist at once, seven with local alignment, however many frames there are. The picture is that of the
    plain form up to rounding.
    """

    block = LeanResidualBlock

    def __init__(
        self,
        n_feats: int = 128,
        n_blocks: int = 32,
        n_frames: int = 5,
        checkpointing: Checkpointing = "none",
        alignment: Alignment = "none",
        folded: bool = False,
        slope: float = NEGATIVE_SLOPE,
        residual_scale: float = RESIDUAL_SCALE,
        scale: int = SCALE,
    ) -> None:
        super().__init__(n_feats, n_blocks, n_frames, alignment, slope, residual_scale, scale)
        self._checkpointing, self._folded = checkpointing, folded

    def _extract(self, frames: Tensor) -> tuple[Iterable[Tensor], Iterable[Tensor]]:
        if torch.is_grad_enabled():
            return super()._extract(frames)
        centre, features_of = self.n_frames // 2, partial(self._features_of, frames)
        return map(features_of, range(centre, self.n_frames)), map(features_of, range(centre, -1, -1))

    def _features_of(self, frames: Tensor, index: int) -> Tensor:
        """Of one frame of the stacks; the centre frame's are extracted again for whoever needs them."""
        features: Tensor = self.feat_extract(frames[:, index])
        centre = self.n_frames // 2
        if self.alignment == "local" and index != centre:
            features, _ = self.align((features, self.feat_extract(frames[:, centre])))
        return features

    def _enlarge(self, fused: Tensor) -> Tensor:
        if self.scale > 1 and (self._folded or not torch.is_grad_enabled()):
            return enlarge_folded(self.upsample, fused)
        return super()._enlarge(fused)

    def _propagate(self, features: Iterable[Tensor], fuse: nn.Module, trunk: nn.Sequential) -> Tensor:
        if torch.is_grad_enabled():
            return super()._propagate(features, fuse, trunk)
        following = iter(features)
        state = next(following)
        for frame in following:
            state = torch.cat((state, frame), dim=1)
            del frame  # each name that outlives its use would cost a feature map
            state = fuse(state)
            for block in trunk:
                state = block(state)
        return state

    def _next_state(self, state: Tensor, frame: Tensor, fuse: nn.Module, trunk: nn.Sequential) -> Tensor:
        if self._checkpointing == "none":
            return super()._next_state(state, frame, fuse, trunk)
        if self._checkpointing == "trunk":
            return _recomputed(super()._next_state, state, frame, fuse, trunk)
        features: Tensor = fuse(torch.cat((state, frame), dim=1))
        for block in trunk:
            features = _recomputed(block, features)
        return features


def _recomputed(function: Any, *inputs: Any) -> Tensor:
    """``function`` of ``inputs``, recomputed in the backward pass; nothing in the network is random."""
    output: Tensor = checkpoint(function, *inputs, use_reentrant=False, preserve_rng_state=False)
    return output
