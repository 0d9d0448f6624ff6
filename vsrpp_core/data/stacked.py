"""The frame-stack image format: what a pair is, where a dataset keeps its pairs, how one is read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vsrpp_core.errors import VsrppError

Split = Literal["train", "val"]


@dataclass(frozen=True)
class StackGeometry:
    n_frames: int
    height: int
    width: int

    @property
    def gt_height(self) -> int:
        return 3 * self.height

    @property
    def gt_width(self) -> int:
        return 3 * self.width

    def __str__(self) -> str:
        return f"{self.n_frames} × {self.width}×{self.height} → {self.gt_width}×{self.gt_height}"


def geometry_of(lr_size: tuple[int, int], gt_size: tuple[int, int]) -> StackGeometry:
    width, height = gt_size[0] // 3, gt_size[1] // 3
    return StackGeometry(lr_size[1] // height, height, width)


def read_image(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def read_stack(path: Path, geometry: StackGeometry) -> NDArray[np.uint8]:
    return read_image(path).reshape(geometry.n_frames, geometry.height, geometry.width, 3)


@dataclass(frozen=True)
class PairPaths:
    name: str
    lr: Path
    gt: Path


@dataclass(frozen=True)
class DatasetFolder:
    root: Path

    def pairs(self, split: Split) -> list[PairPaths]:
        base = self.root / ("Patches" if split == "train" else "Val")
        return [PairPaths(p.name, base / "LR" / p.name, p) for p in sorted((base / "GT").glob("*.png"))]


@dataclass(frozen=True)
class DatasetSummary:
    train: int
    val: int
    geometry: StackGeometry | None
    problem: str


def summarize(root: Path) -> DatasetSummary:
    folder = DatasetFolder(root)
    train, val = folder.pairs("train"), folder.pairs("val")
    if not train:
        return DatasetSummary(0, len(val), None, f"{root} has no pairs")
    with Image.open(train[0].lr) as lr, Image.open(train[0].gt) as gt:
        return DatasetSummary(len(train), len(val), geometry_of(lr.size, gt.size), "")
