"""The demo dataset: photographs that come with scikit-image, seen by a slowly moving camera.

Nothing is downloaded. Training and validation use different photographs, and every clip is a function of its number
alone, so the dataset is the same wherever it is made. Separate from prepare because no video is involved.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vsrpp_core.data.resize import downscaled, imresize
from vsrpp_core.data.stacked import SCALE, DatasetFolder, Split, write_pair
from vsrpp_core.errors import os_errors
from vsrpp_core.messages.events import PreparationProgressed
from vsrpp_core.run.files import TEMPORARY_PREFIX
from vsrpp_core.run.names import user_folder

NAME = "demo-dataset-"
VERSION = 1
"""Incremented whenever the pictures change, so that an older dataset in the cache is not mistaken for this one."""

PHOTOGRAPHS: dict[Split, tuple[str, ...]] = {
    "train": (
        "astronaut.png",
        "chelsea.png",
        "motorcycle_left.png",
        "rocket.jpg",
        "hubble_deep_field.jpg",
        "retina.jpg",
        "brick.png",
        "gravel.png",
    ),
    "val": ("coffee.png", "camera.png", "coins.png", "grass.png"),
}
"""Files in scikit-image's own data folder; to validate on, a colour photograph, two grey ones and a texture."""

CLIPS: dict[Split, int] = {"train": 320, "val": 20}
N_FRAMES = 5
LR_SIDE = 48
MARGIN = 4
"""LR pixels rendered around each patch, so that downscaling sees the picture beyond the patch."""

SHRINK = (1.0, 1.4)
"""How far the camera stands back: photograph pixels per ground-truth pixel; resized with anti-aliasing."""


@dataclass(frozen=True, slots=True)
class Camera:
    """A straight flight over a photograph; pixels and radians at the centre frame, and their change per frame."""

    y: float
    x: float
    angle: float
    pan_y: float
    pan_x: float
    turn: float
    zoom: float

    def at(self, frame: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Matrix [2, 2] and centre [2] (y, x) that take offsets from the view's centre into the photograph."""
        time = frame - N_FRAMES // 2
        angle, scale = self.angle + self.turn * time, (1 + self.zoom) ** time
        cos, sin = scale * np.cos(angle), scale * np.sin(angle)
        centre = np.array([self.y + self.pan_y * time, self.x + self.pan_x * time])
        return np.array([[cos, -sin], [sin, cos]]), centre


def demo_dataset_root() -> Path:
    """Where the demo dataset is kept between runs."""
    return user_folder("cache") / f"{NAME}{VERSION}"


def is_demo_dataset(root: Path) -> bool:
    """Whether ``root`` is a demo dataset, of this version or another."""
    return root.name.startswith(NAME)


def make_demo_dataset(root: Path | None = None) -> Iterator[PreparationProgressed]:
    """Make the dataset unless it exists, with progress.

    It is written beside its final place and renamed as a whole, so a dataset that exists is complete.
    """
    root = root or demo_dataset_root()
    if root.is_dir():
        return
    draft = root.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}-{root.name}")
    shutil.rmtree(draft, ignore_errors=True)
    with os_errors(root, "cannot be made"):
        draft.mkdir(parents=True)
    try:
        folder, total = DatasetFolder(draft), sum(CLIPS.values())
        jobs = [(split, number) for split, count in CLIPS.items() for number in range(count)]
        for done, (split, number) in enumerate(jobs, start=1):
            _write_clip(folder, split, number)
            yield PreparationProgressed(task="making the demo dataset", done=done, total=total)
        if not root.is_dir():  # another process may have been quicker
            draft.rename(root)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        _photograph.cache_clear()


def _write_clip(folder: DatasetFolder, split: Split, number: int) -> None:
    names = PHOTOGRAPHS[split]
    photograph_name = names[number % len(names)]
    random = np.random.default_rng((VERSION, len(split), number))
    photograph = _photograph(photograph_name, SHRINK[int(random.integers(len(SHRINK)))])
    side = SCALE * (LR_SIDE + 2 * MARGIN)
    views = [_view(photograph, *camera, side) for camera in _flight(photograph, side, random)]
    inner = slice(SCALE * MARGIN, SCALE * (MARGIN + LR_SIDE))
    frames = [downscaled(view)[MARGIN : MARGIN + LR_SIDE, MARGIN : MARGIN + LR_SIDE] for view in views]
    ground_truth = np.ascontiguousarray(views[N_FRAMES // 2][inner, inner])
    write_pair(folder, split, f"{Path(photograph_name).stem}_{number:04d}.png", frames, ground_truth)


def _flight(
    photograph: NDArray[np.float32], side: int, random: np.random.Generator
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """The camera at each frame, on a flight that keeps its view within the photograph."""
    pan = random.uniform(-2.5, 2.5, 2)
    reach = (
        side / 2 * 1.1 + N_FRAMES // 2 * np.abs(pan) + 2
    )  # the turned and zoomed view's half side, and the way flown
    height, width = photograph.shape[:2]
    camera = Camera(
        y=random.uniform(min(reach[0], height / 2), max(height - reach[0], height / 2)),
        x=random.uniform(min(reach[1], width / 2), max(width - reach[1], width / 2)),
        angle=random.uniform(-0.05, 0.05),
        pan_y=pan[0],
        pan_x=pan[1],
        turn=random.uniform(-0.006, 0.006),
        zoom=random.uniform(-0.006, 0.006),
    )
    return [camera.at(frame) for frame in range(N_FRAMES)]


def _view(
    photograph: NDArray[np.float32], matrix: NDArray[np.float64], centre: NDArray[np.float64], side: int
) -> NDArray[np.uint8]:
    """What the camera sees, [side, side, 3]; ``photograph`` holds spline coefficients, mirrored beyond its borders."""
    from scipy.ndimage import affine_transform

    offset = centre - matrix @ np.full(2, (side - 1) / 2)
    channels = [
        affine_transform(photograph[..., c], matrix, offset, (side, side), order=3, mode="mirror", prefilter=False)
        for c in range(photograph.shape[2])
    ]
    picture = np.stack(channels, axis=-1)
    if picture.shape[2] == 1:
        picture = np.repeat(picture, 3, axis=2)
    view: NDArray[np.uint8] = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    return view


@cache
def _photograph(name: str, shrink: float) -> NDArray[np.float32]:
    """Cubic spline coefficients [H, W, C] of a photograph, shrunk with anti-aliasing; C is 1 for a grey one."""
    from scipy.ndimage import spline_filter  # these are slow to import, and every session imports this module
    from skimage.data import data_dir

    with Image.open(Path(data_dir) / name) as image:
        picture = np.atleast_3d(np.asarray(image))
    if shrink != 1:
        picture = imresize(picture, round(picture.shape[0] / shrink), round(picture.shape[1] / shrink))
    channels = np.moveaxis(picture, -1, 0).astype(np.float32)
    return np.stack([spline_filter(c, order=3, mode="mirror", output=np.float32) for c in channels], axis=-1)
