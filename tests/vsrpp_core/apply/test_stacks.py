import weakref
from collections.abc import Iterator

import numpy as np
import pytest

from vsrpp_core.apply.stacks import lead, scene_windows, windows
from vsrpp_core.apply.upscale.source import Picture
from vsrpp_core.video.scenes import LOOK


@pytest.mark.parametrize("n_frames", [3, 5, 7])
@pytest.mark.parametrize("lengths", [[1], [2], [3], [4], [9], [1, 1, 1], [5, 1, 2, 8], [2, 3]])
def test_windows_keep_to_their_scene(n_frames: int, lengths: list[int]) -> None:
    film = [(scene, (scene, place)) for scene, length in enumerate(lengths) for place in range(length)]
    half = n_frames // 2
    wanted = [
        [(scene, min(max(place + shift, 0), lengths[scene] - 1)) for shift in range(-half, half + 1)]
        for scene, (_, place) in film
    ]
    assert list(scene_windows(iter(film), n_frames)) == wanted


def test_no_pictures_have_no_windows() -> None:
    assert list(windows([], 5)) == []


def test_only_a_window_and_what_tells_a_cut_is_held() -> None:
    alive: list[weakref.ref[object]] = []

    def film() -> Iterator[Picture]:
        for pts in range(60):
            rgb = np.full((36, 64, 3), 200 * (pts // 30), np.uint8)
            alive.append(weakref.ref(rgb))
            yield Picture(rgb, pts, 1)

    most = 0
    for _ in windows(film(), 5):
        most = max(most, sum(picture() is not None for picture in alive))
    assert len(alive) == 60 and most <= 5 + LOOK + 1 + 1  # and the one being handed over


def test_beginning_in_the_middle_gives_the_same_windows() -> None:
    random = np.random.default_rng(3)
    levels = np.repeat(random.integers(0, 256, 40), random.integers(1, 9, 40))
    film = [Picture(np.full((36, 64, 3), level, np.uint8), pts, 1) for pts, level in enumerate(levels)]
    whole = [[picture.pts for picture in window] for window in windows(film, 5)]
    assert sum(window[0] == window[1] for window in whole) > 20  # there are cuts
    for begin in range(0, len(film), 7):
        first = max(0, begin - lead(5))
        part = [[picture.pts for picture in window] for window in windows(film[first:], 5, skip=begin - first)]
        assert part == whole[begin:]


def test_a_deep_picture_is_looked_at_in_eight_bits() -> None:
    deep = np.arange(36 * 64 * 3, dtype=np.uint16).reshape(36, 64, 3) * 9
    assert np.array_equal(Picture(deep, 0, 1).rgb8, deep >> 8)
