"""Validation over the whole validation set: PSNR, SSIM and quality of LR (bicubic) and KI (the network).

A card must not wait for the host: pairs are read on a thread, and kept within a bound; pictures are scored on the
device, and what a score came to is read back when the next picture is under way.
"""

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from torch import Tensor

from vsrpp_core.batches.memory_cache import DecodedCache
from vsrpp_core.batches.patient_reader import PatientReader
from vsrpp_core.data.resize import upscaled
from vsrpp_core.data.stacked import Pair, PairPaths, StackGeometry, clip_of, fingerprint, load_pair
from vsrpp_core.device.hardware import Hardware
from vsrpp_core.device.transfer import Fetched, on_device
from vsrpp_core.errors import describe_os_error
from vsrpp_core.messages.events import ComparisonWritten, Event, ValidationProgressed, WarningRaised
from vsrpp_core.network.inference import PictureUpscaler
from vsrpp_core.network.metrics import Score, device_score, mean_over_clips, to_8bit
from vsrpp_core.network.tiles import Network
from vsrpp_core.run.config import DataConfig
from vsrpp_core.run.disk import GB
from vsrpp_core.run.files import write_atomically
from vsrpp_core.run.pictures.comparison_picture import side_by_side
from vsrpp_core.run.pictures.picture_history import keep
from vsrpp_core.training.stall import LOOK_SECONDS

COMPARISONS = 4
"""Samples, spread over the set, whose pictures are kept."""


FAST = 1
"""Level of the pictures' compression: a tenth larger than by default, in half the time, which the device waits for."""

FREE_SHARE = 0.1
"""Of the host's free memory for decoded validation pairs."""


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """Scores are means over clips of the mean over a clip's samples."""

    samples: int
    clips: int
    lr: Score
    ki: Score


class Validator:
    """Scores a network on every pair of the validation set; pictures of a few go to ``pictures``.

    ``room`` is how many bytes of decoded pairs are kept from one validation to the next.
    """

    def __init__(
        self, pairs: list[PairPaths], geometry: StackGeometry, hardware: Hardware, pictures: Path, room: int = 0
    ) -> None:
        self._pairs, self._geometry, self._device = pairs, geometry, hardware.device
        self._clips = [clip_of(pair.name) for pair in pairs]
        self._upscaler, self._pictures = PictureUpscaler(hardware), pictures
        self._identity = fingerprint(pairs)
        self._picture_failed = False
        """That is reported once, not with each picture."""
        self._kept = DecodedCache(room)
        self._lr_scores: dict[int, Score] = {}
        self._bicubic: dict[int, NDArray[np.uint8]] = {}
        """Of the pairs whose pictures are kept; the bicubic picture never changes."""
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
        Of a sample only the scores are kept, and the pair within the bound. A picture that does not fit into the
        device's memory is upscaled in tiles, which leaves its score as it is; the device's error where no tile fits
        either.
        """
        self._upscaler.try_whole()
        ki_scores: list[Score] = []
        under_way: deque[_Scored] = deque()
        reader = PatientReader(self._kept.get(index, self._read) for index in range(len(self._pairs)))
        try:
            for index in range(len(self._pairs)):
                while not reader.has(1, LOOK_SECONDS):
                    yield None
                under_way.append(self._begin(model, index, reader))
                yield from self._upscaler.warnings()
                if len(under_way) > 1:
                    yield from self._end(under_way.popleft(), step, ki_scores)
            while under_way:
                yield from self._end(under_way.popleft(), step, ki_scores)
        finally:
            reader.close()
        lr_scores = [self._lr_scores[index] for index in range(len(self._pairs))]
        lr, ki = (mean_over_clips(zip(self._clips, scores, strict=True)) for scores in (lr_scores, ki_scores))
        yield ValidationResult(len(ki_scores), len(set(self._clips)), lr, ki)

    def _read(self, index: int) -> Pair:
        return load_pair(self._pairs[index], self._geometry)

    def _begin(self, model: Network, index: int, reader: PatientReader[Pair]) -> "_Scored":
        """Let the device upscale and score the pair that was read; the next one is read meanwhile."""
        frames, ground_truth = reader.take()
        reader.has(1, 0.0)
        output = self._upscaler.output(model, frames)
        prediction, reference = to_8bit(output), self._as_batch(ground_truth)
        ki = torch.where(output.isfinite().all(), device_score(prediction, reference), torch.nan)
        lr = None
        if index not in self._lr_scores:
            bicubic = upscaled(frames[len(frames) // 2], self._geometry.scale)
            lr = Fetched(device_score(self._as_batch(bicubic), reference))
            if index in self._pictured:
                self._bicubic[index] = bicubic
        pictures = (Fetched(prediction), ground_truth) if index in self._pictured else None
        return _Scored(index, Fetched(ki), lr, pictures)

    def _end(self, scored: "_Scored", step: int, ki_scores: list[Score]) -> Iterator[Event]:
        """Add the network's score on a pair when the device has come to it; of some pairs a picture is written."""
        index = scored.index
        ki = Score(*scored.ki.take().tolist())
        if scored.lr:
            self._lr_scores[index] = Score(*scored.lr.take().tolist())
        if math.isnan(ki.psnr):
            yield WarningRaised(message=f"the network's picture of {self._pairs[index].name} is not finite")
        elif scored.pictures:
            prediction, ground_truth = scored.pictures
            picture = prediction.take()[0].permute(1, 2, 0).numpy()
            written = self._write_comparison(step, index, self._bicubic[index], picture, ground_truth, ki)
            if written:
                yield written
        ki_scores.append(ki)
        yield ValidationProgressed(step=step, done=len(ki_scores), total=len(self._pairs))

    def _as_batch(self, image: NDArray[np.uint8]) -> Tensor:
        return on_device(image, self._device).permute(2, 0, 1).unsqueeze(0)

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
        path = self._pictures / f"{PurePath(name).with_suffix('').as_posix().replace('/', '_')}.png"
        try:
            self._pictures.mkdir(exist_ok=True)
            write_atomically(path, lambda temporary: picture.save(temporary, format="PNG", compress_level=FAST))
            kept = keep(path, step)
        except OSError as error:  # a full disk costs the picture, not the training
            reported, self._picture_failed = self._picture_failed, True
            return None if reported else WarningRaised(message=describe_os_error(error, path, "could not be written"))
        self._picture_failed = False
        relative, kept_relative = (str(each.relative_to(self._pictures.parent)) for each in (path, kept))
        return ComparisonWritten(
            step=step, sample=name, path=relative, lr_psnr=lr.psnr, ki_psnr=ki.psnr, kept=kept_relative
        )


@dataclass(frozen=True, slots=True)
class _Scored:
    """A pair whose scores the device is working on; ``lr`` the first time, ``pictures`` of those that are kept."""

    index: int
    ki: Fetched
    lr: Fetched | None
    pictures: tuple[Fetched, NDArray[np.uint8]] | None


def room_for_pairs(data: DataConfig) -> int:
    """Bytes of decoded validation pairs to keep: as the settings say for others, at most a share of free memory."""
    if data.cache == "none":
        return 0
    return int(min(GB * data.cache_gb, FREE_SHARE * psutil.virtual_memory().available))
