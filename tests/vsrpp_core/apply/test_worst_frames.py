from itertools import count

import numpy as np
import pytest
from numpy.typing import NDArray

from vsrpp_core.apply.worst_frames import CROP, GAP, MARGIN, SHOWN, STRETCH, Detail, WorstFrames, sheet

Frame = NDArray[np.uint8]


def grey(width: int, height: int, level: int = 100) -> Frame:
    return np.full((height, width, 3), level, dtype=np.uint8)


def found(psnrs: list[float], wanted: int) -> list[tuple[int, float]]:
    worst = WorstFrames(wanted, border=0)
    for frame, psnr in zip(count(1), psnrs, strict=False):
        worst.add(frame, (20.0, psnr), (grey(24, 24), grey(24, 24), grey(24, 24)))
    return [(detail.of.frame, detail.of.ki_psnr) for detail in worst.details()]


@pytest.mark.parametrize("wanted", [1, 3, 9])
def test_the_worst_of_each_stretch_are_kept_the_worst_first(wanted: int) -> None:
    psnrs = np.random.default_rng(1).permutation(100).astype(float).tolist()
    stretches = [min(zip(psnrs[at : at + STRETCH], count(at + 1), strict=False)) for at in range(0, 100, STRETCH)]
    assert found(psnrs, wanted) == [(frame, psnr) for psnr, frame in sorted(stretches)[:wanted]]


def one_detail(width: int, height: int, at: tuple[int, int], border: int) -> Detail:
    """Of a network that is right but for eight pixels at ``at``, and worse in the border's corner."""
    truth, bicubic = grey(width, height), grey(width, height, 50)
    picture = truth.copy()
    picture[:2, :2] = 255
    picture[at[1] : at[1] + 8, at[0] : at[0] + 8] = 200
    worst = WorstFrames(1, border)
    worst.add(7, (20.0, 21.5), (bicubic, picture, truth))
    (detail,) = worst.details()
    return detail


@pytest.mark.parametrize(("at", "left", "top"), [((250, 150), 206, 106), ((388, 8), 302, 2)])
def test_the_detail_is_where_the_error_is_largest_and_scored(at: tuple[int, int], left: int, top: int) -> None:
    detail = one_detail(400, 300, at, border=2)
    of = detail.of
    assert (of.frame, of.bicubic_psnr, of.ki_psnr, of.width, of.height) == (7, 20.0, 21.5, CROP, CROP)
    assert of.left == pytest.approx(left, abs=10) and of.top == pytest.approx(top, abs=10)
    bicubic, network, truth = detail.crops
    assert (bicubic == 50).all() and (truth == 100).all() and (network == 200).sum() == 3 * 64
    assert not (network == 255).any(), "the border is not scored"


def test_a_sheet_shows_each_detail_enlarged_pixel_by_pixel_beside_the_others() -> None:
    detail = one_detail(400, 300, (250, 150), border=2)
    paper = np.asarray(sheet("walk", "a network of a rather long name.pth " * 9, [detail, detail]))
    assert paper.shape[1] == 2 * MARGIN + 3 * SHOWN + 2 * GAP
    rows = paper[-MARGIN - SHOWN : -MARGIN]
    restored = np.asarray(
        sheet("walk", "a network of a rather long name.pth " * 9, [detail, detail], is_enlarged=False)
    )
    assert (restored != paper).any() and (restored[:, MARGIN + SHOWN :] == paper[:, MARGIN + SHOWN :]).all()
    factor = SHOWN // CROP
    for column, crop in enumerate(detail.crops):
        left = MARGIN + column * (SHOWN + GAP)
        assert (rows[:, left : left + SHOWN] == crop.repeat(factor, 0).repeat(factor, 1)).all()


def test_frames_smaller_than_a_detail_are_shown_whole() -> None:
    detail = one_detail(40, 24, (20, 10), border=0)
    assert (detail.of.left, detail.of.top, detail.of.width, detail.of.height) == (0, 0, 40, 24)
    assert sheet("walk", "a.pth", [detail]).width == 2 * MARGIN + 3 * 9 * 40 + 2 * GAP
