"""Chroma lies where luma lies, read and written, to a twentieth of a luma pixel, measured in double precision."""

from fractions import Fraction
from pathlib import Path
from typing import Any, get_args

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from vsrpp_core.apply.upscale.encoding import EncodingRequest, choose_encoding
from vsrpp_core.apply.upscale.source import Picture, SourceInfo, VideoFilm
from vsrpp_core.video import reading
from vsrpp_core.video.siting import OPTION, Sited, Siting

Floats = NDArray[np.float64]
SIDE, WAVE = 96, 24
PLACES: dict[Siting, tuple[float, float]] = {
    "left": (0, 0.5),
    "center": (0.5, 0.5),
    "topleft": (0, 0),
    "top": (0.5, 0),
    "bottomleft": (0, 1),
    "bottom": (0.5, 1),
}
"""Right of and below the first luma sample, in luma samples."""
YCC = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
CONTAINERS = {"ffv1": "film.mkv", "prores_ks": "film.mov", "libx264": "film.mp4", "mpeg2video": "film.ts"}


def wave(places: Floats) -> Floats:
    return np.asarray(128 + 40 * np.sin(2 * np.pi * places / WAVE))


def waves() -> NDArray[np.uint16]:
    """RGB of 16 bits: waves in Cb from left to right and in Cr from top to bottom."""
    down, across = np.mgrid[:SIDE, :SIDE].astype(float)
    ycc = np.stack([np.full((SIDE, SIDE), 128.0), wave(across) - 128, wave(down) - 128], axis=-1)
    return np.asarray((ycc @ np.linalg.inv(YCC).T * 257).round(), np.uint16)


def shift(line: Floats, step: int = 1) -> float:
    """Luma pixels by which the wave in samples every ``step`` pixels lies further on than that of ``waves``."""
    turn = np.exp(-2j * np.pi * np.arange(len(line)) * step / WAVE)
    return float(-np.angle(1j * np.sum((line - line.mean()) * turn)) / (2 * np.pi) * WAVE)


def plane(frame: VideoFrame, number: int) -> Floats:
    part: Any = frame.planes[number]
    deep = frame.format.components[0].bits > 8
    rows = np.frombuffer(memoryview(part), np.uint8).reshape(part.height, part.line_size)
    return np.asarray((rows.view("<u2") if deep else rows)[:, : part.width], np.float64)


def placed(frame: VideoFrame) -> tuple[float, float]:
    """Where the samples of chroma were taken, right of and below the first of luma."""
    blue, red = plane(frame, 1), plane(frame, 2)
    return -shift(blue.mean(axis=0), SIDE // blue.shape[1]), -shift(red.mean(axis=1), SIDE // red.shape[0])


def subsampled(pixels: str, siting: Siting) -> VideoFrame:
    frame = Sited(siting)(VideoFrame.from_ndarray(waves(), format="rgb48le"))
    flags = reading.SWSCALE_FLAGS
    return frame.reformat(format=pixels, dst_colorspace=5, dst_color_range=1, interpolation=flags)


def write(folder: Path, codec: str, pixels: str, siting: Siting, named: bool) -> Path:
    options = {"crf": "1"} if codec == "libx264" else {"qmin": "1", "qmax": "1"} if "mpeg" in codec else {}
    path = folder / CONTAINERS[codec]
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25, options={**options, **({OPTION: siting} if named else {})})
        stream.width, stream.height, stream.pix_fmt = SIDE, SIDE, pixels
        stream.codec_context.colorspace, stream.codec_context.color_range = 5, 1
        for number in range(2):
            frame = subsampled(pixels, siting)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv420p10le", "yuv422p10le"])
@pytest.mark.parametrize("siting", get_args(Siting))
def test_frames_are_subsampled_at_their_siting_and_read_from_there(pixels: str, siting: Siting) -> None:
    frame = subsampled(pixels, siting)
    x, y = PLACES[siting]
    assert placed(frame) == pytest.approx((x, y if "420" in pixels else 0), abs=0.05)
    rgb = reading.to_rgb(frame, VideoReformatter(), Path("film"), reading.DEEP_FORMAT) @ YCC.T
    back = shift(rgb[..., 1].mean(axis=0)), shift(rgb[..., 2].mean(axis=1))
    assert back == pytest.approx((0, 0), abs=0.05)


@pytest.mark.parametrize(
    ("codec", "pixels", "siting", "named"),
    [
        ("ffv1", "yuv420p", "left", False),
        ("ffv1", "yuv420p", "center", True),
        ("ffv1", "yuv422p", "left", False),
        ("prores_ks", "yuv422p10le", "left", False),
        ("libx264", "yuv420p", "left", False),
        ("libx264", "yuv420p", "topleft", True),
        ("libx264", "yuv420p", "center", True),
        ("mpeg2video", "yuv420p", "left", False),
    ],
)
def test_films_are_read_at_the_siting_they_name_or_players_assume(
    tmp_path: Path, codec: str, pixels: str, siting: Siting, named: bool
) -> None:
    path = write(tmp_path, codec, pixels, siting, named)
    ycc = next(reading.frames(path)) @ YCC.T
    assert (shift(ycc[..., 1].mean(axis=0)), shift(ycc[..., 2].mean(axis=1))) == pytest.approx((0, 0), abs=0.1)
    assert VideoFilm(path).info.siting == siting


@pytest.mark.parametrize(
    ("codec", "pixels", "source", "made"),
    [
        ("libx264", "yuv420p", "left", "left"),
        ("libx264", "yuv420p", "topleft", "topleft"),
        ("libx265", "yuv420p10le", "center", "center"),
        ("libx264", "yuv422p", "center", "left"),
        ("libsvtav1", "yuv420p", "topleft", "topleft"),
        ("libsvtav1", "yuv420p", "center", "left"),
        ("ffv1", "yuv420p", "topleft", "left"),
    ],
)
def test_what_is_encoded_lies_where_its_header_says(
    tmp_path: Path, codec: Any, pixels: str, source: Siting, made: Siting
) -> None:
    info = SourceInfo(
        tmp_path, SIDE // 3, SIDE // 3, pixels, 16, Fraction(25), Fraction(1, 25), 2, colorspace=5, siting=source
    )
    crf = None if codec == "ffv1" else 1
    encoding, _ = choose_encoding(info, EncodingRequest(codec, crf, pixels=pixels))
    path = tmp_path / "film.mkv"
    with av.open(str(path), "w") as container:
        stream, encoder = encoding.add_to(container), encoding.encoder()
        for packet in (*encoder.encode(waves(), Picture(waves(), 0, 1)), *encoder.finish()):
            packet.stream, packet.dts, packet.time_base = stream, packet.pts, encoding.time_base
            container.mux(packet)
    assert VideoFilm(path).info.siting == made
    with av.open(str(path)) as container:
        x, y = PLACES[made]
        wanted = (x, y if "420" in pixels else 0)
        assert placed(next(container.decode(video=0))) == pytest.approx(wanted, abs=0.1)
