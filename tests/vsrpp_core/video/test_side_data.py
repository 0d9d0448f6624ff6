"""What a frame carries beside its picture is read without PyAV's list, which ends the process or raises."""

import gc
import io
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from PIL import Image, ImageCms

from vsrpp_core.video import reading
from vsrpp_core.video.side_data import SideDataReader

TURNED = 0x0112
"""EXIF's tag of the orientation."""
QUARTER, MIRRORED = 6, 2


def stored(suffix: str, orientation: int) -> bytes:
    """An image file of 16x8 pixels with a named colour profile, camera data and an orientation."""
    camera = Image.Exif()
    camera[0x010F], camera[TURNED] = "camera", orientation
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    file = io.BytesIO()
    Image.fromarray(np.arange(384, dtype=np.uint8).reshape(8, 16, 3)).save(
        file, suffix, exif=camera, icc_profile=profile
    )
    return file.getvalue()


def decoded(content: bytes) -> VideoFrame:
    with av.open(io.BytesIO(content), "r") as container:
        return next(container.decode(video=0))


@pytest.mark.parametrize("suffix", ["png", "jpeg", "tiff", "webp"])
def test_profiles_and_camera_data_do_no_harm(suffix: str) -> None:
    picture = np.arange(128).reshape(8, 16)
    for orientation, upright in ((QUARTER, np.rot90(picture, -1)), (MIRRORED, np.fliplr(picture))):
        matrix = SideDataReader().display_matrix(decoded(stored(suffix, orientation)))
        assert np.array_equal(reading.turned(picture, matrix), upright)
        gc.collect()  # PyAV's list would have freed the profile's name a second time by now


def test_a_film_of_photographs_is_read(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "film.mkv"), "w") as container:
        stream: Any = container.add_mux_stream("mjpeg", rate=25, width=16, height=8)
        for number in range(3):
            packet: Any = av.Packet(stored("jpeg", QUARTER))
            packet.stream, packet.time_base, packet.is_keyframe = stream, Fraction(1, 25), True
            packet.pts = packet.dts = number
            packet.duration = 1
            container.mux(packet)
    assert [frame.shape for frame in reading.frames(tmp_path / "film.mkv")] == [(16, 8, 3)] * 3
