"""Damaged films: what is lost is the damaged packet's own, its place is the right one, and what is whole passes."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.vsrpp_core.conftest import pan
from vsrpp_core.video.decoding import BrokenVideoError, Damage, decoded

COUNT, GOP = 40, 8
OPTIONS = {
    "libx264": {"crf": "4", "preset": "veryfast", "x264-params": "bframes=0:scenecut=0"},
    "libx265": {"x265-params": f"log-level=none:keyint={GOP}:bframes=0"},
}


def write(path: Path, codec: str = "libx264", damaged: int | None = None, last: int = 40) -> Path:
    """A film of ``COUNT`` pictures, 40 ms apart, a keyframe every ``GOP``; the last one lasts ``last`` ms."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25, options=OPTIONS.get(codec, {}))
        stream.width, stream.height, stream.pix_fmt = 96, 72, "yuv420p"
        stream.codec_context.time_base, stream.codec_context.gop_size = Fraction(1, 25), GOP
        packets = []
        for number, picture in enumerate(pan(1, COUNT)):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            packets += stream.encode(frame)
        packets += stream.encode()
        for number, packet in enumerate(packets):
            scratched = _scratched(packet) if number == damaged else packet
            scratched.duration = last // 40 if packet.pts == COUNT - 1 else 1
            container.mux(scratched)
    return path


def _scratched(packet: Any) -> Any:
    content, third = bytearray(bytes(packet)), packet.size // 3
    content[third : 2 * third] = bytes(value ^ 0xA5 for value in content[third : 2 * third])
    other: Any = av.Packet(bytes(content))
    other.stream, other.pts, other.dts, other.time_base = packet.stream, packet.pts, packet.dts, packet.time_base
    other.is_keyframe = packet.is_keyframe
    return other


def places(path: Path, keep_suspects: bool = False) -> tuple[list[int], list[Damage]]:
    """When frames are shown, in pictures, and what is damaged."""
    damages: list[Damage] = []
    frames = decoded(path, lambda *_: None, keep_suspects=keep_suspects, on_damage=damages.append)
    return [round((frame.time or 0) * 25) for frame in frames], damages


@pytest.mark.parametrize("at", [0, 3, 20, 24, COUNT - 1])
def test_a_damaged_packet_costs_its_own_frames(tmp_path: Path, at: int) -> None:
    path = write(tmp_path / "film.mkv", damaged=at)
    after = (at // GOP + 1) * GOP
    sound, (damage,) = places(path)
    assert sound == [n for n in range(COUNT) if not at <= n < after]
    assert (damage.frame, damage.count) == (at + 1, after - at) and damage.seconds == pytest.approx(at / 25)
    kept, (damage,) = places(path, keep_suspects=True)
    assert kept == [n for n in range(COUNT) if n != at] and (damage.frame, damage.count) == (at + 1, 1)
    with pytest.raises(BrokenVideoError, match=rf"film\.mkv cannot be decoded at frame {at + 1}, {at / 25:.2f} s"):
        list(decoded(path, lambda *_: None))


@pytest.mark.parametrize(
    ("codec", "suffix"),
    [("mpeg4", ".avi"), ("mpeg2video", ".mkv"), ("libx264", ".mp4"), ("flv", ".flv")],
)
def test_films_of_other_kinds_go_on_after_damage(tmp_path: Path, codec: str, suffix: str) -> None:
    found, damages = places(write(tmp_path / f"film{suffix}", codec, damaged=20))
    assert found[:20] == list(range(20)) and found[-GOP:] == list(range(COUNT - GOP, COUNT)) and 20 not in found
    assert damages[0].frame == 21


def test_a_picture_that_is_skipped_without_a_word_is_told(tmp_path: Path) -> None:
    assert places(write(tmp_path / "whole.mkv", "libx265")) == (list(range(COUNT)), [])
    found, (damage,) = places(write(tmp_path / "film.mkv", "libx265", damaged=COUNT - 1))
    assert found == list(range(COUNT - 1)) and (damage.frame, damage.count) == (COUNT, 1)


def test_a_long_last_picture_is_no_early_end(tmp_path: Path) -> None:
    for suffix in (".mkv", ".mp4"):
        assert places(write(tmp_path / f"film{suffix}", last=20_000)) == (list(range(COUNT)), [])


def test_matroska_cut_short_is_told_by_the_duration_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "film.mkv")
    content = path.read_bytes().replace(b"DURATION", b"DURATIOX")  # most films have none for a track
    path.write_bytes(content)
    assert len(places(path)[0]) == COUNT
    path.write_bytes(content[: len(content) * 3 // 5])
    with pytest.raises(BrokenVideoError, match=r"film\.mkv ends after \d\.\d of 1\.6 seconds"):
        places(path)
