"""PSNR, SSIM and quality as the field measures them (BasicSR's conventions).

Pictures are tensors [B, C, H, W] of 8-bit values 0..255 in any dtype; arithmetic is float64. No border is cropped here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean

import torch
from torch import Tensor

SSIM_WINDOW = 11
SSIM_SIGMA = 1.5

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
    error = (image.double() - reference.double()).square().flatten(1).mean(dim=1)
    return 10 * torch.log10(255.0**2 / error)


def ssim(image: Tensor, reference: Tensor) -> Tensor:
    """Structural similarity, mean over the valid region and over channels, [B].

    Gaussian window 11x11 with sigma 1.5, K1 = 0.01, K2 = 0.03 and population covariance (Wang et al. 2004).
    Raises ValueError for pictures smaller than the window.
    """
    if min(image.shape[-2:]) < SSIM_WINDOW:
        raise ValueError(f"SSIM needs at least {SSIM_WINDOW}x{SSIM_WINDOW} pixels, got {list(image.shape[-2:])}")
    x, y = image.double(), reference.double()
    mean_x, mean_y = _blur(x), _blur(y)
    variance_x = _blur(x * x) - mean_x.square()
    variance_y = _blur(y * y) - mean_y.square()
    covariance = _blur(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    likeness = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    energy = (mean_x.square() + mean_y.square() + c1) * (variance_x + variance_y + c2)
    return (likeness / energy).flatten(1).mean(dim=1)


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
    """Valid-region Gaussian blur of float64 planes, rows then columns.

    A sum of shifted planes: torch's float64 convolution on a CPU copies every window first, eight times slower.
    """
    offsets = torch.arange(SSIM_WINDOW, dtype=torch.float64) - SSIM_WINDOW // 2
    kernel = torch.exp(-offsets.square() / (2 * SSIM_SIGMA**2))
    kernel = kernel / kernel.sum()
    return _correlate(_correlate(image, kernel, dim=-1), kernel, dim=-2)


def _correlate(image: Tensor, kernel: Tensor, dim: int) -> Tensor:
    """Valid-region correlation along one dimension."""
    size = image.shape[dim] - len(kernel) + 1
    total = torch.zeros_like(image.narrow(dim, 0, size))
    for shift, weight in enumerate(kernel.tolist()):
        total.add_(image.narrow(dim, shift, size), alpha=weight)
    return total
