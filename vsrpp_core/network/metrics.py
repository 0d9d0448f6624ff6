"""PSNR, SSIM and quality as the field measures them (BasicSR's conventions).

Pictures are tensors [B, C, H, W] of 8-bit values 0..255 in any dtype, on any device; arithmetic is float64 unless it
is said otherwise. No border is cropped here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean

import torch
from torch import Tensor

SSIM_WINDOW = 11
SSIM_SIGMA = 1.5
MIDDLE = 128.0
"""Of the levels."""

PSNR_CEILING = 100.0
"""dB; the score of a pixel-perfect picture (an all-black one, say), so that the mean stays finite."""


def to_8bit(image: Tensor) -> Tensor:
    """Values 0..1 clamped and rounded to uint8 0..255."""
    return (image.float() * 255).round_().clamp_(0, 255).to(torch.uint8)


def luma(rgb: Tensor) -> Tensor:
    """BT.601 studio-range Y of 8-bit RGB [B, 3, H, W], as float64 [B, 1, H, W] in 16..235, not rounded."""
    weights = torch.tensor([65.481, 128.553, 24.966], dtype=torch.float64, device=rgb.device)
    return (rgb.double() * weights.view(1, 3, 1, 1)).sum(dim=1, keepdim=True) / 255 + 16


def psnr(image: Tensor, reference: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB over all channels, [B]; infinite where the pictures are equal."""
    if image.dtype == reference.dtype == torch.uint8:  # whole numbers, exact in far less memory
        squares = (image.short() - reference.short()).float().square_()
    else:
        squares = (image.double() - reference.double()).square()
    error = squares.flatten(1).mean(dim=1, dtype=torch.float64)
    return 10 * torch.log10(255.0**2 / error)


def ssim(image: Tensor, reference: Tensor, dtype: torch.dtype = torch.float64) -> Tensor:
    """Structural similarity, mean over the valid region and over channels, float64 [B].

    Gaussian window 11x11 with sigma 1.5, K1 = 0.01, K2 = 0.03 and population covariance (Wang et al. 2004). Computed in
    ``dtype``: float32 takes a third of the time and is off by less than 1e-5. Raises ValueError for pictures smaller
    than the window.
    """
    if min(image.shape[-2:]) < SSIM_WINDOW:
        raise ValueError(f"SSIM needs at least {SSIM_WINDOW}x{SSIM_WINDOW} pixels, got {list(image.shape[-2:])}")
    channels = [
        _ssim_of_channel(image[:, channel].to(dtype), reference[:, channel].to(dtype))  # one at a time stays in caches
        for channel in range(image.shape[1])
    ]
    return torch.stack(channels).mean(dim=0)


def _ssim_of_channel(x: Tensor, y: Tensor) -> Tensor:
    """[B, H, W] to [B].

    Written with the sum and the difference of the pictures, of which each factor of SSIM is 1 less a share: the share
    of the difference is small where pictures are alike, and float32 then loses nothing in it. The sum is taken around
    0, where its variance is not the difference of two large numbers.
    """
    around = 2 * MIDDLE
    total, difference = (x + y).sub_(around), x - y
    planes = torch.stack((total, difference, total.square(), difference.square()))
    mean_total, mean_difference, of_total, of_difference = _blur(planes)
    variance_total = of_total.sub_(mean_total.square())
    brightness, variance = mean_difference.square_(), of_difference
    variance.sub_(brightness)
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    unlike_brightness = 2 * brightness / mean_total.add_(around).square_().add_(brightness).add_(2 * c1)
    unlike_structure = 2 * variance / variance_total.add_(variance).add_(2 * c2)
    likeness: Tensor = (1 - unlike_brightness).mul_(1 - unlike_structure)
    return likeness.flatten(1).mean(dim=1, dtype=torch.float64)


@dataclass(frozen=True, slots=True)
class Score:
    """PSNR in dB, at most PSNR_CEILING, and SSIM 0..1, of one picture or the means over many."""

    psnr: float
    ssim: float

    @property
    def quality(self) -> float:
        return quality(self.psnr, self.ssim)


def score(image: Tensor, reference: Tensor) -> Score:
    """Of one picture [1, C, H, W]."""
    return Score(min(float(psnr(image, reference)), PSNR_CEILING), float(ssim(image, reference)))


def device_score(image: Tensor, reference: Tensor) -> Tensor:
    """PSNR, at most PSNR_CEILING, and SSIM of one picture [1, C, H, W], float64 [2] on its device: nothing is waited
    for. SSIM is computed in float32."""
    return torch.cat((psnr(image, reference).clamp(max=PSNR_CEILING), ssim(image, reference, torch.float32)))


def mean_score(scores: Iterable[Score]) -> Score:
    """Of at least one score, each counting the same."""
    scores = list(scores)
    return Score(fmean(s.psnr for s in scores), fmean(s.ssim for s in scores))


def mean_over_clips(scores: Iterable[tuple[str, Score]]) -> Score:
    """Of (clip, score): mean over clips of the mean over each one's scores, so that all clips count the same."""
    clips: dict[str, list[Score]] = {}
    for clip, one in scores:
        clips.setdefault(clip, []).append(one)
    return mean_score(map(mean_score, clips.values()))


def quality(psnr_db: float, ssim_value: float) -> float:
    """0.7 clip((PSNR - 20) / 30, 0, 1) + 0.3 SSIM: one figure by which the best checkpoint is chosen, 0..1."""
    return 0.7 * min(max((psnr_db - 20) / 30, 0.0), 1.0) + 0.3 * ssim_value


def _blur(image: Tensor) -> Tensor:
    """Valid-region Gaussian blur of planes, columns then rows.

    A sum of shifted planes: torch's convolution of single planes on a CPU copies every window first, eight times
    slower, and on a card TF32 might round it.
    """
    offsets = torch.arange(SSIM_WINDOW, dtype=torch.float64) - SSIM_WINDOW // 2
    kernel = torch.exp(-offsets.square() / (2 * SSIM_SIGMA**2))
    kernel = kernel / kernel.sum()
    return _correlate(_correlate(image, kernel, dim=-2), kernel, dim=-1)


def _correlate(image: Tensor, kernel: Tensor, dim: int) -> Tensor:
    """Valid-region correlation along one dimension."""
    size = image.shape[dim] - len(kernel) + 1
    first, *weights = kernel.tolist()
    total: Tensor = image.narrow(dim, 0, size) * first
    for shift, weight in enumerate(weights, start=1):
        total.add_(image.narrow(dim, shift, size), alpha=weight)
    return total
