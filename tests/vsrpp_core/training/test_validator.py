"""What a validation scores, how it averages, and what it holds of memory."""

import itertools
import math
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from tests.conftest import MakeDataset
from tests.helpers import LR_SIDE
from vsrpp_core.data.resize import upscaled
from vsrpp_core.data.stacked import DatasetFolder, StackGeometry, load_pair
from vsrpp_core.device.hardware import Hardware, choose_hardware
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.kinds import Alignment
from vsrpp_core.network.metrics import Score, score, to_8bit
from vsrpp_core.network.model import VSRBidirectional3x
from vsrpp_core.run.config import DataConfig
from vsrpp_core.training import validator as validator_module
from vsrpp_core.training.validator import COMPARISONS, ValidationResult, Validator, room_for_pairs

Items = list[ev.Event | ValidationResult | None]


class Bilinear(nn.Module):
    """The least a network is: callable, and it tells how far it sees."""

    n_blocks, n_frames, scale = 0, 5, 3
    alignment: Alignment = "none"

    def forward(self, frames: Tensor) -> Tensor:
        return F.interpolate(frames[:, 2], scale_factor=3, mode="bilinear", align_corners=False)


class Limited(nn.Module):
    """A network on a device that has memory for so many LR pixels at once."""

    def __init__(self, inner: VSRBidirectional3x, limit: int) -> None:
        super().__init__()
        self.inner, self.limit, self.asked = inner, limit, list[int]()
        self.n_blocks, self.n_frames, self.scale = inner.n_blocks, inner.n_frames, inner.scale
        self.alignment: Alignment = inner.alignment

    def forward(self, frames: Tensor) -> Tensor:
        self.asked.append(frames.shape[-1] * frames.shape[-2])
        if self.asked[-1] > self.limit:
            raise torch.OutOfMemoryError("CUDA out of memory")
        picture: Tensor = self.inner(frames)
        return picture


@pytest.fixture
def hardware() -> Hardware:
    return choose_hardware("fp32")


def make_validator(
    root: Path, hardware: Hardware, names: list[str] | None = None, side: int = LR_SIDE, room: int = 0
) -> Validator:
    """Of the dataset at ``root``, its validation pairs renamed to ``names``."""
    folder = DatasetFolder(root)
    for pair, name in zip(folder.pairs("val"), names or [], strict=names is not None):
        pair.lr.rename(pair.lr.with_name(name))
        pair.gt.rename(pair.gt.with_name(name))
    return Validator(folder.pairs("val"), StackGeometry(5, side, side), hardware, root / "pictures", room)


def as_batch(image: NDArray[np.uint8]) -> Tensor:
    return torch.tensor(image).permute(2, 0, 1)[None]


def network(hardware: Hardware) -> VSRBidirectional3x:
    torch.manual_seed(0)
    return VSRBidirectional3x(4, 2).to(hardware.device)


def result(items: Items) -> ValidationResult:
    assert isinstance(items[-1], ValidationResult)
    return items[-1]


def warnings(items: Items) -> list[str]:
    return [item.message for item in items if isinstance(item, ev.WarningRaised)]


