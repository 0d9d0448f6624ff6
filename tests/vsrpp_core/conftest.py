"""Small films made on the spot: smooth random textures that a camera pans over."""

from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.stream import VideoStream
from numpy.typing import NDArray

from vsrpp_core.data.resize import imresize

Frame = NDArray[np.uint8]
MakeVideo = Callable[..., Path]


def pan(seed: int, count: int = 30, height: int = 72, width: int = 96, step: int = 2) -> list[Frame]:
    """A shot of ``count`` frames that moves ``step`` pixels a frame."""
    reach = step * count
    random = np.random.default_rng(seed)
    dark, light = sorted(random.integers(0, 256, 2))
    coarse = random.integers(dark, light + 40, (height // 6, (width + reach) // 6, 3)).clip(0, 255).astype(np.uint8)
    wall = imresize(coarse, height, width + reach)
    return [wall[:, step * n : step * n + width] for n in range(count)]


@pytest.fixture
def make_video(tmp_path: Path) -> MakeVideo:
    """Encode frames, by default with x264 at good quality; ``rotation`` in degrees, ``muxer`` options as libav's.

    ``times`` are milliseconds, by default 25 frames a second.
    """

    def make(
        name: str,
        pictures: Iterable[Frame],
        codec: str = "libx264",
        pixels: str = "yuv444p",
        codec_options: dict[str, str] | None = None,
        muxer: dict[str, str] | None = None,
        rotation: float = 0,
        aspect: Fraction | None = None,
        times: list[int] | None = None,
    ) -> Path:
        pictures = list(pictures)
        path = tmp_path / name
        with av.open(str(path), "w", options=muxer or {}) as container:
            stream = container.add_stream(codec, rate=25, options=codec_options or {"crf": "10", "preset": "veryfast"})
            assert isinstance(stream, VideoStream)
            stream.height, stream.width = pictures[0].shape[:2]
            stream.pix_fmt = pixels
            if aspect:
                stream.codec_context.sample_aspect_ratio = aspect
            if times:
                stream.codec_context.time_base = Fraction(1, 1000)
            if rotation:
                stream.set_display_rotation(rotation)
            for number, picture in enumerate(pictures):
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
                if times:
                    frame.pts, frame.time_base = times[number], Fraction(1, 1000)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path

    return make
