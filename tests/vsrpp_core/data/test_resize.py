import os
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import correlate

from vsrpp_core.data.resize import blur_downscaled, downscaled, imresize, resize_weights, upscaled
from vsrpp_core.data.stacked import read_image
from vsrpp_core.network.metrics import luma, psnr, ssim

CLIPS = os.environ.get("VSRPP_CLIPS", "")


@pytest.mark.parametrize(("n_in", "n_out"), [(48, 16), (16, 48), (7, 7), (50, 31), (3, 1), (1, 3), (144, 48)])
def test_a_picture_of_one_colour_stays_what_it_is(n_in: int, n_out: int) -> None:
    weights = resize_weights(n_in, n_out)
    assert weights.shape == (n_out, n_in)
    assert np.abs(weights.sum(axis=1) - 1).max() < 1e-12
    picture = np.full((n_in, n_in, 3), 201, dtype=np.uint8)
    assert (imresize(picture, n_out, n_out) == 201).all()


def test_the_same_size_is_the_same_picture() -> None:
    assert np.array_equal(resize_weights(9, 9), np.eye(9))


def test_downscaling_by_three_has_the_known_weights() -> None:
    """Keys' kernel (a = -0.5), three times as wide, at distances 0, 1/3, … in units of the small picture."""
    distances = np.arange(6) / 3
    near, far = distances[:4], distances[4:]
    kernel = np.concatenate((1.5 * near**3 - 2.5 * near**2 + 1, -0.5 * far**3 + 2.5 * far**2 - 4 * far + 2)) / 3
    row = resize_weights(45, 15)[7]
    assert row[22:28] == pytest.approx(kernel, abs=1e-12)
    assert row[22:16:-1] == pytest.approx(kernel, abs=1e-12) and not row[:17].any() and not row[28:].any()


def test_upscaling_by_three_has_the_known_weights() -> None:
    row = resize_weights(15, 45)[3 * 7 + 2]  # a third of a pixel to the right of small pixel 7
    assert row[6:10] * 27 == pytest.approx([-2, 21, 9, -1], abs=1e-12)
    assert np.count_nonzero(np.abs(row) > 1e-12) == 4


def test_borders_are_mirrored() -> None:
    row = resize_weights(15, 45)[
        0
    ]  # a third of a pixel to the left of pixel 0: its mirror image stands in for -1, 1 for -2
    assert row[:3] * 27 == pytest.approx([21 + 9, -2 - 1, 0], abs=1e-12)


def test_turning_the_picture_turns_the_result() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (30, 24, 3), dtype=np.uint8)
    assert np.array_equal(downscaled(picture[::-1, ::-1]), downscaled(picture)[::-1, ::-1])
    assert np.array_equal(upscaled(picture.swapaxes(0, 1)), upscaled(picture).swapaxes(0, 1))


def test_edges_overshoot_and_are_clipped_not_wrapped() -> None:
    picture = np.zeros((8, 8, 1), dtype=np.uint8)
    picture[:, 4:] = 255
    row = upscaled(picture)[12, :, 0].astype(int)
    assert row[:6].max() == 0 and row[-6:].min() == 255 and (np.diff(row[9:15]) >= 0).all()


# blurred and every third pixel taken


def plain_blur_downscale(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The whole picture blurred in two dimensions and rounded, then the middle of each 3x3 pixels."""
    y, x = np.mgrid[-3:4, -3:4]
    kernel = np.exp(-(x**2 + y**2) / (2 * 1.6**2))
    planes = [correlate(image[..., c].astype(np.float64), kernel / kernel.sum(), mode="nearest") for c in range(3)]
    blurred = np.floor(np.stack(planes, axis=-1) + 0.5).astype(np.uint8)
    return blurred[1::3, 1::3]


@pytest.mark.parametrize(("height", "width"), [(3, 3), (12, 9), (36, 48)])
def test_blurring_is_the_plain_one(height: int, width: int) -> None:
    image = np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)
    small = blur_downscaled(image)
    assert small.shape == (height // 3, width // 3, 3) and small.dtype == np.uint8
    assert np.array_equal(small, plain_blur_downscale(image))


def test_blurring_keeps_the_picture_where_it_is() -> None:
    turned = np.random.default_rng(8).integers(0, 256, (30, 30, 3), dtype=np.uint8)
    assert np.array_equal(blur_downscaled(turned[::-1, ::-1]), blur_downscaled(turned)[::-1, ::-1])
    assert np.all(blur_downscaled(np.full((9, 9, 3), 200, dtype=np.uint8)) == 200)


@pytest.mark.parametrize("scale", [2, 4])
def test_at_other_scales_nothing_is_shifted(scale: int) -> None:
    """A ramp stays the ramp, where the picture's edge is far."""
    ramp = np.broadcast_to(np.arange(0, 192, 2, dtype=np.uint8)[:, None, None], (96, 96, 3))
    centres = np.clip(ramp.reshape(-1, scale, 96, 3).mean(axis=1)[:, :1], 0, 255)
    for small in (downscaled(ramp, scale), blur_downscaled(ramp, scale)):
        assert small.shape == (96 // scale, 96 // scale, 3)
        assert np.abs(small[3:-3].astype(float) - centres[3:-3]).max() <= 0.5
    assert np.abs(upscaled(downscaled(ramp, scale), scale)[12:-12].astype(int) - ramp[12:-12]).max() <= 1


def test_a_scale_of_one_leaves_the_picture_and_blurs_it_for_bd() -> None:
    picture = np.random.default_rng(9).integers(0, 256, (12, 15, 3), dtype=np.uint8)
    assert np.array_equal(downscaled(picture, 1), picture) and np.array_equal(upscaled(picture, 1), picture)
    assert np.array_equal(blur_downscaled(picture, 1)[1::3, 1::3], blur_downscaled(picture))


# against published figures


@pytest.mark.skipif(not CLIPS, reason="set VSRPP_CLIPS to a folder with the frames of two clips, walk/ and foliage/")
@pytest.mark.timeout(600)  # some hundred large pictures
@pytest.mark.parametrize(
    ("clip", "in_luma", "in_rgb"),
    [("walk", (28.192, 0.8670), (26.863, 0.8544)), ("foliage", (25.115, 0.6982), (23.762, 0.6831))],
)
def test_bicubic_scores_are_the_known_ones(
    clip: str, in_luma: tuple[float, float], in_rgb: tuple[float, float]
) -> None:
    scores = np.mean([bicubic_scores(read_image(path)) for path in sorted(Path(CLIPS, clip).glob("*.png"))], axis=0)
    assert scores[[0, 2]] == pytest.approx([in_luma[0], in_rgb[0]], abs=1e-3)
    assert scores[[1, 3]] == pytest.approx([in_luma[1], in_rgb[1]], abs=1e-4)


def bicubic_scores(frame: NDArray[np.uint8]) -> list[float]:
    """PSNR and SSIM of Y, then of RGB, of a frame shrunk and enlarged three times."""
    truth = frame[: frame.shape[0] // 3 * 3, : frame.shape[1] // 3 * 3]
    x, y = (torch.from_numpy(picture.copy()).permute(2, 0, 1)[None] for picture in (upscaled(downscaled(truth)), truth))
    return [float(score) for a, b in ((luma(x), luma(y)), (x, y)) for score in (psnr(a, b), ssim(a, b))]
