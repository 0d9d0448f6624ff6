"""The shape of pixels in Matroska, written by this program and read by libav."""

import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from vsrpp_core.video.pixel_aspect import CRC, SEGMENT, TRACKS, _first, _shown, name_pixel_aspect


def write(path: Path, codec: str = "ffv1", **tags: int) -> Path:
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for name, value in tags.items():
            setattr(stream.codec_context, name, value)
        container.add_stream("pcm_s16le", rate=8000)
        for _ in range(2):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((96, 128, 3), np.uint8))))
        container.mux(stream.encode())
    return path


def read(path: Path) -> tuple[Fraction | None, int, int]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return (
            stream.sample_aspect_ratio,
            stream.codec_context.color_primaries,
            sum(1 for _ in container.decode(stream)),
        )


@pytest.mark.parametrize(("codec", "tags"), [("ffv1", {}), ("mpeg4", {"color_primaries": 9, "color_trc": 13})])
def test_the_shape_is_named_in_place_and_nothing_else_changes(tmp_path: Path, codec: str, tags: dict[str, int]) -> None:
    path = write(tmp_path / "film.mkv", codec, **tags)
    size, (_, primaries, pictures) = path.stat().st_size, read(path)
    for aspect in (Fraction(16, 11), Fraction(8, 9)):  # the second in place of the first
        assert name_pixel_aspect(path, aspect)
        assert read(path) == (aspect, primaries, pictures) and path.stat().st_size == size
    data = path.read_bytes()
    tracks = _first(data, _first(data, None, SEGMENT), TRACKS)
    crc = _first(data, tracks, CRC)
    assert (
        tracks and crc and int.from_bytes(data[crc.begin : crc.end], "little") == zlib.crc32(data[crc.end : tracks.end])
    )


@pytest.mark.parametrize(
    "content", [b"", b"\x00" * 99, b"RIFF and more", b"\x1a\x45\xdf\xa3\x81\x00\x18\x53\x80\x67\xff"]
)
def test_a_file_of_another_kind_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "film.mkv"
    path.write_bytes(content)
    assert not name_pixel_aspect(path, Fraction(2)) and path.read_bytes() == content


@pytest.mark.parametrize(
    ("size", "aspect", "shown"),
    [
        ((2160, 1728), Fraction(16, 15), (2304, 1728)),
        ((120, 120), Fraction(64, 33), (256, 132)),
        ((100, 90), Fraction(1001, 1000), (100, 90)),
    ],
)
def test_the_size_shown_is_about_the_picture_s(size: tuple[int, int], aspect: Fraction, shown: tuple[int, int]) -> None:
    assert _shown(*size, aspect) == shown
