"""Cuts are found, and what is only fast or bright is not taken for one."""

import numpy as np
import pytest

from tests.vsrpp_core.conftest import Frame, pan
from vsrpp_core.video import scenes as module
from vsrpp_core.video.scenes import is_repeat, scenes


def cuts(frames: list[Frame]) -> list[int]:
    """Frames at which a new scene begins."""
    numbers = [number for number, _ in scenes(frames)]
    return [n for n in range(1, len(numbers)) if numbers[n] != numbers[n - 1]]


def shot(seed: int, count: int, step: int = 1) -> list[Frame]:
    """Full contrast: a shot that differs from any other."""
    dark, light = np.random.default_rng(seed).permutation([20.0, 230.0])
    frames = pan(seed, count, step=step)
    return [np.rint(dark + (light - dark) * (frame / 255.0)).astype(np.uint8) for frame in frames]


def test_every_frame_comes_once_in_order() -> None:
    frames = shot(0, 9) + shot(1, 9)
    assert all(a is b for (_, a), b in zip(scenes(frames), frames, strict=True))


def test_hard_cuts_are_found_where_they_are() -> None:
    frames = shot(0, 12) + shot(1, 12) + shot(2, 12)
    assert cuts(frames) == [12, 24]


@pytest.mark.parametrize("place", [1, 2, 22, 23])
def test_cuts_near_the_ends_are_found(place: int) -> None:
    assert cuts(shot(0, 24)[:place] + shot(1, 24)[place:]) == [place]


@pytest.mark.parametrize("step", [0, 4, 12, 30])
def test_no_pan_is_cut_however_fast(step: int) -> None:
    assert cuts(shot(0, 30, step)) == []


def test_cut_between_two_fast_pans_is_found() -> None:
    assert cuts(shot(0, 15, 12) + shot(3, 15, 12)) == [15]


@pytest.mark.parametrize("length", [1, 2])
def test_flash_is_no_cut(length: int) -> None:
    frames = shot(0, 30)
    frames[14 : 14 + length] = [np.full_like(frames[0], 255)] * length
    assert cuts(frames) == []


@pytest.mark.parametrize("hold", [2, 3])
def test_repeated_frames_do_not_make_each_change_a_cut(hold: int) -> None:
    frames = [frame for frame in shot(0, 15, 12) for _ in range(hold)]
    assert module._difference(module.thumbnail(frames[0]), module.thumbnail(frames[hold])) > module.MIN_DIFFERENCE
    inner = range(3 * hold, len(frames) - 3 * hold)  # too little is known of what is usual nearer to the ends
    assert [n for n in cuts(frames) if n in inner] == []


def test_slow_fade_is_no_cut() -> None:
    first, second = shot(0, 40), shot(1, 40)
    mixed = [((39 - n) * a.astype(float) + n * b) / 39 for n, (a, b) in enumerate(zip(first, second, strict=True))]
    assert cuts([frame.astype(np.uint8) for frame in mixed]) == []


def test_few_frames_are_held() -> None:
    source = iter(shot(0, 30))
    for given, _ in enumerate(scenes(source), start=1):
        taken = 30 - source.__length_hint__()  # type: ignore[attr-defined]
        assert taken - given <= module.LOOK


@pytest.mark.parametrize("size", [(2, 2), (35, 63), (72, 96), (1080, 1920), (2160, 3840)])
def test_thumbnail_is_small_and_covers_the_frame(size: tuple[int, int]) -> None:
    frame = np.zeros((*size, 3), np.uint8)
    frame[-size[0] // 2 :] = 200
    small = module.thumbnail(frame)
    assert small.shape[0] <= 80 and small.shape[1] <= 140
    assert small[0].max() == 0 and small[-1].min() == 200


def test_repeat_is_told_from_motion() -> None:
    a, b = shot(0, 2)
    noisy = a.copy()
    noisy[::3, ::5] ^= 1
    assert is_repeat(a, noisy, 0.2)
    assert not is_repeat(a, b, 0.2) and not is_repeat(b, a, 0.2)
    assert module.mean_difference(a, b) == pytest.approx(np.abs(a.astype(int) - b).mean())
