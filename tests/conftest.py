"""Fixtures that keep a test away from the user's own folders, and datasets small enough to train on in a second."""

import os
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import pytest
from PIL import Image

from vsrpp_core.data.degrade import downscale3, imresize

N_FRAMES = 5
LR_SIDE = 16

MakeDataset = Callable[..., Path]


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path_factory.mktemp("home")
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(home))


@pytest.fixture
def make_dataset(tmp_path: Path) -> MakeDataset:
    """Write a dataset of smooth random pictures that move by a pixel a frame."""

    def make(n_train: int = 10, n_val: int = 2, side: int = LR_SIDE, root: Path | None = None) -> Path:
        root = root or tmp_path / "data"
        for split, count in (("Patches", n_train), ("Val", n_val)):
            for index in range(count):
                _write_sample(root / split, f"s{index:03d}.png", side, seed=index + (1000 if split == "Val" else 0))
        return root

    return make


def _write_sample(base: Path, name: str, side: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    full = 3 * side
    scene = imresize(random.integers(0, 256, (side, side, 3), dtype=np.uint8), full + 8, full + 8)
    frames = [scene[shift : shift + full, 4 : 4 + full] for shift in range(1, 1 + N_FRAMES)]
    for folder, picture in (("GT", frames[N_FRAMES // 2]), ("LR", np.concatenate([downscale3(f) for f in frames]))):
        (base / folder).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(base / folder / name)
