"""The same network with less memory and less traffic: the form that is trained.

Parameters, their names and the function are those of the plain network in model.py, against which this one is tested;
a checkpoint of one is a checkpoint of the other.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from vsrpp_core.messages.events import Alignment, Checkpointing
from vsrpp_core.network.model import NEGATIVE_SLOPE, RESIDUAL_SCALE, ResidualBlock, VSRBidirectional3x


class LeanResidualBlock(ResidualBlock):
    """Two feature maps kept for the backward pass instead of three, one elementwise pass instead of two."""

    def forward(self, x: Tensor) -> Tensor:
        inner = F.leaky_relu_(self.conv1(x), NEGATIVE_SLOPE)  # in place: no backward pass needs what it overwrites
        return torch.add(x, self.conv2(inner), alpha=RESIDUAL_SCALE)


class LeanVSR(VSRBidirectional3x):
    """``VSRBidirectional3x`` for training, with activations kept as ``checkpointing`` says.

    ``none`` keeps all of them for the backward pass. ``block`` keeps the input of each residual block and ``trunk`` the
    two inputs of each step of the propagation, fuse and trunk together; everything between is recomputed in the
    backward pass. All three have the same output and gradients.
    """

    block = LeanResidualBlock

    def __init__(
        self,
        n_feats: int = 128,
        n_blocks: int = 32,
        n_frames: int = 5,
        checkpointing: Checkpointing = "none",
        alignment: Alignment = "none",
    ) -> None:
        super().__init__(n_feats, n_blocks, n_frames, alignment)
        self._checkpointing = checkpointing

    def _next_state(self, state: Tensor, frame: Tensor, fuse: nn.Module, trunk: nn.Sequential) -> Tensor:
        if self._checkpointing == "none" or not torch.is_grad_enabled():
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
