"""Score of a network on ground-truth clips beside bicubic, by the field's protocol.

Each ground-truth frame is cropped to a multiple of 3 and downscaled three times (bicubic, antialiased, 8 bit) to make
the LR clip; every frame is upscaled from its window (the first and last frame are repeated at the ends) and scored.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vsrpp_core.data import video
from vsrpp_core.data.degrade import downscale3, upscale3
from vsrpp_core.data.stacked import read_image
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages.events import WarningRaised
from vsrpp_core.network.memory import is_out_of_memory
from vsrpp_core.network.metrics import SSIM_WINDOW, Score, luma, mean_score, score
from vsrpp_core.network.model import SCALE, VSRBidirectional3x
from vsrpp_core.run import checkpoints
from vsrpp_core.run.config import Precision
from vsrpp_core.training.hardware import Hardware, choose_hardware
from vsrpp_core.training.inference import FrameUpscaler

FRAME_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})
SMALLEST_SIDE = -(-SSIM_WINDOW // SCALE) * SCALE
"""Pixels; cropped to a multiple of 3, a shorter side would be shorter than SSIM's window."""

Frame = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class ClipScores:
    clip: str
    frames: int
    bicubic_y: Score
    ki_y: Score
    bicubic_rgb: Score
    ki_rgb: Score


@dataclass(frozen=True, slots=True)
class EvaluationProgress:
    """``total`` is a video's own estimate, never less than ``done``; 0 where it has none."""

    clip: str
    done: int
    total: int


def evaluate(
    checkpoint: Path, clips: list[Path], border: int, precision: Precision
) -> Iterator[EvaluationProgress | WarningRaised | ClipScores]:
    """Score ``checkpoint`` on each clip (a folder of frames or a video): progress per frame, then the clip's scores.

    Frames that do not fit into the device's memory are upscaled in tiles, which a warning tells once.
    """
    hardware = choose_hardware(precision)
    hardware.apply()
    model, upscaler = load_network(checkpoint, hardware), FrameUpscaler(hardware)
    for clip in clips:
        yield from _evaluate_clip(model, upscaler, clip, border)


def mean_scores(rows: list[ClipScores]) -> ClipScores:
    """Mean over clips, each clip counting the same."""

    def mean(name: str) -> Score:
        return mean_score(getattr(row, name) for row in rows)

    parts = {name: mean(name) for name in ("bicubic_y", "ki_y", "bicubic_rgb", "ki_rgb")}
    return ClipScores(clip="mean", frames=sum(row.frames for row in rows), **parts)


def load_network(checkpoint: Path, hardware: Hardware) -> VSRBidirectional3x:
    """The network of a checkpoint, on the device, ready for inference."""
    state = checkpoints.load(checkpoint)
    shape = state["config"]["model"]
    model = VSRBidirectional3x(shape["n_feats"], shape["n_blocks"], shape["n_frames"])
    model.load_state_dict(checkpoints.network_weights(state))
    return model.to(hardware.device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload, no-any-return]


def _evaluate_clip(
    model: VSRBidirectional3x, upscaler: FrameUpscaler, clip: Path, border: int
) -> Iterator[EvaluationProgress | WarningRaised | ClipScores]:
    expected, frames = _open_clip(clip)
    scored: list[tuple[Score, Score, Score, Score]] = []
    for stack, truth in windows(_ground_truth(clip, frames, border), model.n_frames):
        ki, bicubic = _upscale(model, upscaler, clip, stack), upscale3(stack[len(stack) // 2])
        yield from upscaler.warnings()
        scored.append((*_scores(bicubic, truth, border), *_scores(ki, truth, border)))
        total = max(expected, len(scored)) if expected else 0
        yield EvaluationProgress(clip.name, len(scored), total)
    bicubic_y, bicubic_rgb, ki_y, ki_rgb = map(mean_score, zip(*scored, strict=True))
    yield ClipScores(clip.name, len(scored), bicubic_y, ki_y, bicubic_rgb, ki_rgb)


def windows(truth: Iterable[Frame], n_frames: int) -> Iterator[tuple[NDArray[np.uint8], Frame]]:
    """For each ground-truth frame the LR stack [T, h, w, 3] around it, and itself.

    The first and last frame stand in for those beyond the ends. No more than a window of frames is held: a minute of
    1080p would take 9 GB.
    """
    lr: deque[Frame] = deque(maxlen=n_frames)
    waiting: deque[Frame] = deque()
    for frame in truth:
        small = downscale3(frame)
        lr.extend([small] if lr else [small] * (n_frames // 2 + 1))
        waiting.append(frame)
        if len(lr) == n_frames:
            yield np.stack(lr), waiting.popleft()
    while waiting:
        lr.append(lr[-1])
        if len(lr) == n_frames:
            yield np.stack(lr), waiting.popleft()


def _upscale(model: VSRBidirectional3x, upscaler: FrameUpscaler, clip: Path, stack: NDArray[np.uint8]) -> Frame:
    try:
        picture = upscaler.upscale(model, stack)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        height, width = stack.shape[1:3]
        raise VsrppError(
            f"the device has too little free memory for {clip}, LR frames of {width}x{height}, even in tiles; "
            "end what else uses it and try again"
        ) from error
    if picture is None:
        raise VsrppError(f"the network's pictures of {clip} are not finite; try --precision fp32 or another checkpoint")
    return picture


def _scores(image: Frame, reference: Frame, border: int) -> tuple[Score, Score]:
    """Y and RGB."""
    x, y = _as_batch(image, border), _as_batch(reference, border)
    return score(luma(x), luma(y)), score(x, y)


def _as_batch(image: Frame, border: int) -> Tensor:
    height, width = image.shape[:2]
    inner = image[border : height - border, border : width - border].copy()
    return torch.from_numpy(inner).permute(2, 0, 1).unsqueeze(0)


def _open_clip(clip: Path) -> tuple[int, Iterator[Frame]]:
    """How many frames to expect (0: unknown) and the frames, read one by one."""
    if clip.is_dir():
        paths = sorted(path for path in clip.iterdir() if path.suffix.lower() in FRAME_SUFFIXES)
        return len(paths), map(read_image, paths)
    return video.probe(clip).frames, video.frames(clip)


def _ground_truth(clip: Path, frames: Iterator[Frame], border: int) -> Iterator[Frame]:
    """The frames cropped to a multiple of 3; VsrppError where they cannot be scored."""
    size = None
    for frame in frames:
        height, width = frame.shape[:2]
        truth = frame[: height - height % SCALE, : width - width % SCALE]
        if size is None:
            _refuse_unfit(clip, height, width, border)
            size = truth.shape
        elif truth.shape != size:
            raise VsrppError(f"{clip} holds frames of different sizes; name a folder of one clip's frames")
        yield truth
    if size is None:
        raise VsrppError(f"{clip} holds no frames; name a folder of images or a video")


def _refuse_unfit(clip: Path, height: int, width: int, border: int) -> None:
    if min(height, width) < SMALLEST_SIDE:
        needed = f"{SMALLEST_SIDE}x{SMALLEST_SIDE}"
        raise VsrppError(f"{clip} holds frames of {width}x{height} pixels; scoring needs at least {needed}")
    shortest = min(height, width) // SCALE * SCALE
    if border < 0 or 2 * border + SSIM_WINDOW > shortest:
        raise VsrppError(f"--border {border} does not fit the frames of {clip}; choose 0 or a few pixels")
