"""PSNR and SSIM against scikit-image, an independent implementation of the same definitions."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage import data
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from vsrpp_core.data.resize import imresize
from vsrpp_core.network.metrics import (
    Score,
    device_score,
    luma,
    mean_over_clips,
    mean_score,
    psnr,
    quality,
    score,
    ssim,
    to_8bit,
)

Picture = NDArray[np.uint8]
ALIKE = 1e-9
"""dB, and SSIM: both sides compute in double precision."""


def random_picture() -> Picture:
    return np.random.default_rng(3).integers(0, 256, (41, 50, 3), dtype=np.uint8)


REFERENCES: dict[str, Callable[[], Picture]] = {
    "random": random_picture,
    "astronaut": lambda: data.astronaut()[100:301, 150:370],
    "chelsea": lambda: data.chelsea()[20:211, 60:361],
    "page": lambda: np.repeat(data.page()[..., None], 3, axis=2),
    "rocket": lambda: data.rocket()[:240, 200:443],
}
"""A picture of noise and photographs out of scikit-image's own wheel: a portrait, fur, print, and a dark smooth sky."""


def noisy(picture: Picture) -> Picture:
    noise = np.random.default_rng(4).normal(0, 12, picture.shape)
    return np.clip(picture + noise, 0, 255).round().astype(np.uint8)


def blurred(picture: Picture) -> Picture:
    return np.asarray(gaussian_filter(picture, sigma=(1.7, 1.7, 0)))


def enlarged(picture: Picture) -> Picture:
    height, width = (side // 3 for side in picture.shape[:2])
    return imresize(imresize(picture, height, width), *picture.shape[:2])


def compressed(picture: Picture) -> Picture:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format="JPEG", quality=20)
    return np.asarray(Image.open(file))


def one_level_off(picture: Picture) -> Picture:
    """The smallest change there is: one channel of one pixel by one level."""
    changed = picture.copy()
    changed[20, 20, 1] ^= 1
    return changed


def flat(picture: Picture) -> Picture:
    return np.full_like(picture, 128)


def inverted(picture: Picture) -> Picture:
    return 255 - picture


DEGRADATIONS = (noisy, blurred, enlarged, compressed, one_level_off, flat, inverted)


def as_batch(image: NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(image.copy()).permute(2, 0, 1).unsqueeze(0)


def skimage_psnr(image: NDArray[Any], reference: NDArray[Any]) -> float:
    return float(peak_signal_noise_ratio(reference, image, data_range=255))


def skimage_ssim(image: NDArray[Any], reference: NDArray[Any], **window: Any) -> float:
    """Of the valid region of the Gaussian window of 11 pixels, or of another window."""
    window = window or {"gaussian_weights": True, "sigma": 1.5}
    _, full = structural_similarity(
        reference.astype(np.float64), image.astype(np.float64), data_range=255, channel_axis=2,
        use_sample_covariance=False, full=True, **window,
    )  # fmt: skip
    return float(full[5:-5, 5:-5].mean())


@pytest.mark.parametrize("degrade", DEGRADATIONS, ids=lambda degrade: degrade.__name__)
@pytest.mark.parametrize("name", REFERENCES)
def test_psnr_and_ssim_are_scikit_image_s(name: str, degrade: Callable[[Picture], Picture]) -> None:
    reference = REFERENCES[name]()
    image = degrade(reference)
    assert float(psnr(as_batch(image), as_batch(reference))) == pytest.approx(skimage_psnr(image, reference), abs=ALIKE)
    assert float(ssim(as_batch(image), as_batch(reference))) == pytest.approx(skimage_ssim(image, reference), abs=ALIKE)


@pytest.mark.parametrize("degrade", DEGRADATIONS, ids=lambda degrade: degrade.__name__)
def test_the_score_of_a_validation_agrees_with_them(degrade: Callable[[Picture], Picture]) -> None:
    """SSIM in float32, also where it is hardest: in a bright flat picture of little noise."""
    bright = (np.full((120, 90, 3), 250) + np.random.default_rng(1).integers(-1, 2, (120, 90, 3))).astype(np.uint8)
    for reference in (bright, REFERENCES["rocket"]()):
        image = degrade(reference)
        of_psnr, of_ssim = device_score(as_batch(image), as_batch(reference)).tolist()
        exact = score(as_batch(image), as_batch(reference))
        assert of_psnr == exact.psnr and of_ssim == pytest.approx(exact.ssim, abs=1e-5)


@pytest.mark.parametrize("degrade", DEGRADATIONS, ids=lambda degrade: degrade.__name__)
def test_so_they_are_in_luma(degrade: Callable[[Picture], Picture]) -> None:
    reference = REFERENCES["chelsea"]()
    image = degrade(reference)
    y, x = (rgb2ycbcr(picture)[..., :1] for picture in (reference, image))
    ours = luma(as_batch(image)), luma(as_batch(reference))
    assert float((ours[0] - as_batch(x)).abs().max()) < 1e-9
    assert float(psnr(*ours)) == pytest.approx(skimage_psnr(x, y), abs=ALIKE)
    assert float(ssim(*ours)) == pytest.approx(skimage_ssim(x, y), abs=ALIKE)


@pytest.mark.parametrize("side", [7, 11])
def test_a_uniform_window_would_give_another_ssim(side: int) -> None:
    """So that the comparison above cannot pass with the box window that some programs use."""
    reference = REFERENCES["chelsea"]()
    image = enlarged(reference)
    ours = float(ssim(as_batch(image), as_batch(reference)))
    assert abs(ours - skimage_ssim(image, reference, win_size=side)) > 1e-3


def test_mean_over_clips_weighs_every_clip_the_same() -> None:
    scores = [("a", Score(30.0, 0.5)), ("b", Score(20.0, 0.75)), ("a", Score(32.0, 0.25)), ("a", Score(34.0, 0.75))]
    assert mean_over_clips(scores) == Score((32.0 + 20.0) / 2, (0.5 + 0.75) / 2)
    assert mean_score(score for _, score in scores) == Score(29.0, 0.5625)


def test_luma_is_studio_range() -> None:
    colours = torch.tensor([[0, 0, 0], [255, 255, 255], [255, 0, 0]], dtype=torch.uint8).T.reshape(1, 3, 1, 3)
    assert luma(colours).flatten().tolist() == pytest.approx([16.0, 235.0, 81.481], abs=1e-2)


def test_to_8bit_clamps_and_rounds() -> None:
    values = torch.tensor([-0.2, 0.0, 0.5, 0.998, 1.3])
    assert to_8bit(values).tolist() == [0, 0, 128, 254, 255]


@pytest.mark.parametrize(
    ("psnr_db", "ssim_value", "expected"), [(20, 0, 0.0), (50, 1, 1.0), (35, 0.9, 0.62), (60, 1, 1.0), (10, 0.5, 0.15)]
)
def test_quality_weighs_and_clips(psnr_db: float, ssim_value: float, expected: float) -> None:
    assert quality(psnr_db, ssim_value) == pytest.approx(expected)


def test_pictures_smaller_than_the_window_are_refused() -> None:
    small = torch.zeros(1, 3, 10, 40)
    with pytest.raises(ValueError, match="11x11"):
        ssim(small, small)
