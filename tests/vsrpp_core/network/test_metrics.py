"""PSNR and SSIM against scikit-image, an independent implementation of the same definitions."""

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from vsrpp_core.network.metrics import luma, psnr, quality, ssim, to_8bit


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(3)
    reference = random.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    noisy = np.clip(reference + random.normal(0, 12, reference.shape), 0, 255).round().astype(np.uint8)
    return noisy, reference


def as_batch(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image).permute(2, 0, 1).unsqueeze(0)


def test_psnr_is_scikit_image_s(pair: tuple[np.ndarray, np.ndarray]) -> None:
    noisy, reference = pair
    expected = peak_signal_noise_ratio(reference, noisy, data_range=255)  # type: ignore[no-untyped-call]
    assert float(psnr(as_batch(noisy), as_batch(reference))) == pytest.approx(expected, abs=1e-9)


def test_ssim_is_scikit_image_s_in_the_valid_region(pair: tuple[np.ndarray, np.ndarray]) -> None:
    noisy, reference = pair
    _, full = structural_similarity(  # type: ignore[no-untyped-call]
        reference.astype(np.float64),
        noisy.astype(np.float64),
        data_range=255,
        channel_axis=2,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    expected = full[5:-5, 5:-5].mean()
    assert float(ssim(as_batch(noisy), as_batch(reference))) == pytest.approx(expected, abs=1e-9)


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
