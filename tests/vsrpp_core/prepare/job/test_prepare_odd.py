"""Videos that are not plain: their times, repeats, shapes, brightness, fields, blackness and dissolves."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np

from tests.vsrpp_core.conftest import MakeVideo, pan

from .preparing import manifest, run


def test_times_not_frames_set_the_pace(make_video: MakeVideo, tmp_path: Path) -> None:
    times = [20 * n for n in range(20)] + [400 + 100 * n for n in range(20)]
    videos = [make_video(f"{n}.mp4", pan(n, 40), times=times) for n in range(2)]
    run(videos, tmp_path / "out")
    starts = sorted({line["seconds"][0] for line in manifest(tmp_path / "out") if "0_" in line["name"][:2]})
    assert np.diff(starts).min() >= 0.1 and starts[-1] > 1.8 and len(starts) >= 8


def test_uneven_times_and_repeats(make_video: MakeVideo, tmp_path: Path) -> None:
    times = [40 * n + (1000 if n >= 15 else 0) for n in range(30)]
    twos = [frame for frame in pan(3, 20, step=4) for _ in range(2)]
    videos = [make_video("gap.mp4", pan(1), times=times), make_video("twos.mp4", twos), make_video("b.mp4", pan(2))]
    report = run(videos, tmp_path / "skip", dataset__patches_per_minute=1500)
    assert report.skipped["uneven times"] == 2 and report.skipped["repeated frame"] > 30
    report = run(videos, tmp_path / "drop", skip__repeats="drop")
    assert any("repeated frames of twos.mp4 were left out" in note for note in report.notes)
    frames = [line["frames"] for line in manifest(tmp_path / "drop") if "twos" in line["name"]]
    assert frames and all(b - a == 2 for row in frames for a, b in pairwise(row))


def test_odd_videos_come_out_right(make_video: MakeVideo, tmp_path: Path) -> None:
    hdr = {"x264-params": "transfer=smpte2084:colorprim=bt2020:colormatrix=bt2020nc", "crf": "10"}
    videos = [
        make_video("turned.mp4", pan(1), rotation=90),
        make_video("wide.mp4", pan(2), aspect=Fraction(4, 3)),
        make_video("hdr.mp4", pan(3), pixels="yuv420p10le", codec_options=hdr),
        make_video("fields.mp4", pan(4), pixels="yuv420p", codec_options={"x264-params": "interlaced=1:tff=1"}),
    ]
    report = run(videos, tmp_path / "out", skip__flat=0.5)
    assert not report.refused
    sizes = {Path(line["video"]).stem: (line["width"], line["height"]) for line in manifest(tmp_path / "out")}
    assert sizes == {"turned": (72, 96), "wide": (96, 54), "hdr": (96, 72), "fields": (96, 72)}
    report = run(videos, tmp_path / "refused", source__hdr="refuse", source__interlaced="refuse")
    assert len(report.refused) == 2 and "is HDR (PQ)" in str(report) and "is interlaced" in str(report)


def test_black_and_dissolves_are_counted(make_video: MakeVideo, tmp_path: Path) -> None:
    black = [np.random.default_rng(n).integers(0, 8, (72, 96, 3)).astype(np.uint8) for n in range(20)]
    (a,), (b,), noise = pan(1, 1), pan(2, 1), np.random.default_rng(1)
    share = np.clip((np.arange(60) - 18) / 24, 0, 1)
    mixed = [(a * (1 - s) + b * s).clip(9, 246) + noise.integers(-8, 9, a.shape) for s in share]
    mixed = [frame.astype(np.uint8) for frame in mixed]
    videos = [make_video("black.mp4", black), make_video("mixed.mp4", mixed), make_video("c.mp4", pan(3))]
    report = run(videos, tmp_path / "out", dataset__patches_per_minute=1500)
    assert report.skipped["black"] > 10 and report.skipped["dissolve"] >= 15
    frames = [frame for line in manifest(tmp_path / "out") if "mixed" in line["name"] for frame in line["frames"]]
    assert frames and not set(frames) & set(range(24, 37))


def test_what_a_film_lacks_is_told(make_video: MakeVideo, tmp_path: Path) -> None:
    even = [40 * n for n in range(31)]
    videos = [
        make_video("cut.mkv", pan(1)),
        make_video("gap.mkv", pan(2), times=even[:9] + even[10:]),
        make_video("b.mkv", pan(3)),
    ]
    videos[0].write_bytes(videos[0].read_bytes()[:-10])
    cut, gap = run(videos, tmp_path / "out").notes
    assert cut.startswith(f"{videos[0]} is cut short: 10 bytes are missing at its end")
    assert gap == f"{videos[1]} is evenly timed but for room for 1 picture after frame 9, which may be lost"
