"""Host time of a validation: as it was, each pair read, upscaled bicubically and scored in float64, and as it is.

    python benchmarks/validation.py [--pairs 340] [--files 24] [--rounds 3] [--step 0.1] [--every 500]

Pairs of 540 pixels of ground truth, ``--files`` of them on the disk, listed again and again. The ways take turns:
``was`` as in the first versions; ``host`` today's on a CPU that scores too; ``read`` and ``kept`` today's beside a
card, with pairs from their files and from memory; ``first`` with the bicubic scores of a session's first validation.

The card is simulated: it is given its work, as many operations, on a corner of the pictures, and its clock runs
``--step`` / 12 seconds for each pair, the forward pass of one sample where a step has four. Prints one line of JSON:
milliseconds of processor time a pair, of all threads; seconds of a validation by the clock; and the share of training
time at ``--step`` seconds a step and a validation every ``--every`` steps: ``share`` of whole validations by the clock,
and ``host_share`` of their processor time, as if the card waited for all of it. Medians of the rounds.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.rig.load import OtherLoad
from vsrpp_core.data.resize import downscaled, imresize, upscaled
from vsrpp_core.data.stacked import DatasetFolder, PairPaths, StackGeometry, load_pair, write_pair
from vsrpp_core.device.hardware import choose_hardware
from vsrpp_core.messages.kinds import Alignment
from vsrpp_core.network.metrics import _blur, device_score
from vsrpp_core.run.files import write_atomically
from vsrpp_core.run.pictures.comparison_picture import side_by_side
from vsrpp_core.training import validator as validator_module
from vsrpp_core.training.validator import ValidationResult, Validator

SIDE = 540
CORNER = 16
BESIDE_CARD = ("was", "first", "read", "kept")
FORWARD_SHARE = 1 / 12
"""Of a step of four samples, whose backward passes take as long as two forward passes each."""


class Clock:
    """Until when a card that computes one thing after another is busy."""

    def __init__(self) -> None:
        self.pass_seconds, self.free_at = 0.0, 0.0

    def compute(self) -> None:
        self.free_at = max(self.free_at, time.perf_counter()) + self.pass_seconds


CARD = Clock()


class FromCard:
    """What comes back when the card has come to it: its values do not matter, its time does."""

    picture: Tensor

    def __init__(self, tensor: Tensor) -> None:
        self._tensor, self._at = tensor, CARD.free_at

    def take(self) -> Tensor:
        time.sleep(max(0.0, self._at - time.perf_counter()))
        return self.picture if self._tensor.dim() == 4 else self._tensor


class Network(nn.Module):
    """Its picture is there already."""

    n_blocks, n_frames, scale = 0, 5, 3
    alignment: Alignment = "none"

    def __init__(self, picture: Tensor) -> None:
        super().__init__()
        self.output = picture.float() / 255

    def forward(self, frames: Tensor) -> Tensor:
        CARD.compute()
        return self.output


def main() -> None:
    options = arguments()
    torch.set_num_threads(1)
    load = OtherLoad()
    with tempfile.TemporaryDirectory() as folder:
        ways = Ways(Path(folder), options.files, options.pairs)
        CARD.pass_seconds = options.step * FORWARD_SHARE
        taken: dict[str, list[tuple[float, float]]] = {}
        for _ in range(options.rounds):
            for name, way in ways.all().items():
                taken.setdefault(name, []).append(timed(way))
    host = {name: statistics.median(cpu for cpu, _ in times) for name, times in taken.items()}
    walls = {name: statistics.median(wall for _, wall in times) for name, times in taken.items()}
    steps, passes = options.step * options.every, options.pairs * CARD.pass_seconds
    result = {
        "benchmark": "validation",
        "pairs": options.pairs,
        "host_ms": {name: round(1000 * value / options.pairs, 2) for name, value in host.items()},
        "seconds": {name: round(value, 2) for name, value in walls.items()},
        "share": {name: round(walls[name] / (steps + walls[name]), 4) for name in BESIDE_CARD},
        "host_share": {name: round(host[name] / (steps + passes + host[name]), 4) for name in BESIDE_CARD},
        "network_seconds": round(passes, 2),
        "rounds": options.rounds,
        **load.tell(),
    }
    print(json.dumps(result))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name, default in (("pairs", 340), ("files", 24), ("rounds", 3), ("every", 500)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--step", type=float, default=0.1)
    return parser.parse_args()


def timed(way: Callable[[], None]) -> tuple[float, float]:
    """Seconds of processor time and of the clock."""
    begun, wall = time.process_time(), time.perf_counter()
    way()
    return time.process_time() - begun, time.perf_counter() - wall


class Ways:
    """To validate the same pairs."""

    def __init__(self, folder: Path, files: int, pairs: int) -> None:
        made = make_pairs(folder, files)
        self._pairs = [made[index % files] for index in range(pairs)]
        self._geometry, self._folder = StackGeometry(5, SIDE // 3, SIDE // 3), folder
        FromCard.picture = self._picture = torch.tensor(load_pair(made[0], self._geometry)[1]).permute(2, 0, 1)[None]
        self._room = room = pairs * self._geometry.pair_bytes
        self._on_host, self._kept, self._read = self._validator(room), self._validator(room), self._validator(0)
        self._on_cpu(self._on_host)
        self._on_card(self._kept)
        self._on_card(self._read)

    def all(self) -> dict[str, Callable[[], None]]:
        first = self._validator(self._room)
        return {
            "was": self._as_it_was,
            "host": lambda: self._on_cpu(self._on_host),
            "first": lambda: self._on_card(first),
            "read": lambda: self._on_card(self._read),
            "kept": lambda: self._on_card(self._kept),
        }

    def _validator(self, room: int) -> Validator:
        hardware = choose_hardware("fp32")
        return Validator(self._pairs, self._geometry, hardware, self._folder / "pictures", room)

    def _on_cpu(self, validator: Validator) -> None:
        *_, result = validator.run(Network(self._picture), 1)
        assert isinstance(result, ValidationResult) and result.samples == len(self._pairs)

    def _on_card(self, validator: Validator) -> None:
        with (
            patch.object(validator_module, "Fetched", FromCard),
            patch.object(validator_module, "device_score", lambda *pictures: device_score(*map(corner, pictures))),
        ):
            *_, result = validator.run(Network(corner(self._picture)), 1)
        assert isinstance(result, ValidationResult) and result.samples == len(self._pairs)

    def _as_it_was(self) -> None:
        """The host waited for each picture before it went on; the bicubic score was known from the second time on."""
        pictured = {round(part * (len(self._pairs) - 1) / 3) for part in range(4)}
        for index, pair in enumerate(self._pairs):
            frames, truth = load_pair(pair, self._geometry)
            CARD.compute()
            FromCard(self._picture).take()
            bicubic = upscaled(frames[len(frames) // 2])
            reference = torch.tensor(truth).permute(2, 0, 1)[None]
            score_as_it_was(self._picture, reference)
            if index in pictured:
                picture = self._picture[0].permute(1, 2, 0).numpy()
                sheet = side_by_side((bicubic, picture, truth), ("LR", "KI", "GT"))
                write_atomically(self._folder / "was.png", partial(sheet.save, format="PNG"))


def corner(picture: Tensor) -> Tensor:
    return picture[..., :CORNER, :CORNER]


def score_as_it_was(image: Tensor, reference: Tensor) -> tuple[float, float]:
    """PSNR and SSIM in float64 with a blur for each of five planes."""
    x, y = image.double(), reference.double()
    psnr = 10 * torch.log10(255.0**2 / (x - y).square().mean())
    mean_x, mean_y = _blur(x), _blur(y)
    variance_x, variance_y = _blur(x * x) - mean_x.square(), _blur(y * y) - mean_y.square()
    covariance = _blur(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    likeness = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    energy = (mean_x.square() + mean_y.square() + c1) * (variance_x + variance_y + c2)
    return float(psnr), float((likeness / energy).mean())


def make_pairs(root: Path, count: int) -> list[PairPaths]:
    random = np.random.default_rng(0)
    for index in range(count):
        smooth = imresize(random.integers(0, 256, (60, 60, 3), dtype=np.uint8), SIDE, SIDE)
        picture = (smooth + random.normal(0, 4, smooth.shape)).clip(0, 255).astype(np.uint8)
        frames = [downscaled(np.roll(picture, shift, axis=1)) for shift in range(-2, 3)]
        write_pair(DatasetFolder(root), "val", f"noise_{index}.png", frames, picture)
    return DatasetFolder(root).pairs("val")


if __name__ == "__main__":
    main()
