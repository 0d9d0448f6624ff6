from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image

from vsrpp_core.apply.evaluate import ClipScores, EvaluationProgress, Scores, evaluate, mean_scores, window
from vsrpp_core.data.degrade import downscale3, imresize, upscale3
from vsrpp_core.errors import VsrppError
from vsrpp_core.network.metrics import luma, psnr, ssim, to_8bit
from vsrpp_core.network.model import VSRBidirectional3x

HEIGHT, WIDTH, FRAMES = 33, 36, 4
Frame = NDArray[np.uint8]


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A network whose picture is the bilinear one exactly: its last convolution adds nothing."""
    model = VSRBidirectional3x(n_feats=4, n_blocks=2, n_frames=5)
    model.initialize()
    state = model.state_dict()
    state["upsample.2.weight"].zero_()
    shape = {"n_feats": 4, "n_blocks": 2, "n_frames": 5}
    torch.save({"format": 1, "config": {"model": shape}, "model": state}, tmp_path / "checkpoint.pth")
    return tmp_path / "checkpoint.pth"


def scene(shift: int) -> Frame:
    random = np.random.default_rng(4)
    picture = imresize(random.integers(0, 256, (14, 14, 3), dtype=np.uint8), HEIGHT + 8, WIDTH + 8)
    return picture[shift : shift + HEIGHT, shift : shift + WIDTH]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Frames two pixels larger than a multiple of 3, among files that are none."""
    folder = tmp_path / "clip"
    folder.mkdir()
    for index in range(FRAMES):
        Image.fromarray(np.pad(scene(index), ((0, 2), (0, 1), (0, 0)))).save(folder / f"{index:04d}.png")
    (folder / "notes.txt").write_text("not a frame")
    return folder


def run(checkpoint: Path, clips: list[Path], border: int = 0) -> list[EvaluationProgress | ClipScores]:
    return list(evaluate(checkpoint, clips, border, "fp32"))


def expected(upscale: Callable[[Frame], Frame], border: int) -> tuple[Scores, Scores]:
    """Y and RGB, from the metrics alone."""
    rows = []
    for index in range(FRAMES):
        truth = scene(index)
        pictures = (upscale(downscale3(truth)), truth)
        x, y = (
            torch.from_numpy(p[border : HEIGHT - border, border : WIDTH - border].copy()).permute(2, 0, 1)[None]
            for p in pictures
        )
        rows.append([float(score) for a, b in ((luma(x), luma(y)), (x, y)) for score in (psnr(a, b), ssim(a, b))])
    y_psnr, y_ssim, rgb_psnr, rgb_ssim = np.mean(rows, axis=0).tolist()
    return Scores(y_psnr, y_ssim), Scores(rgb_psnr, rgb_ssim)


def bilinear(small: Frame) -> Frame:
    batch = torch.from_numpy(small).permute(2, 0, 1)[None].float() / 255
    large = F.interpolate(batch, scale_factor=3, mode="bilinear", align_corners=False)
    return np.asarray(to_8bit(large)[0].permute(1, 2, 0).numpy())


@pytest.mark.parametrize("border", [0, 3])
def test_a_clip_is_scored_beside_bicubic(checkpoint: Path, clip: Path, border: int) -> None:
    *progress, row = run(checkpoint, [clip], border)
    assert progress == [EvaluationProgress("clip", done, FRAMES) for done in range(1, FRAMES + 1)]
    assert isinstance(row, ClipScores) and (row.clip, row.frames) == ("clip", FRAMES)
    for scores, wanted in zip(
        (row.bicubic_y, row.bicubic_rgb, row.ki_y, row.ki_rgb),
        (*expected(upscale3, border), *expected(bilinear, border)),
        strict=True,
    ):
        assert (scores.psnr, scores.ssim) == pytest.approx((wanted.psnr, wanted.ssim), rel=1e-9)


def test_a_window_repeats_the_frames_at_the_ends() -> None:
    frames = [np.full((1, 1, 3), index, dtype=np.uint8) for index in range(4)]

    def places(centre: int, count: int = 4) -> list[int]:
        return [int(place) for place in window(frames[:count], centre, n_frames=5)[:, 0, 0, 0]]

    assert [places(centre) for centre in range(4)] == [
        [0, 0, 0, 1, 2],
        [0, 0, 1, 2, 3],
        [0, 1, 2, 3, 3],
        [1, 2, 3, 3, 3],
    ]
    assert places(0, count=1) == [0, 0, 0, 0, 0]


def test_each_clip_counts_the_same_in_the_mean() -> None:
    one, two = Scores(20.0, 0.5), Scores(30.0, 0.75)
    mean = mean_scores([ClipScores("a", 1, one, two, one, one), ClipScores("b", 9, two, two, one, two)])
    assert (mean.clip, mean.frames) == ("mean", 10)
    assert (mean.bicubic_y, mean.ki_y, mean.bicubic_rgb) == (Scores(25.0, 0.625), two, one)


@pytest.mark.parametrize("border", [-1, 12, 400])
def test_a_border_that_does_not_fit_is_refused(checkpoint: Path, clip: Path, border: int) -> None:
    with pytest.raises(VsrppError, match=f"--border {border} does not fit"):
        run(checkpoint, [clip], border)


def test_the_widest_border_that_fits_is_fine(checkpoint: Path, clip: Path) -> None:
    assert isinstance(run(checkpoint, [clip], border=11)[-1], ClipScores)


def test_a_folder_without_frames_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(VsrppError, match="empty holds no frames"):
        run(checkpoint, [tmp_path / "empty"])


def test_frames_of_different_sizes_are_refused(checkpoint: Path, clip: Path) -> None:
    Image.new("RGB", (60, 60)).save(clip / "9999.png")
    with pytest.raises(VsrppError, match="frames of different sizes"):
        run(checkpoint, [clip])


def test_a_clip_that_does_not_exist_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(VsrppError, match=r"nowhere\.mp4"):
        run(checkpoint, [tmp_path / "nowhere.mp4"])


def test_a_checkpoint_that_does_not_exist_is_refused(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(VsrppError, match="does not exist"):
        run(tmp_path / "nowhere.pth", [clip])
