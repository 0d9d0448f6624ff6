"""Local alignment: neighbouring frames' features moved to where the centre frame has what they show.

Separate from model.py because the plain form of the network has no part in it. Learned with the rest, from nothing; of
operations that ONNX knows.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STRIDE = 2
"""Motion is looked for on a grid of half the LR resolution: a quarter of the work, twice the reach."""
RADIUS = 3
"""Offsets tried to each side, in places of that grid: motion of up to 6 LR pixels from the centre frame."""
OFFSETS = (2 * RADIUS + 1) ** 2
KEYS = 16
"""Channels of what is compared."""
SLOPE = 0.2
FIRST_SHARPNESS = 10.0

REACH = 15
"""LR pixels to each side that a moved feature depends on features of: 1 + 2 of the keys' convolutions, 6 of the
window, 2 of the convolution over offsets, 2 between the places of the grid, and 2 where a tile ends amid a place. What
is fetched lies nearer: at 6, and 1 for the interpolation."""


class LocalAlignment(nn.Module):
    """Features of a stack, [B, C, h, w] each, to the same with all but the centre's moved; of one neighbour and the
    centre frame, in this order, too.

    For each place of a grid of half the resolution the centre's key is compared with those around the same place in a
    neighbour; the mean of the offsets, weighted by a softmax over the similarities, is the motion, and the neighbour's
    features are fetched from there by bilinear interpolation.
    """

    def __init__(self, n_feats: int) -> None:
        super().__init__()
        self.keys = nn.Sequential(
            nn.Conv2d(n_feats, KEYS, 3, stride=STRIDE, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(KEYS, KEYS, 3, padding=1),
        )
        self.sharpness = nn.Parameter(torch.tensor(FIRST_SHARPNESS))
        self.context = nn.Conv2d(OFFSETS, OFFSETS, 3, padding=1)
        """What the similarities around a place say about its own."""
        nn.init.zeros_(self.context.weight)
        nn.init.zeros_(self.context.bias)  # type: ignore[arg-type]

    def forward(self, features: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        centre = len(features) // 2
        others = [*features[:centre], *features[centre + 1 :]]
        moved = _parts(_fetch(torch.cat(others), self._motion(features)), len(others))
        return (*moved[:centre], features[centre], *moved[centre:])

    def _motion(self, features: tuple[Tensor, ...]) -> Tensor:
        """LR pixels, [N B, 2, h, w]: x and y from a place in the centre frame to the same in each of N neighbours."""
        centre, (height, width) = len(features) // 2, features[0].shape[-2:]
        keys = _at_least_single(self.keys(torch.cat(features)))
        others = list(_parts(F.normalize(keys, dim=1), len(features)))
        own = others.pop(centre)
        similar = self.sharpness * _similarities(own, others)
        share = (similar + self.context(similar)).softmax(dim=1).unflatten(1, (2 * RADIUS + 1, -1))
        offsets = torch.arange(-RADIUS, RADIUS + 1, dtype=share.dtype, device=share.device).view(-1, 1, 1)
        motion = STRIDE * torch.stack(((share.sum(1) * offsets).sum(1), (share.sum(2) * offsets).sum(1)), dim=1)
        fine = F.interpolate(motion, scale_factor=STRIDE, mode="bilinear", align_corners=False)
        return fine[..., :height, :width]


def _similarities(own: Tensor, others: list[Tensor]) -> Tensor:
    """Cosines between keys [B, C, h, w] of the centre and those of N neighbours at each offset, [N B, offsets, h, w].

    Beyond the picture its edge is repeated: with zeros there, all motion near an edge would seem to point inwards.
    """
    height, width = own.shape[-2:]
    padded = F.pad(torch.cat(others), (RADIUS,) * 4, mode="replicate")
    repeated = torch.cat((own,) * len(others))
    side = range(2 * RADIUS + 1)
    windows = (padded[..., y : y + height, x : x + width] for y in side for x in side)
    return torch.stack([(repeated * window).sum(1) for window in windows], dim=1)


def _fetch(features: Tensor, motion: Tensor) -> Tensor:
    """``features`` [B, C, h, w] from where ``motion`` [B, 2, h, w] points, LR pixels."""
    height, width = features.shape[-2:]
    x = torch.arange(width, dtype=motion.dtype, device=motion.device) + motion[:, 0]
    y = torch.arange(height, dtype=motion.dtype, device=motion.device).unsqueeze(1) + motion[:, 1]
    grid = torch.stack(((2 * x + 1) / width - 1, (2 * y + 1) / height - 1), dim=-1)
    moved = F.grid_sample(_at_least_single(features), grid, padding_mode="border", align_corners=False)
    return moved.to(features.dtype)


def _parts(together: Tensor, count: int) -> tuple[Tensor, ...]:
    """Undoes ``torch.cat`` of ``count`` tensors; ``chunk`` would fix the batch's size in an exported graph."""
    parts: tuple[Tensor, ...] = together.unflatten(0, (count, -1)).unbind()
    return parts


def _at_least_single(values: Tensor) -> Tensor:
    """Positions and similarities need more bits than half precision has."""
    return values.to(torch.promote_types(values.dtype, torch.float32))
