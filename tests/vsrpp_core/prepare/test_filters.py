"""What is thrown away and under which reason."""

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from vsrpp_core.data.resize import downscaled, imresize
from vsrpp_core.prepare.duplicates import duplicates
from vsrpp_core.prepare.filters import Picture, has_text, reason_to_skip, sharpness
from vsrpp_core.prepare.recipe import SkipPart

SIDE = 288


def shot(seed: int = 1, step: int = 6) -> list[Picture]:
    """Ground truths [SIDE, SIDE, 3] of a moving camera over textures with sharp edges."""
    chance = np.random.default_rng(seed)
    wall = chance.integers(20, 235, (40, 60, 3)).astype(np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    wall = imresize(imresize(wall, 320, 480), 320, 480)
    return [np.ascontiguousarray(wall[:SIDE, step * n : step * n + SIDE]) for n in range(5)]


def reason(truths: list[Picture]) -> str:
    return reason_to_skip([downscaled(truth) for truth in truths], truths[2], SkipPart())


def titled(truths: list[Picture], text: str = "Where have you\nbeen, my friend?") -> list[Picture]:
    made = []
    for truth in truths:
        image = Image.fromarray(truth)
        pen = ImageDraw.Draw(image)
        pen.text((6, 190), text, fill="white", font_size=36, stroke_width=2, stroke_fill="black")
        made.append(np.asarray(image))
    return made


def test_what_is_good_passes() -> None:
    assert [reason(shot(seed)) for seed in range(5)] == [""] * 5


def test_each_fault_has_its_reason() -> None:
    moving = shot()
    noise = np.random.default_rng(0)
    assert reason([noise.integers(0, 12, frame.shape).astype(np.uint8) for frame in moving]) == "black"
    assert reason([np.full_like(frame, 120 + n) for n, frame in enumerate(moving)]) == "flat"
    assert reason([gaussian_filter(frame, (6, 6, 0)) for frame in moving]) == "blurred"
    assert reason(moving[:1] * 5) == "no motion"
    assert reason(titled(moving)) == "text"


def test_rules_can_be_switched_off() -> None:
    off = SkipPart(black=0, flat=0, blurred=0, still=0, text=False)
    black = [np.zeros((SIDE, SIDE, 3), np.uint8)] * 5
    assert reason_to_skip([downscaled(frame) for frame in black], black[2], off) == ""


def test_blur_lowers_sharpness() -> None:
    grey = shot()[0][..., 1]
    values = [sharpness(gaussian_filter(grey, sigma)) for sigma in (0, 1, 2, 4)]
    assert values == sorted(values, reverse=True) and values[0] > 0.3 and values[-1] < 0.17


def test_text_on_black_is_seen_and_what_only_resembles_it_is_not() -> None:
    black = [np.zeros((SIDE, SIDE, 3), np.uint8)] * 5
    assert has_text([downscaled(frame) for frame in titled(black)])
    assert not has_text([downscaled(frame) for frame in shot(step=0)])  # bright sharp still texture, in all rows
    fence = shot()[0].copy()
    fence[:, ::12] = 255
    fence[:, 6::12] = 0
    assert not has_text([downscaled(fence)] * 5)
    grid = black[0].copy()
    grid[:, ::24] = grid[:, 1::24] = grid[:, 2::24] = 255
    grid[::60] = grid[1::60] = grid[2::60] = 255
    for top in (100, 190):  # something lies on it
        grid[top : top + 60] = 90
    assert not has_text([downscaled(grid)] * 5)
    moving = [np.roll(frame, 9 * n, axis=1) for n, frame in enumerate(titled(black))]
    assert not has_text([downscaled(frame) for frame in moving])  # a caption that moves is part of the scene


@pytest.mark.parametrize("tolerance", [0.0, 3.0])
def test_duplicates_are_found_among_many(tolerance: float) -> None:
    chance = np.random.default_rng(3)
    looks = [chance.integers(0, 256, 256).astype(np.uint8) for _ in range(50)]
    near = [np.clip(looks[7].astype(int) + chance.integers(-3, 4, 256), 0, 255).astype(np.uint8)]
    dull = [np.full(256, 100, np.uint8) + chance.integers(0, 2, 256).astype(np.uint8) for _ in range(2)]
    found = duplicates([*looks, *near, *dull], tolerance)
    assert found.tolist() == [False] * 50 + [tolerance > 0] + [False, False]
