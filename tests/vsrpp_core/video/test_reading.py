"""Frames of a file: all of them, the right way up, in the right colours; and what is refused, in one sentence."""

from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter

from tests.vsrpp_core.conftest import MakeVideo, pan
from vsrpp_core.errors import VsrppError
from vsrpp_core.video import reading
from vsrpp_core.video.decoding import BrokenVideoError

MATRICES = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
"""AVColorSpace to the weights of red and blue in luma: BT.709, BT.601 (twice), BT.2020."""


def rgb_of(y: int, cb: int, cr: int, weights: tuple[float, float], full: bool) -> list[float]:
    red, blue = weights
    low, luma_range, chroma_range = (0, 255, 255) if full else (16, 219, 224)
    luma, b, r = (y - low) / luma_range, (cb - 128) / chroma_range, (cr - 128) / chroma_range
    r, b = luma + 2 * (1 - red) * r, luma + 2 * (1 - blue) * b
    return [255 * value for value in (r, (luma - red * r - blue * b) / (1 - red - blue), b)]


def ycbcr(colorspace: int, color_range: int, width: int = 64, height: int = 48) -> av.VideoFrame:
    frame = av.VideoFrame(width, height, "yuv420p")
    for plane, value in zip(frame.planes, (100, 90, 170), strict=True):
        plane.update(bytes([value]) * plane.buffer_size)
    frame.colorspace, frame.color_range = colorspace, color_range
    return frame


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("colorspace", MATRICES)
def test_colours_follow_matrix_and_range(colorspace: int, full: bool) -> None:
    frame = ycbcr(colorspace, 2 if full else 1)
    picture = reading.to_rgb(frame, VideoReformatter(), Path("film"))
    wanted = rgb_of(100, 90, 170, MATRICES[colorspace], full)
    assert np.abs(picture - np.array(wanted)).max() <= 1


@pytest.mark.parametrize(("width", "height", "matrix"), [(720, 576, 5), (1280, 544, 1), (720, 720, 1)])
def test_unnamed_matrix_is_guessed_by_size(width: int, height: int, matrix: int) -> None:
    picture = reading.to_rgb(ycbcr(2, 1, width, height), VideoReformatter(), Path("film"))
    assert np.abs(picture[0, 0] - np.array(rgb_of(100, 90, 170, MATRICES[matrix], False))).max() <= 1


