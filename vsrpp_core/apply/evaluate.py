"""Scores of a network on ground-truth clips, next to bicubic, by the field's protocol.

Each ground-truth frame is cropped to a multiple of the network's scale and downscaled by it (to 8 bit, as the protocol
says) to make the LR clip; every frame is upscaled from its window (the first and last frame are repeated at the ends)
and scored. Bicubic is the same enlargement in both protocols; at a scale of 1 it is the LR frame itself.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vsrpp_core.apply.load_network import load_network, upscale_frames
from vsrpp_core.apply.stacks import scene_windows
from vsrpp_core.apply.worst_frames import Detail, WorstFrame, WorstFrames
from vsrpp_core.data.resize import SHRINK, Downscaling, downscaled, upscaled
from vsrpp_core.data.stacked import read_image
from vsrpp_core.device.hardware import choose_hardware
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages.events import WarningRaised
from vsrpp_core.messages.kinds import Ensemble
from vsrpp_core.network.inference import PictureUpscaler
from vsrpp_core.network.metrics import SSIM_WINDOW, Score, luma, mean_score, score
from vsrpp_core.network.model import VSRBidirectional3x
from vsrpp_core.run.config import Precision
from vsrpp_core.run.names import listed
from vsrpp_core.video import images, reading
from vsrpp_core.video.video_files import list_folder, passed_over

Frame = NDArray[np.uint8]
Protocol = Downscaling | Literal["real"]
"""How LR frames are made; those of "real" are shrunk as those of BI and then degraded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How clips are scored. ``border`` pixels are left out at each side; of a clip ``frames`` after the ``first`` ones
    are scored, 0 for all that follow. Of each clip the ``worst`` frames are shown as well. A picture of the network is
    the mean of an ``ensemble`` of views.

    With the protocol "real" the LR stack of each frame goes through ``degrade`` with the frame's number, from 1: the
    same number must give the same for every network.
    """

    border: int = 0
    precision: Precision = "fp32"
    protocol: Protocol = "BI"
    frames: int = 0
    first: int = 0
    worst: int = 0
    ensemble: Ensemble = 1
    degrade: Callable[[NDArray[np.uint8], int], NDArray[np.uint8]] | None = None


@dataclass(frozen=True, slots=True)
class ClipScores:
    """Flicker is the mean absolute difference of the errors in Y of consecutive frames, levels of 255; None of one."""

    clip: str
    frames: int
    bicubic_y: Score
    ki_y: Score
    bicubic_rgb: Score
    ki_rgb: Score
    bicubic_flicker: float | None = field(default=None, kw_only=True)
    ki_flicker: float | None = field(default=None, kw_only=True)
    worst: tuple[WorstFrame, ...] = field(default=(), kw_only=True)
    """The worst first; those that were asked for."""
    sheet: str = field(default="", kw_only=True)
    """The picture of them, where one was written."""


@dataclass(frozen=True, slots=True)
class WorstShown:
    """What a sheet of a clip's worst frames shows; comes right before the clip's scores."""

    clip: str
    details: list[Detail]
    scale: int


@dataclass(frozen=True, slots=True)
class EvaluationProgress:
    """``total`` is a video's own estimate, never less than ``done``; 0 where it has none."""

    clip: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class ClipFailed:
    """One of several clips; the others are scored anyway."""

    clip: str
    place: int
    """Among the clips, from 0."""
    error: str


Step = EvaluationProgress | WarningRaised | WorstShown | ClipScores | ClipFailed


def evaluate(checkpoint: Path, clips: list[Path], options: Options) -> Iterator[Step]:
    """Score ``checkpoint`` on each clip (a folder of frames or a video): progress per frame, then the clip's scores.

    VsrppError where a single clip cannot be scored; of several, the others are.
    An exported network will do as well. Frames that do not fit into the device's memory are upscaled in tiles, with one
    warning.
    """
    return (step for _, step in compare([checkpoint], clips, options))