def test_a_long_clip_does_not_outweigh_the_others(
    make_dataset: MakeDataset, hardware: Hardware, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three samples of one film, one of each of two others; KI is scored before LR, which is 10 dB and 0.25 lower."""
    names = [f"{film}_0000{n:02d}_30_60.png" for film, n in (("a_1", 1), ("a_1", 2), ("a_1", 3), ("a_2", 7), ("b", 5))]
    ki = [Score(30.0, 0.75), Score(33.0, 0.5), Score(36.0, 0.625), Score(21.0, 0.375), Score(24.0, 1.0)]
    scores = itertools.chain.from_iterable(((one.psnr, one.ssim), (one.psnr - 10, one.ssim - 0.25)) for one in ki)
    monkeypatch.setattr(validator_module, "device_score", lambda image, reference: torch.tensor(next(scores)).double())
    validator = make_validator(make_dataset(n_val=5), hardware, names)
    outcome = result(list(validator.run(Bilinear(), step=1)))
    assert (outcome.samples, outcome.clips) == (5, 3)
    assert outcome.ki == Score((33 + 21 + 24) / 3, (0.625 + 0.375 + 1.0) / 3)
    assert outcome.lr == Score((23 + 11 + 14) / 3, (0.375 + 0.125 + 0.75) / 3)


def test_names_without_a_clip_are_one_clip(make_dataset: MakeDataset, hardware: Hardware) -> None:
    validator = make_validator(make_dataset(n_val=3), hardware, ["0001.png", "0002.png", "0003.png"])
    outcome = result(list(validator.run(Bilinear(), step=1)))
    assert (outcome.samples, outcome.clips) == (3, 1)


def test_any_module_is_scored_by_its_8_bit_picture(make_dataset: MakeDataset, hardware: Hardware) -> None:
    root = make_dataset(n_val=2)
    items = list(make_validator(root, hardware).run(Bilinear(), step=1))
    outcome, expected = result(items), []
    for pair in DatasetFolder(root).pairs("val"):
        frames, truth = load_pair(pair, StackGeometry(5, LR_SIDE, LR_SIDE))
        stack = torch.from_numpy(frames.copy()).permute(0, 3, 1, 2)[None].to(hardware.device).float() / 255
        picture = to_8bit(Bilinear()(stack))[0].permute(1, 2, 0).cpu().numpy()
        bicubic = upscaled(frames[2])
        expected.append([score(as_batch(image), as_batch(truth)) for image in (picture, bicubic)])
    for column, mean in enumerate((outcome.ki, outcome.lr)):
        assert mean.psnr == pytest.approx(sum(row[column].psnr for row in expected) / 2, abs=1e-9)
        assert mean.ssim == pytest.approx(sum(row[column].ssim for row in expected) / 2, abs=1e-5)
    for written in (item for item in items if isinstance(item, ev.ComparisonWritten)):
        assert written.kept.startswith("pictures/step_1/")
        assert (root / written.kept).read_bytes() == (root / written.path).read_bytes()


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[tuple[weakref.ref[object], weakref.ref[object]]]:
    """The pairs that were read from files, as long as they are there."""
    pairs: list[tuple[weakref.ref[object], weakref.ref[object]]] = []

    def watched(*pair_and_geometry: Any) -> object:
        frames, truth = load_pair(*pair_and_geometry)
        pairs.append((weakref.ref(frames), weakref.ref(truth)))
        return frames, truth

    monkeypatch.setattr(validator_module, "load_pair", watched)
    return pairs


def test_three_pairs_at_most_are_held(
    make_dataset: MakeDataset, hardware: Hardware, read: list[tuple[weakref.ref[object], weakref.ref[object]]]
) -> None:
    """One whose picture is written, one under way and one that is read meanwhile; none when all is done."""
    most = 0
    for item in make_validator(make_dataset(n_val=9), hardware).run(Bilinear(), step=1):
        if isinstance(item, ev.ValidationProgressed):
            most = max(most, sum(truth() is not None for _, truth in read))
    assert most <= 3 and len(read) == 9
    assert not any(frames() or truth() for frames, truth in read)


def test_pairs_are_read_once_as_far_as_there_is_room(
    make_dataset: MakeDataset, hardware: Hardware, read: list[tuple[weakref.ref[object], weakref.ref[object]]]
) -> None:
    room = 2 * StackGeometry(5, LR_SIDE, LR_SIDE).pair_bytes
    validator = make_validator(make_dataset(n_val=5), hardware, room=room)
    first, second = (result(list(validator.run(Bilinear(), step))) for step in (1, 2))
    assert len(read) == 5 + 3 and first == second


def test_the_room_is_what_the_settings_give_other_pictures_within_free_memory() -> None:
    assert room_for_pairs(DataConfig(cache="none")) == room_for_pairs(DataConfig(cache_gb=0)) == 0
    assert room_for_pairs(DataConfig(cache_gb=2**-20)) == 2**10
    assert room_for_pairs(DataConfig(cache_gb=1024)) < 0.2 * psutil.virtual_memory().available


def test_tiles_are_reported_once_and_the_scores_are_those_of_whole_pictures(
    make_dataset: MakeDataset, hardware: Hardware
) -> None:
    side = 60
    root, model = make_dataset(n_val=COMPARISONS + 2, side=side), network(hardware)
    whole = list(make_validator(root, hardware, side=side).run(model, step=1))
    validator, limited = make_validator(root, hardware, side=side), Limited(model, limit=45 * 45)
    tiled, again = (list(validator.run(limited, step)) for step in (1, 2))
    assert not warnings(whole) and not warnings(again)
    (warning,) = warnings(tiled)
    assert "whole LR frames of 60x60" in warning and "tiles of at most 30x30" in warning
    for items in (tiled, again):
        for tiled_score, plain in ((result(items).ki, result(whole).ki), (result(items).lr, result(whole).lr)):
            assert tiled_score.psnr == pytest.approx(plain.psnr, abs=1e-3)
            assert tiled_score.ssim == pytest.approx(plain.ssim, abs=1e-4)


def test_every_validation_tries_whole_pictures_first(make_dataset: MakeDataset, hardware: Hardware) -> None:
    """A shortage that has passed must not slow down a week of validations."""
    validator = make_validator(make_dataset(n_val=3, side=60), hardware, side=60)
    limited = Limited(network(hardware), limit=45 * 45)
    list(validator.run(limited, step=1))
    assert limited.asked.count(60 * 60) == 1, "the first sample alone: the size that fitted is remembered"
    limited.limit = 60 * 60
    limited.asked.clear()
    list(validator.run(limited, step=2))
    assert limited.asked == [60 * 60] * 3


def test_a_device_without_any_memory_left_raises_its_own_error(make_dataset: MakeDataset, hardware: Hardware) -> None:
    validator = make_validator(make_dataset(n_val=1), hardware)
    with pytest.raises(torch.OutOfMemoryError):
        list(validator.run(Limited(network(hardware), limit=0), step=1))


class NotANumber(Bilinear):
    """A network whose arithmetic has overflowed, as fp16's may."""

    def forward(self, frames: Tensor) -> Tensor:
        return super().forward(frames) * torch.nan


def test_a_picture_that_is_not_finite_scores_nothing(make_dataset: MakeDataset, hardware: Hardware) -> None:
    items = list(make_validator(make_dataset(), hardware).run(NotANumber(), step=1))
    found = result(items)
    assert math.isnan(found.ki.psnr) and math.isnan(found.ki.quality) and found.lr.psnr > 10
    warnings = [item.message for item in items if isinstance(item, ev.WarningRaised)]
    assert warnings == [f"the network's picture of s00{index}.png is not finite" for index in range(2)]
    assert not any(isinstance(item, ev.ComparisonWritten) for item in items)