@pytest.mark.parametrize(("pixels", "bits"), [("rgb555le", 5), ("bgr565le", 5), ("rgb444le", 4), ("rgb8", 3)])
def test_few_bits_reach_white(pixels: str, bits: int) -> None:
    frame = av.VideoFrame(64, 48, pixels)
    frame.planes[0].update(b"\xff" * frame.planes[0].buffer_size)
    assert (reading.to_rgb(frame, VideoReformatter(), Path("film")) == 255).all()
    frame.planes[0].update(b"\1\0" * (frame.planes[0].buffer_size // 2))
    least = reading.to_rgb(frame, VideoReformatter(), Path("film")).max()
    assert abs(int(least) - 255 / (2 ** (2 if pixels == "rgb8" else bits) - 1)) <= 1


def test_chroma_is_interpolated() -> None:
    frame = av.VideoFrame(64, 48, "yuv420p")
    ramp = np.tile(np.arange(32, dtype=np.uint8) * 4 + 64, (24, 1))
    for plane, values in zip(frame.planes, (np.full((48, 64), 128, np.uint8), ramp, ramp), strict=True):
        padded = np.zeros((plane.height, plane.line_size), np.uint8)
        padded[:, : plane.width] = values
        plane.update(padded.tobytes())
    blue = reading.to_rgb(frame, VideoReformatter(), Path("film"))[24, 20:50, 2].astype(int)
    assert np.diff(blue).min() > 0


def test_lossless_video_comes_back_in_order(make_video: MakeVideo) -> None:
    pictures = pan(1, 12)
    path = make_video("film.mkv", pictures, "ffv1", "bgr0", {"level": "3"})
    assert [np.array_equal(a, b) for a, b in zip(reading.frames(path), pictures, strict=True)] == [True] * 12


def test_b_frames_come_in_presentation_order(make_video: MakeVideo) -> None:
    pictures = [np.full((48, 64, 3), 8 * n, np.uint8) for n in range(30)]
    path = make_video("film.mp4", pictures, codec_options={"crf": "1", "bf": "3"})
    assert np.allclose([frame.mean() for frame in reading.frames(path)], [8 * n for n in range(30)], atol=2)


@pytest.mark.parametrize(("degrees", "turns"), [(90, 1), (180, 2), (-90, 3)])
def test_rotation_is_applied(make_video: MakeVideo, degrees: int, turns: int) -> None:
    pictures = pan(1, 3)
    path = make_video("film.mp4", pictures, rotation=degrees)
    frame, info = next(reading.frames(path)), reading.probe(path)
    wanted = np.rot90(pictures[0], turns)
    assert (info.height, info.width) == frame.shape[:2] == wanted.shape[:2]
    assert np.abs(frame.astype(int) - wanted).mean() < 4


def test_probe_describes(make_video: MakeVideo) -> None:
    info = reading.probe(make_video("film.mkv", pan(1, 30)))
    assert (info.width, info.height, info.frames, info.fps, info.pixel_aspect) == (96, 72, 30, 25.0, 1.0)
    assert info.duration == pytest.approx(1.2, abs=0.05)


def test_interlaced_is_refused(make_video: MakeVideo) -> None:
    path = make_video("film.mp4", pan(1, 3), pixels="yuv420p", codec_options={"x264-params": "interlaced=1:tff=1"})
    with pytest.raises(VsrppError, match=r"film\.mp4 is interlaced; .*bwdif"):
        next(reading.frames(path))


@pytest.mark.parametrize(("transfer", "name"), [("smpte2084", "PQ"), ("arib-std-b67", "HLG")])
def test_hdr_is_refused(make_video: MakeVideo, transfer: str, name: str) -> None:
    path = make_video("film.mp4", pan(1, 3), codec_options={"x264-params": f"transfer={transfer}"})
    with pytest.raises(VsrppError, match=rf"film\.mp4 is HDR \({name}\); tone-map"):
        reading.probe(path)


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("hello" * 99)
    (tmp_path / "words.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nhi\n")
    for name, words in (("text.mp4", "not a video"), ("words.srt", "no video stream"), ("gone.mp4", "does not exist")):
        with pytest.raises(VsrppError, match=f"{name} .*{words}"):
            next(reading.frames(tmp_path / name))


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "film.avi"])
def test_truncated_file_gives_its_good_frames_then_says_so(make_video: MakeVideo, name: str) -> None:
    codec = "mpeg4" if name.endswith("avi") else "libx264"
    path = make_video(name, pan(1, 80), codec, "yuv420p", muxer={"movflags": "faststart"} if "mp4" in name else {})
    whole = list(reading.frames(path))
    path.write_bytes(path.read_bytes()[: int(0.8 * path.stat().st_size)])
    good: list[reading.Frame] = []
    with pytest.raises(BrokenVideoError, match=name):
        for frame in reading.frames(path):
            good.append(frame)  # what came before the error is what is wanted
    assert 20 < len(good) < 65
    assert all(np.array_equal(a, b) for a, b in zip(good, whole, strict=False))


def test_truncation_near_the_end_is_told(make_video: MakeVideo) -> None:
    path = make_video("film.mp4", pan(1, 80), muxer={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(BrokenVideoError, match="get an undamaged copy"):  # the decoder may notice before the demuxer
        list(reading.frames(path))


def test_nothing_is_printed(make_video: MakeVideo, capfd: pytest.CaptureFixture[str]) -> None:
    path = make_video("film.mp4", pan(1), muxer={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[:-900])
    capfd.readouterr()
    with pytest.raises(BrokenVideoError):
        list(reading.frames(path))
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="lists open files as Linux has them")
def test_abandoned_iterator_closes_the_file(make_video: MakeVideo) -> None:
    path = make_video("film.mp4", pan(1))
    frames = reading.frames(path)
    next(frames)
    opened = [Path(link).resolve() for link in Path("/proc/self/fd").iterdir()]
    frames.close()
    assert path in opened
    assert path not in [Path(link).resolve() for link in Path("/proc/self/fd").iterdir()]


def test_pictures_that_a_list_of_edits_leaves_out_are_told(make_video: MakeVideo) -> None:
    path = make_video("film.mp4", pan(1, 20))
    assert reading.probe(path).notes == ()
    content = bytearray(path.read_bytes())
    at = content.index(b"elst") + 12  # after its version and its count: the duration, in thousandths here
    assert int.from_bytes(content[at : at + 4]) == 800
    content[at : at + 4] = (200).to_bytes(4)
    path.write_bytes(content)
    assert reading.probe(path).notes == (
        f"{path} holds 0.6 seconds of pictures that its list of edits leaves out, and so it is here",
    )
