"""The hybrid loss, and the sharpness that its weights follow.

The parts are returned one by one and on the device, so that a step can report them without waiting for them.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class LossWeights(NamedTuple):
    """Weights of the three parts; they sum to 1."""

    l1: float
    ms: float
    grad: float


class LossParts(NamedTuple):
    """Scalars on the device. ``edges`` is the mean |gradient| of the prediction, ``target_edges`` the target's."""

    l1: Tensor
    ms: Tensor
    grad: Tensor
    edges: Tensor
    target_edges: Tensor

    def total(self, weights: LossWeights) -> Tensor:
        return weights.l1 * self.l1 + weights.ms * self.ms + weights.grad * self.grad

    @property
    def sharpness(self) -> Tensor:
        return sharpness(self.edges, self.target_edges)


def hybrid_loss(prediction: Tensor, target: Tensor) -> LossParts:
    """L1, multi-scale L1 (after 2x2 average pooling) and gradient L1 of two pictures [B, 3, H, W].

    Grad compares the *absolute* forward differences of both, in x and in y, and averages the two means.
    """
    l1 = F.l1_loss(prediction, target)
    ms = F.l1_loss(F.avg_pool2d(prediction, 2), F.avg_pool2d(target, 2))
    prediction_x, prediction_y = _absolute_differences(prediction)
    target_x, target_y = _absolute_differences(target)
    grad = 0.5 * (F.l1_loss(prediction_x, target_x) + F.l1_loss(prediction_y, target_y))
    edges = prediction_x.detach().mean() + prediction_y.detach().mean()
    return LossParts(l1, ms, grad, edges, target_x.mean() + target_y.mean())


@torch.no_grad()
def bicubic_edges(frames: Tensor, scale: int) -> Tensor:
    """Mean |gradient|, as in LossParts, of the bicubic centre frame of stacks [B, T, 3, h, w] in 0..1."""
    centre = frames[:, frames.shape[1] // 2].float()
    # antialias chooses the kernel of the pictures called LR (a = -0.5); it filters nothing when enlarging
    picture = F.interpolate(centre, scale_factor=scale, mode="bicubic", antialias=True).clamp(0, 1)
    in_x, in_y = _absolute_differences(picture)
    return in_x.mean() + in_y.mean()


def sharpness(edges: Tensor, target_edges: Tensor) -> Tensor:
    """Mean |gradient| of predictions over that of their targets: 1 is as sharp as the ground truth.

    Over many pictures it is the ratio of the means, not the mean of the ratios, so that flat pictures count little.
    """
    return edges / target_edges.clamp_min(1e-8)  # a flat target has no sharpness to match


def _absolute_differences(image: Tensor) -> tuple[Tensor, Tensor]:
    in_x = (image[..., :, 1:] - image[..., :, :-1]).abs()
    in_y = (image[..., 1:, :] - image[..., :-1, :]).abs()
    return in_x, in_y
