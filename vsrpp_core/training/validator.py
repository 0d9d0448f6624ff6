"""Validation over the whole validation set: PSNR, SSIM and quality of LR (bicubic) and KI (the network)."""

import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vsrpp_core.batches.patient_reader import PatientReader
from vsrpp_core.data.resize import upscale3
from vsrpp_core.data.stacked import Pair, PairPaths, StackGeometry, clip_of, fingerprint, load_pair
from vsrpp_core.device.hardware import Hardware
from vsrpp_core.errors import describe_os_error
from vsrpp_core.messages.events import ComparisonWritten, Event, ValidationProgressed, WarningRaised
from vsrpp_core.network.inference import PictureUpscaler
from vsrpp_core.network.metrics import Score, mean_over_clips, score
from vsrpp_core.network.tiles import Network
from vsrpp_core.run.comparison_picture import side_by_side
from vsrpp_core.run.files import write_atomically
from vsrpp_core.training.stall import LOOK_SECONDS

NO_SCORE = Score(math.nan, math.nan)
"""For a picture that is not finite; it makes the score of the whole validation NaN, which is never the best."""

COMPARISONS = 4
"""Samples, spread over the set, whose pictures are kept."""


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """Scores are means over clips of the mean over a clip's samples."""

    samples: int
    clips: int
    lr: Score
    ki: Score


class Validator:
    """Scores a network on every pair of the validation set; pictures of a few go to ``pictures``."""

    def __init__(self, pairs: list[PairPaths], geometry: StackGeometry, hardware: Hardware, pictures: Path) -> None:
        self._pairs, self._geometry = pairs, geometry
        self._clips = [clip_of(pair.name) for pair in pairs]
        self._upscaler, self._pictures = PictureUpscaler(hardware), pictures
        self._identity = fingerprint(pairs)
        self._picture_failed = False
        """That is reported once, not with each picture."""
        self._lr_scores: dict[int, Score] = {}
        count = min(COMPARISONS, len(pairs))
        self._pictured = {round(i * (len(pairs) - 1) / max(count - 1, 1)) for i in range(count)}

    @property
    def identity(self) -> str:
        """Distinguishes this validation set from another: scores on two sets cannot be compared."""
        return self._identity

    def __len__(self) -> int:
        return len(self._pairs)

    def run(self, model: Network, step: int) -> Iterator[Event | ValidationResult | None]:
        """Progress, pictures and warnings as events, one sample after another, and the result as the last item.

        None, every ``LOOK_SECONDS``, while a sample cannot be read: orders are to be heard meanwhile.
        Only the scores of a sample are kept. A picture that does not fit into the device's memory is upscaled in tiles,
        which leaves its score as it is; the device's error where no tile fits either.
        """
        self._upscaler.try_whole()
        ki_scores: list[Score] = []
        reader = PatientReader(load_pair(pair, self._geometry) for pair in self._pairs)
        try:
            for index in range(len(self._pairs)):
                while not reader.has(1, LOOK_SECONDS):
                    yield None
                ki_scores.append((yield from self._sample(model, step, index, reader)))
                yield ValidationProgressed(step=step, done=index + 1, total=len(self._pairs))
        finally:
            reader.close()
        lr_scores = [self._lr_scores[index] for index in range(len(self._pairs))]
        lr, ki = (mean_over_clips(zip(self._clips, scores, strict=True)) for scores in (lr_scores, ki_scores))
        yield ValidationResult(len(ki_scores), len(set(self._clips)), lr, ki)

    def _sample(
        self, model: Network, step: int, index: int, reader: PatientReader[Pair]
    ) -> Generator[Event, None, Score]:
        """The network's score on one pair; a generator of its own, so that no picture stays in memory."""
        frames, ground_truth = reader.take()
        prediction = self._upscaler(model, frames)
        yield from self._upscaler.warnings()
        if prediction is None:
            yield WarningRaised(message=f"the network's picture of {self._pairs[index].name} is not finite")
        bicubic = upscale3(frames[len(frames) // 2])
        ki = NO_SCORE if prediction is None else _score(prediction, ground_truth)
        if index not in self._lr_scores:  # the bicubic picture never changes
            self._lr_scores[index] = _score(bicubic, ground_truth)
        if index in self._pictured and prediction is not None:
            written = self._write_comparison(step, index, bicubic, prediction, ground_truth, ki)
            if written:
                yield written
        return ki

    def _write_comparison(
        self,
        step: int,
        index: int,
        bicubic: NDArray[np.uint8],
        prediction: NDArray[np.uint8],
        ground_truth: NDArray[np.uint8],
        ki: Score,
    ) -> ComparisonWritten | WarningRaised | None:
        name = self._pairs[index].name
        lr = self._lr_scores[index]
        labels = (f"LR {lr.psnr:.2f} dB", f"KI {ki.psnr:.2f} dB", "GT")
        picture = side_by_side((bicubic, prediction, ground_truth), labels)
        path = self._pictures / f"{Path(name).stem}.png"
        try:
            self._pictures.mkdir(exist_ok=True)
            write_atomically(path, lambda temporary: picture.save(temporary, format="PNG"))
        except OSError as error:  # a full disk costs the picture, not the training
            reported, self._picture_failed = self._picture_failed, True
            return None if reported else WarningRaised(message=describe_os_error(error, path, "could not be written"))
        self._picture_failed = False
        relative = f"{self._pictures.name}/{path.name}"
        return ComparisonWritten(step=step, sample=name, path=relative, lr_psnr=lr.psnr, ki_psnr=ki.psnr)


def _score(image: NDArray[np.uint8], reference: NDArray[np.uint8]) -> Score:
    return score(_as_batch(image), _as_batch(reference))


def _as_batch(image: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).unsqueeze(0)