def compare(checkpoints: list[Path], clips: list[Path], options: Options) -> Iterator[tuple[Path, Step]]:
    """``evaluate`` of one checkpoint after another; all are opened first, and bicubic is scored once.

    A clip that fails for one of them is left out for those after it.
    """
    hardware = choose_hardware(options.precision)
    hardware.apply()
    models = [load_network(path, hardware) for path in checkpoints]
    if len(scales := sorted({model.scale for model in models})) > 1:
        several = " and ".join(map(str, scales))
        raise VsrppError(f"the networks are of scales {several}, whose LR frames differ; score them one by one")
    if scales == [1] and options.protocol == "BI":
        raise VsrppError(
            f"{checkpoints[0]} restores films at their own size, where LR frames of BI are the ground truth; "
            "use --protocol real"
        )
    bicubic: dict[int, ClipScores] = {}
    failed: set[int] = set()
    for path, model in zip(checkpoints, models, strict=True):
        scorer = _Scorer(model, PictureUpscaler(hardware, ensemble=options.ensemble), options)
        for index, clip in enumerate(clips):
            if index in failed:
                continue
            try:
                for step in scorer.evaluate(clip, bicubic.get(index)):
                    if isinstance(step, ClipScores):
                        bicubic[index] = step
                    yield path, step
            except VsrppError as error:
                if len(clips) == 1:
                    raise
                failed.add(index)
                yield path, ClipFailed(clip.name, index, str(error))


def mean_scores(rows: list[ClipScores]) -> ClipScores:
    """Mean over clips, each clip counting the same."""

    def mean(name: str) -> Score:
        return mean_score(getattr(row, name) for row in rows)

    return ClipScores(
        "mean",
        sum(row.frames for row in rows),
        *(mean("bicubic_y"), mean("ki_y"), mean("bicubic_rgb"), mean("ki_rgb")),
        bicubic_flicker=_mean_or_none([row.bicubic_flicker for row in rows]),
        ki_flicker=_mean_or_none([row.ki_flicker for row in rows]),
    )


