"""The end of the network, two convolutions with a pixel shuffle between them, as one convolution.

Nothing nonlinear lies between the two, so together they are one convolution of 5x5 from n feature maps to 27 and a
shuffle, at a scale of 3 (12 at 2, 48 at 4): an eighth of the multiplications at n = 64, and the inner picture of nine
times the feature maps is never made. Separate from lean.py because it is arithmetic on weights, tested for itself.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def enlarge_folded(upsample: nn.Sequential, features: Tensor) -> Tensor:
    """``upsample`` of ``features``, [B, n, h, w] to [B, 3, s·h, s·w]: the same up to rounding, gradients too.

    ``upsample`` is that of a ``VSRBidirectional3x`` that enlarges, s > 1. Its second convolution pads the inner picture
    with zeros where the folded one would go on with what the first makes of the padding of ``features``. That reaches
    the outermost ring of pixels only, which comes from strips of two rows and columns in the plain way.
    """
    weight, bias = fold(upsample)
    picture = F.pixel_shuffle(F.conv2d(features, weight, bias, padding=2), _scale(upsample))
    top, bottom = upsample(torch.cat((features[..., :2, :], features[..., -2:, :]))).chunk(2)
    left, right = upsample(torch.cat((features[..., :2], features[..., -2:]))).chunk(2)
    picture[..., :1, :], picture[..., -1:, :] = top[..., :1, :], bottom[..., -1:, :]
    picture[..., :1], picture[..., -1:] = left[..., :1], right[..., -1:]
    return picture


def fold(upsample: nn.Sequential) -> tuple[Tensor, Tensor]:
    """Weight [3s², n, 5, 5] and bias [3s²] of the convolution, of the same parameters, in their own precision.

    A convolution's weight is its mirrored answer to an impulse: what the shuffle and the second convolution make of the
    first one's answers is the answer of all three.
    """
    first, _, last = upsample
    assert isinstance(first, nn.Conv2d) and isinstance(last, nn.Conv2d) and first.bias is not None
    scale = _scale(upsample)
    with torch.autocast(first.weight.device.type, enabled=False):
        answers = F.pad(first.weight.flip(-2, -1).transpose(0, 1), (1, 1, 1, 1))
        folded = F.conv2d(F.pixel_shuffle(answers, scale), last.weight, padding=1)
        weight = F.pixel_unshuffle(folded, scale).transpose(0, 1).flip(-2, -1)
        constant = F.pixel_shuffle(first.bias.view(1, -1, 1, 1), scale)
        offsets = F.conv2d(F.pad(constant, (1, 1, 1, 1), mode="circular"), last.weight, last.bias)
        return weight, F.pixel_unshuffle(offsets, scale).flatten()


def _scale(upsample: nn.Sequential) -> int:
    shuffle = upsample[1]
    assert isinstance(shuffle, nn.PixelShuffle)
    return shuffle.upscale_factor
