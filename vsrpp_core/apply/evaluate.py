"""Scores of a network on ground-truth clips beside bicubic, by the field's protocol.

Each ground-truth frame is cropped to a multiple of 3 and downscaled three times (bicubic, antialiased, 8 bit) to make
the LR clip; every frame is upscaled from its window (the first and last frame are repeated at the ends) and scored.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vsrpp_core.data import video
from vsrpp_core.data.degrade import downscale3, upscale3
from vsrpp_core.data.stacked import read_image
from vsrpp_core.errors import VsrppError
from vsrpp_core.network.metrics import SSIM_WINDOW, luma, psnr, ssim, to_8bit
from vsrpp_core.network.model import SCALE, VSRBidirectional3x
from vsrpp_core.run import checkpoints
from vsrpp_core.run.config import Precision
from vsrpp_core.training.hardware import Hardware, choose_hardware

FRAME_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})
Frame = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Scores:
    """Mean over frames: PSNR in dB, SSIM 0..1."""

    psnr: float
    ssim: float


@dataclass(frozen=True, slots=True)
class ClipScores:
    clip: str
    frames: int
    bicubic_y: Scores
    ki_y: Scores
    bicubic_rgb: Scores
    ki_rgb: Scores


@dataclass(frozen=True, slots=True)
class EvaluationProgress:
    clip: str
    done: int
    total: int


def evaluate(
    checkpoint: Path, clips: list[Path], border: int, precision: Precision
) -> Iterator[EvaluationProgress | ClipScores]:
    """Score ``checkpoint`` on each clip (a folder of frames or a video): progress per frame, then the clip's scores."""
    hardware = choose_hardware(precision)
    model = load_network(checkpoint, hardware)
    for clip in clips:
        yield from _evaluate_clip(model, hardware, clip, border)


def mean_scores(rows: list[ClipScores]) -> ClipScores:
    """Mean over clips, each clip counting the same."""

    def mean(name: str) -> Scores:
        scores: list[Scores] = [getattr(row, name) for row in rows]
        return Scores(fmean(s.psnr for s in scores), fmean(s.ssim for s in scores))

    parts = {name: mean(name) for name in ("bicubic_y", "ki_y", "bicubic_rgb", "ki_rgb")}
    return ClipScores(clip="mean", frames=sum(row.frames for row in rows), **parts)


def load_network(checkpoint: Path, hardware: Hardware) -> VSRBidirectional3x:
    """The network of a checkpoint, on the device, ready for inference."""
    state = checkpoints.load(checkpoint)
    shape = state["config"]["model"]
    model = VSRBidirectional3x(shape["n_feats"], shape["n_blocks"], shape["n_frames"])
    model.load_state_dict(state["model"])
    return model.to(hardware.device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload, no-any-return]


def _evaluate_clip(
    model: VSRBidirectional3x, hardware: Hardware, clip: Path, border: int
) -> Iterator[EvaluationProgress | ClipScores]:
    truth = [_crop_to_scale(frame) for frame in _read_frames(clip)]
    if not truth:
        raise VsrppError(f"{clip} holds no frames; name a folder of images or a video")
    if any(frame.shape != truth[0].shape for frame in truth):
        raise VsrppError(f"{clip} holds frames of different sizes; name a folder of one clip's frames")
    if border < 0 or 2 * border + SSIM_WINDOW > min(truth[0].shape[:2]):
        raise VsrppError(f"--border {border} does not fit the frames of {clip}; choose 0 or a few pixels")
    lr = [downscale3(frame) for frame in truth]
    scored: list[tuple[Scores, Scores, Scores, Scores]] = []
    for index, reference in enumerate(truth):
        ki, bicubic = _upscale(model, hardware, window(lr, index, model.n_frames)), upscale3(lr[index])
        scored.append((*_scores(bicubic, reference, border), *_scores(ki, reference, border)))
        yield EvaluationProgress(clip.name, index + 1, len(truth))
    bicubic_y, bicubic_rgb, ki_y, ki_rgb = (
        Scores(fmean(s.psnr for s in column), fmean(s.ssim for s in column)) for column in zip(*scored, strict=True)
    )
    yield ClipScores(clip.name, len(truth), bicubic_y, ki_y, bicubic_rgb, ki_rgb)


def window(frames: list[Frame], centre: int, n_frames: int) -> NDArray[np.uint8]:
    """The stack [T, h, w, 3] around ``centre``; the first and last frame stand in for those beyond the ends."""
    half = n_frames // 2
    places = (min(max(centre + offset, 0), len(frames) - 1) for offset in range(-half, half + 1))
    return np.stack([frames[place] for place in places])


def _upscale(model: VSRBidirectional3x, hardware: Hardware, frames: NDArray[np.uint8]) -> Frame:
    stack = torch.from_numpy(frames).permute(0, 3, 1, 2).unsqueeze(0).to(hardware.device).float() / 255
    with torch.inference_mode(), hardware.autocast():
        return np.asarray(to_8bit(model(stack))[0].permute(1, 2, 0).cpu().numpy())


def _scores(image: Frame, reference: Frame, border: int) -> tuple[Scores, Scores]:
    """Y and RGB."""
    x, y = _as_batch(image, border), _as_batch(reference, border)
    x_luma, y_luma = luma(x), luma(y)
    in_y = Scores(float(psnr(x_luma, y_luma)), float(ssim(x_luma, y_luma)))
    return in_y, Scores(float(psnr(x, y)), float(ssim(x, y)))


def _as_batch(image: Frame, border: int) -> Tensor:
    height, width = image.shape[:2]
    inner = image[border : height - border, border : width - border].copy()
    return torch.from_numpy(inner).permute(2, 0, 1).unsqueeze(0)


def _crop_to_scale(frame: Frame) -> Frame:
    height, width = frame.shape[:2]
    return frame[: height - height % SCALE, : width - width % SCALE]


def _read_frames(clip: Path) -> Iterator[Frame]:
    if clip.is_dir():
        for path in sorted(p for p in clip.iterdir() if p.suffix.lower() in FRAME_SUFFIXES):
            yield read_image(path)
    else:
        yield from video.frames(clip)