def _mean_or_none(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


class _Scorer:
    """One network and how it is scored."""

    def __init__(self, model: VSRBidirectional3x, upscaler: PictureUpscaler, options: Options) -> None:
        self._model, self._upscaler, self._options = model, upscaler, options

    def evaluate(self, clip: Path, known: ClipScores | None) -> Iterator[Step]:
        """Progress and the clip's scores; those of bicubic come from ``known`` where the clip was scored before.

        Raises VsrppError where the clip cannot be scored.
        """
        options, border = self._options, self._options.border
        expected, frames, notes = _open_clip(clip, options.first, options.frames)
        if known is None:
            yield from (WarningRaised(message=note) for note in notes)
        ki, bicubic, worst = _Course(border), _Course(border), WorstFrames(options.worst, border)
        scale, n_frames = self._model.scale, self._model.n_frames
        shrink = SHRINK["BD" if options.protocol == "BD" else "BI"]
        truths = _ground_truth(clip, frames, border, scale, options.first)
        stacks = windows(truths, n_frames, lambda frame: shrink(frame, scale))
        for done, (clean, truth) in enumerate(stacks, start=1):
            stack = options.degrade(clean, done) if options.degrade else clean
            picture = upscale_frames(self._upscaler, self._model, stack, clip)
            psnr = ki.add(picture, truth)
            yield from self._upscaler.warnings()
            if known is None or options.worst:
                enlarged = upscaled(stack[n_frames // 2], scale)
                bicubic_psnr = bicubic.add(enlarged, truth)
            if options.worst:
                worst.add(options.first + done, (bicubic_psnr, psnr), (enlarged, picture, truth))
            yield EvaluationProgress(clip.name, done, max(expected, done) if expected else 0)
        if options.worst:
            yield WorstShown(clip.name, worst.details(), scale)
        ki_y, ki_rgb = ki.means()
        bicubic_y, bicubic_rgb = (known.bicubic_y, known.bicubic_rgb) if known else bicubic.means()
        yield ClipScores(
            clip.name,
            done,
            *(bicubic_y, ki_y, bicubic_rgb, ki_rgb),
            bicubic_flicker=known.bicubic_flicker if known else bicubic.flicker,
            ki_flicker=ki.flicker,
            worst=tuple(detail.of for detail in worst.details()),
        )


class _Course:
    """The scores of one clip's pictures, and how their errors change from one to the next."""

    def __init__(self, border: int) -> None:
        self._border, self._scores, self._changes = border, list[tuple[Score, Score]](), list[float]()
        self._last: Tensor | None = None

    def add(self, image: Frame, reference: Frame) -> float:
        """PSNR in Y is returned, dB."""
        x, y = _as_batch(image, self._border), _as_batch(reference, self._border)
        of_luma = score(luma(x), luma(y))
        self._scores.append((of_luma, score(x, y)))
        error = luma(x) - luma(y)
        if self._last is not None:
            self._changes.append(float((error - self._last).abs().mean()))
        self._last = error
        return of_luma.psnr

    def means(self) -> tuple[Score, Score]:
        """Of Y and of RGB."""
        y, rgb = map(mean_score, zip(*self._scores, strict=True))
        return y, rgb

    @property
    def flicker(self) -> float | None:
        return fmean(self._changes) if self._changes else None


def windows(
    truth: Iterable[Frame], n_frames: int, shrink: Callable[[Frame], Frame] = downscaled
) -> Iterator[tuple[NDArray[np.uint8], Frame]]:
    """For each ground-truth frame the LR stack [T, h, w, 3] around it, made by ``shrink``, and itself.

    The first and last frame are repeated beyond the ends. No more than a window of frames is held: a minute of
    1080p would take 9 GB.
    """
    waiting: deque[Frame] = deque()

    def shrunk() -> Iterator[tuple[int, Frame]]:
        for frame in truth:
            waiting.append(frame)
            yield 0, shrink(frame)

    for window in scene_windows(shrunk(), n_frames):
        yield np.stack(window), waiting.popleft()


def _as_batch(image: Frame, border: int) -> Tensor:
    height, width = image.shape[:2]
    inner = image[border : height - border, border : width - border].copy()
    return torch.from_numpy(inner).permute(2, 0, 1).unsqueeze(0)


def _open_clip(clip: Path, first: int, limit: int) -> tuple[int, Iterator[Frame], list[str]]:
    """How many frames to expect (0: unknown), the frames, read one by one, and sentences on what is odd.

    None of the ``first`` frames, and no more than ``limit`` unless it is 0.
    """
    if not clip.is_dir():
        info, frames = reading.probe(clip), reading.frames(clip)
        notes = list(info.notes)
        expected = max(0, info.frames - first)
        return min(expected, limit or expected), islice(frames, first, first + limit if limit else None), notes
    folder = list_folder(clip)
    if folder.videos:
        names = listed([path.name for path in folder.videos])
        raise VsrppError(f"{clip} holds videos ({names}), not only frames; name a video itself, or move them elsewhere")
    files = folder.images[first : first + limit if limit else None]
    images.refuse_unfit(files, _size_of)
    return len(files), map(read_image, files), [note for note in (passed_over(clip), *images.remarks(files)) if note]


def _size_of(file: Path) -> images.Size:
    height, width = read_image(file).shape[:2]
    return width, height


def _ground_truth(clip: Path, frames: Iterator[Frame], border: int, scale: int, first: int) -> Iterator[Frame]:
    """The frames cropped to a multiple of ``scale``; VsrppError where they cannot be scored."""
    size = None
    for frame in frames:
        height, width = frame.shape[:2]
        truth = frame[: height - height % scale, : width - width % scale]
        if size is None:
            _refuse_unfit(clip, height, width, border, scale)
            size = truth.shape
        elif truth.shape != size:
            raise VsrppError(f"{clip} holds frames of different sizes; name a folder of one clip's frames")
        yield truth
    if size is None and first:
        raise VsrppError(f"{clip} has no frame {first + 1:,}; name earlier ones with --frames")
    if size is None:
        raise VsrppError(f"{clip} holds no frames; name a folder of images or a video")


def _refuse_unfit(clip: Path, height: int, width: int, border: int, scale: int) -> None:
    smallest = -(-SSIM_WINDOW // scale) * scale  # cropped, a shorter side would be shorter than SSIM's window
    if min(height, width) < smallest:
        needed = f"{smallest}x{smallest}"
        raise VsrppError(f"{clip} holds frames of {width}x{height} pixels; scoring needs at least {needed}")
    shortest = min(height, width) // scale * scale
    if border < 0 or 2 * border + SSIM_WINDOW > shortest:
        raise VsrppError(f"--border {border} does not fit the frames of {clip}; choose 0 or a few pixels")
