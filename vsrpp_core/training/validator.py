"""Validation over the whole validation set: PSNR, SSIM and quality of LR (bicubic) and KI (the network)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

from vsrpp_core.data.dataset import load_pair
from vsrpp_core.data.degrade import upscale3
from vsrpp_core.data.stacked import PairPaths, StackGeometry
from vsrpp_core.messages.events import ComparisonWritten, Event, ValidationProgressed, WarningRaised
from vsrpp_core.network.metrics import Score, score, to_8bit
from vsrpp_core.network.model import VSRBidirectional3x
from vsrpp_core.run.files import write_atomically
from vsrpp_core.training.hardware import Hardware

COMPARISONS = 4
"""Samples, spread over the set, of which a picture is kept."""


@dataclass(frozen=True, slots=True)
class ValidationResult:
    samples: int
    lr: Score
    ki: Score


class Validator:
    """Scores a network on every pair of the validation set; pictures of a few go to ``pictures``."""

    def __init__(self, pairs: list[PairPaths], geometry: StackGeometry, hardware: Hardware, pictures: Path) -> None:
        self._pairs, self._geometry = pairs, geometry
        self._hardware, self._pictures = hardware, pictures
        self._lr_scores: dict[int, Score] = {}
        count = min(COMPARISONS, len(pairs))
        self._pictured = {round(i * (len(pairs) - 1) / max(count - 1, 1)) for i in range(count)}

    def __len__(self) -> int:
        return len(self._pairs)

    def run(self, model: VSRBidirectional3x, step: int) -> Iterator[Event | ValidationResult]:
        """Progress and pictures as events, one sample after another, and the result as the last item."""
        ki_scores: list[Score] = []
        for index, pair in enumerate(self._pairs):
            frames, ground_truth = load_pair(pair, self._geometry)
            prediction = self._upscale(model, frames)
            bicubic = upscale3(frames[len(frames) // 2])
            ki_scores.append(_score(prediction, ground_truth))
            if index not in self._lr_scores:  # the bicubic picture never changes
                self._lr_scores[index] = _score(bicubic, ground_truth)
            if index in self._pictured:
                yield self._write_comparison(step, index, bicubic, prediction, ground_truth, ki_scores[-1])
            yield ValidationProgressed(step=step, done=index + 1, total=len(self._pairs))
        yield ValidationResult(len(ki_scores), _mean(list(self._lr_scores.values())), _mean(ki_scores))

    def _upscale(self, model: VSRBidirectional3x, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        stack = torch.from_numpy(frames.copy()).permute(0, 3, 1, 2).unsqueeze(0).to(self._hardware.device).float() / 255
        with torch.no_grad(), self._hardware.autocast():
            picture = to_8bit(model(stack))
        return np.asarray(picture[0].permute(1, 2, 0).cpu().numpy())

    def _write_comparison(
        self,
        step: int,
        index: int,
        bicubic: NDArray[np.uint8],
        prediction: NDArray[np.uint8],
        ground_truth: NDArray[np.uint8],
        ki: Score,
    ) -> ComparisonWritten | WarningRaised:
        name = self._pairs[index].name
        lr = self._lr_scores[index]
        labels = (f"LR {lr.psnr:.2f} dB", f"KI {ki.psnr:.2f} dB", "GT")
        picture = side_by_side((bicubic, prediction, ground_truth), labels)
        path = self._pictures / f"{Path(name).stem}.png"
        try:
            self._pictures.mkdir(exist_ok=True)
            write_atomically(path, lambda temporary: picture.save(temporary, format="PNG"))
        except OSError as error:  # a full disk costs the picture, not the training
            return WarningRaised(message=f"{path} could not be written ({error.strerror}); make room")
        relative = f"{self._pictures.name}/{path.name}"
        return ComparisonWritten(step=step, sample=name, path=relative, lr_psnr=lr.psnr, ki_psnr=ki.psnr)


def side_by_side(pictures: tuple[NDArray[np.uint8], ...], labels: tuple[str, ...]) -> Image.Image:
    """Pictures [H, W, 3] of one size beside each other, each under its label."""
    height, width = pictures[0].shape[:2]
    margin, header = 6, 16
    sheet = Image.new("RGB", (len(pictures) * (width + margin) - margin, height + header), "black")
    draw = ImageDraw.Draw(sheet)
    for place, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        left = place * (width + margin)
        draw.text((left + 2, 2), label, fill="white")
        sheet.paste(Image.fromarray(picture), (left, header))
    return sheet


def _score(image: NDArray[np.uint8], reference: NDArray[np.uint8]) -> Score:
    return score(_as_batch(image), _as_batch(reference))


def _as_batch(image: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).unsqueeze(0)


def _mean(scores: list[Score]) -> Score:
    return Score(sum(s.psnr for s in scores) / len(scores), sum(s.ssim for s in scores) / len(scores))
