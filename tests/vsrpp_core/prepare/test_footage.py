"""Frames as a preparation reads them: grey pictures, times, fields; and dissolves among them."""

from pathlib import Path

import av
import numpy as np
import pytest

from tests.vsrpp_core.conftest import MakeVideo, pan
from vsrpp_core.prepare import footage
from vsrpp_core.prepare.recipe import SourcePart
from vsrpp_core.video import reading
from vsrpp_core.video.transitions import DISTANCE, with_transitions

ALL = 1e9


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv444p10le", "yuv420p10be", "nv12", "gray", "p010le", "rgb24"])
def test_grey_is_the_upper_half_of_luma(pixels: str) -> None:
    picture = pan(1, 1)[0]
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pixels)
    wanted = frame.reformat(format="gray" if pixels in ("gray", "rgb24") else "yuv444p").to_ndarray()
    wanted = (
        wanted[0] if wanted.ndim == 3 and wanted.shape[0] == 3 else wanted[:72] if wanted.ndim == 2 else wanted[..., 0]
    )
    assert footage.grey(frame).shape == (72, 96)
    assert np.abs(footage.grey(frame).astype(int) - wanted).max() <= 1


def test_times_are_from_the_first_frame_and_end_where_asked(make_video: MakeVideo) -> None:
    times = [100, 140, 180, 300, 320, 400]
    path = make_video("a.mp4", pan(1, 6), times=times)
    seen = list(footage.timed_frames(path, SourcePart(), ALL))
    assert [frame.seconds for frame in seen] == pytest.approx([(t - 100) / 1000 for t in times], abs=2e-3)
    assert [frame.number for frame in footage.timed_frames(path, SourcePart(), 0.21)] == [0, 1, 2, 3]


def test_fields_become_whole_frames(make_video: MakeVideo) -> None:
    shot = pan(1, 30, step=4)
    woven = [np.where(np.arange(72)[:, None, None] % 2, b, a) for a, b in zip(shot[::2], shot[1::2], strict=True)]
    options = {"x264-params": "interlaced=1:tff=1", "crf": "5"}
    path = make_video("a.mp4", woven, pixels="yuv420p", codec_options=options)
    seen = list(footage.timed_frames(path, SourcePart(), ALL))
    assert [frame.seconds for frame in seen] == pytest.approx([n / 25 for n in range(15)], abs=1e-3)
    for place in (4, 8):
        got = footage.rgb(seen[place], path, hdr=False).astype(int)
        combs = np.abs(woven[place].astype(int) - shot[2 * place]).mean()
        error = min(
            np.abs(got - shot[n]).mean() for n in (2 * place, 2 * place + 1)
        )  # x264 decides which field is first
        assert error < 0.75 * combs


def test_hdr_comes_with_all_its_bits(make_video: MakeVideo) -> None:
    options = {"x264-params": "transfer=smpte2084", "crf": "1"}
    path = make_video("a.mp4", pan(1, 3), pixels="yuv420p10le", codec_options=options)
    picture = footage.rgb(next(footage.timed_frames(path, SourcePart(), ALL)), path, hdr=True)
    assert picture.dtype == np.uint16 and reading.probe(path, lambda *_: None).hdr == "PQ" and picture.max() > 2**14


class Shown:
    def __init__(self, picture: np.ndarray) -> None:
        self.thumbnail = picture.astype(np.float32)


def test_dissolves_are_marked_and_motion_is_not() -> None:
    chance = np.random.default_rng(5)
    a, b = (chance.integers(0, 256, (36, 64)) for _ in range(2))
    share = np.clip((np.arange(90) - 30) / 25, 0, 1)
    noise = chance.normal(0, 2, (90, 36, 64))
    items = [(0, Shown(a * (1 - s) + b * s + n)) for s, n in zip(share, noise, strict=True)]
    flags = [mixed for _, _, mixed in with_transitions(items)]
    assert len(flags) == 90 and all(flags[32:54]) and not any(flags[:20]) and not any(flags[66:])
    wide = chance.integers(0, 256, (36, 300))
    assert not any(
        mixed for _, _, mixed in with_transitions([(0, Shown(wide[:, 2 * n : 2 * n + 64])) for n in range(90)])
    )
    cut = [(int(n >= 45), Shown(a if n < 45 else b)) for n in range(90)]
    assert not any(mixed for _, _, mixed in with_transitions(cut)) and DISTANCE < 45


def test_the_order_is_kept(tmp_path: Path) -> None:
    items = [(n // 7, Shown(np.full((4, 4), n))) for n in range(40)]
    assert [(scene, item) for scene, item, _ in with_transitions(items)] == items
