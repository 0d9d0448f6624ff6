import errno
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any
from unittest import mock

import av
import numpy as np
import psutil
import pytest
import torch
import torch.nn.functional as F
from av.sidedata.sidedata import Type as SideData
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from PIL import Image

from tests.preloaded import Preloaded
from tests.vsrpp_core.apply.conftest import (
    HEIGHT,
    WIDTH,
    Film,
    Pixels,
    pictures,
    run,
    seconds,
    shot,
    tracks,
    write_film,
    write_network,
)
from vsrpp_core.apply.upscale import encoding, mux
from vsrpp_core.apply.upscale.encoding import EncodingRequest, choose_encoding, open_encoder
from vsrpp_core.apply.upscale.job_events import UpscaleFailed, UpscaleFinished, UpscaleProgress, UpscaleStarted
from vsrpp_core.apply.upscale.jobs import Options, plan, read_size
from vsrpp_core.apply.upscale.segments import SegmentWriter, UpscaleFolder
from vsrpp_core.apply.upscale.source import SourceInfo, Span, VideoFilm
from vsrpp_core.apply.upscale.upscale import upscale, waiting_bytes
from vsrpp_core.cli.main import main
from vsrpp_core.errors import OptionError, UsageError, VsrppError
from vsrpp_core.messages.events import WarningRaised
from vsrpp_core.network.inference import bytes_per_pixel
from vsrpp_core.network.lean import LeanVSR
from vsrpp_core.video import reading
from vsrpp_core.video.side_data import SideDataReader

UNEVEN = [0, 40, 60, 120, 140, 200, 280, 300, 340, 400, 420, 440, 500]


@contextmanager
def refused(option: str, words: str) -> Iterator[None]:
    """The fault is of that option, and says so in words that match."""
    with pytest.raises(OptionError, match=words) as caught:
        yield
    assert caught.value.option == option


LOSSLESS = EncodingRequest("ffv1", pixels="yuv444p")


def first(path: Path) -> Any:
    with av.open(str(path)) as container:
        return next(container.decode(video=0))


def enlarged(picture: Pixels) -> Pixels:
    batch = torch.from_numpy(picture.astype(np.float32)).permute(2, 0, 1)[None]
    large = F.interpolate(batch, scale_factor=3, mode="bilinear", align_corners=False)
    return large[0].permute(1, 2, 0).round().numpy()


def warned(events: list[Any]) -> str:
    return " ".join(event.message for event in events if isinstance(event, WarningRaised))


# the size of the result


@pytest.mark.parametrize(("scale", "to"), [(1, None), (2, None), (4, (40, 48))])
def test_the_network_s_scale_and_the_size_asked_for(tmp_path: Path, scale: int, to: tuple[int, int] | None) -> None:
    source = write_film(tmp_path / "film.mkv", Film(shot(1, 1)))
    network, out = write_network(tmp_path / "network.pth", adds=0.0, scale=scale), tmp_path / "out.mkv"
    started, *_ = run(network, source, out, encoding=EncodingRequest("ffv1", pixels="bgr0"), to=to)
    assert isinstance(started, UpscaleStarted)
    size = (scale * WIDTH, scale * HEIGHT)
    resampled = " by the network, resampled to 40x48" if to else ""
    assert started.size == f"{WIDTH}x{HEIGHT} to {size[0]}x{size[1]}{resampled}"
    batch = torch.from_numpy(next(reading.frames(source)).astype(np.float32)).permute(2, 0, 1)[None]
    wanted = F.interpolate(batch, scale_factor=scale, mode="bilinear", align_corners=False)
    if to:
        wanted = F.interpolate(wanted, size=to[::-1], mode="bicubic", antialias=True)
    shown = first(out)
    assert np.abs(shown.to_ndarray(format="rgb24") - wanted[0].permute(1, 2, 0).clamp(0, 255).numpy()).max() < 0.51
    aspect = reading.probe(out).pixel_aspect * shown.width / shown.height
    assert aspect == pytest.approx(WIDTH / HEIGHT), "the picture keeps its shape"


@pytest.mark.parametrize("size", ["1920", "1920x", "axb", "8x8", "1920x99999"])
def test_a_size_that_is_none_is_told(size: str) -> None:
    with refused("to", f"--to {size}"):
        read_size("to", size)


# what is carried over


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov"])
def test_times_tracks_chapters_and_metadata_are_carried_over(tmp_path: Path, bilinear: Path, suffix: str) -> None:
    film = Film(shot(1, 13), UNEVEN, audio=("eng", "deu"), chapters=True, metadata={"title": "Film – ü"})
    source = write_film(tmp_path / f"film{suffix}", film)
    out = tmp_path / f"out{suffix}"
    *_, finished = run(bilinear, source, out)
    assert isinstance(finished, UpscaleFinished) and finished.frames == 13
    assert seconds(out) == seconds(source) == pytest.approx([t / 1000 for t in UNEVEN], abs=1e-3)
    before, after = tracks(source), tracks(out)
    assert [(t.kind, t.codec, t.language) for t in after] == [(t.kind, t.codec, t.language) for t in before]
    assert after[1:] == before[1:] and len(before[1].packets) > 20
    with av.open(str(source)) as a, av.open(str(out)) as b:
        assert b.metadata["title"] == "Film – ü"
        assert b.chapters() == a.chapters() and len(b.chapters()) == 2
        assert b.duration == pytest.approx(a.duration, abs=1000)
        assert [s.disposition for s in b.streams] == [s.disposition for s in a.streams]


def test_subtitles_are_carried_over(tmp_path: Path, bilinear: Path) -> None:
    source = write_film(tmp_path / "film.mkv", Film(shot(1, 13), subtitles=True, audio=("eng",)))
    run(bilinear, source, tmp_path / "out.mkv")
    before, after = tracks(source)[2], tracks(tmp_path / "out.mkv")[2]
    assert after == before and after.codec == "srt" and [data for _, data in after.packets] == [b"line 0", b"line 1"]


def test_a_track_that_does_not_fit_is_refused_before_any_work(tmp_path: Path, bilinear: Path) -> None:
    source = write_film(tmp_path / "film.mkv", Film(shot(1, 13), subtitles=True))
    with refused("out", r"track 1 \(subtitle, .*\) does not fit .* name OUT .*out\.mkv, or .*--drop"):
        run(bilinear, source, tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()
    assert "track 1 (subtitle" in warned(run(bilinear, source, tmp_path / "out.mp4", drop_tracks=True))
    assert len(tracks(tmp_path / "out.mp4")) == 1


def test_fonts_and_a_cover_are_carried_over(tmp_path: Path, bilinear: Path) -> None:
    write_png(tmp_path / "cover.png", shot(5, 1)[0])
    files = [("font.ttf", "application/x-truetype-font", b"a font" * 9)]
    files += [("cover.png", "image/png", (tmp_path / "cover.png").read_bytes())]
    source = write_film(tmp_path / "film.mkv", Film(shot(1, 13), attachments=files))
    run(bilinear, source, tmp_path / "out.mkv")
    with av.open(str(tmp_path / "out.mkv")) as container:
        _, font, cover = container.streams
        assert (font.name, font.mimetype, font.data) == files[0]  # type: ignore[attr-defined]
        assert cover.metadata["filename"] == "cover.png" and cover.disposition == Disposition.attached_pic
        assert [bytes(packet) for packet in container.demux(cover) if packet.size] == [files[1][2]]
    with refused("out", r"track 1 \(attachment, font\.ttf\) does not fit into a mp4 file"):
        run(bilinear, source, tmp_path / "out.mp4")
    run(bilinear, source, tmp_path / "out.mp4", drop_tracks=True)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert [int(s.disposition & Disposition.attached_pic) > 0 for s in container.streams] == [False, True]


@pytest.mark.parametrize("degrees", [90, 180])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_rotation_is_carried_over(tmp_path: Path, bilinear: Path, degrees: int, suffix: str) -> None:
    source = write_film(tmp_path / "film.mp4", Film(shot(1, 3), rotation=degrees, options={"crf": "1"}))
    out = tmp_path / f"out{suffix}"
    run(bilinear, source, out)
    assert first(out).rotation == first(source).rotation != 0
    shown, wanted = next(reading.frames(out)), enlarged(next(reading.frames(source)))
    assert shown.shape == wanted.shape and np.abs(shown - wanted).mean() < 3


@pytest.mark.parametrize(
    ("name", "codec"),
    [("out.mp4", None), ("out.mkv", None), ("out.mkv", "ffv1"), ("out.mkv", "libsvtav1"), ("out.mp4", "libsvtav1")],
)
def test_a_shape_of_pixels_is_carried_over(tmp_path: Path, bilinear: Path, name: str, codec: Any) -> None:
    source = write_film(tmp_path / "film.mp4", Film(shot(1, 2), aspect=Fraction(16, 11)))
    assert not warned(run(bilinear, source, tmp_path / name, encoding=EncodingRequest(codec)))
    shape = reading.probe(tmp_path / name).pixel_aspect
    assert shape == reading.probe(source).pixel_aspect == pytest.approx(16 / 11)


def test_a_shape_of_pixels_that_cannot_be_stored_is_told(
    tmp_path: Path, bilinear: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mux, "name_pixel_aspect", lambda made, aspect: False)
    source = write_film(tmp_path / "film.mp4", Film(shot(1, 2), aspect=Fraction(16, 11)))
    told = warned(run(bilinear, source, tmp_path / "out.mkv"))
    assert "film.mp4: the file does not say that its pixels are 16/11 as wide as high" in told


def test_a_film_that_begins_late_can_be_previewed(tmp_path: Path, bilinear: Path) -> None:
    source = write_film(tmp_path / "film.mkv", Film(shot(1, 9), [356_000 + 40 * n for n in range(9)]))
    run(bilinear, source, tmp_path / "out.mkv", span=Span(0.0, 0.2))
    assert seconds(tmp_path / "out.mkv") == pytest.approx([0.04 * n for n in range(5)], abs=1e-3)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
@pytest.mark.parametrize(("last", "reordered"), [(20_000, 0), (20_000, 3), (0, 3)])
def test_a_film_stays_as_long_as_it_was(tmp_path: Path, bilinear: Path, suffix: str, last: int, reordered: int) -> None:
    source = write_film(tmp_path / f"film{suffix}", Film(shot(1, 9), last=last, options={"bf": str(reordered)}))
    run(bilinear, source, tmp_path / f"out{suffix}")
    with av.open(str(source)) as before, av.open(str(tmp_path / f"out{suffix}")) as after:
        assert after.duration == pytest.approx(before.duration, abs=1000) and (before.duration or 0) > 1000 * last
    assert seconds(tmp_path / f"out{suffix}") == seconds(source)


def test_pictures_of_a_palette_keep_their_colour(tmp_path: Path, bilinear: Path) -> None:
    source = tmp_path / "film.mov"
    with av.open(str(source), "w") as container:
        stream: Any = container.add_stream("png", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "pal8"
        frame = av.VideoFrame(WIDTH, HEIGHT, "pal8")
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    run(bilinear, source, tmp_path / "out.mov")
    assert first(tmp_path / "out.mov").format.name.endswith("444p")


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_films_shorter_than_a_window(tmp_path: Path, network: Path, count: int) -> None:
    source = write_film(tmp_path / "film.mp4", Film(shot(1, count)))
    run(network, source, tmp_path / "out.mp4")
    assert seconds(tmp_path / "out.mp4") == seconds(source) and len(seconds(source)) == count
    assert first(tmp_path / "out.mp4").width == 3 * WIDTH


# colours


@pytest.mark.parametrize(("matrix", "span"), [(1, 1), (5, 1), (6, 2), (9, 1), (1, 2)])
def test_colours_stay(tmp_path: Path, bilinear: Path, matrix: int, span: int) -> None:
    tags = {"colorspace": matrix, "color_range": span, "color_primaries": 9, "color_trc": 13}
    source = write_film(tmp_path / "film.mkv", Film(shot(1, 2), pixels="yuv444p", options={"crf": "0"}, tags=tags))
    run(bilinear, source, tmp_path / "out.mkv", encoding=LOSSLESS)
    frame = first(tmp_path / "out.mkv")
    assert {name: int(getattr(frame, name)) for name in tags} == tags
    shown, wanted = next(reading.frames(tmp_path / "out.mkv")), enlarged(next(reading.frames(source)))
    assert np.abs(shown - wanted).max() <= 3


def test_an_unnamed_matrix_is_named_as_it_was_read(tmp_path: Path, bilinear: Path) -> None:
    """A player would guess another one for the larger picture."""
    source = write_film(tmp_path / "film.mp4", Film(shot(1, 2)))
    run(bilinear, source, tmp_path / "out.mp4")
    assert (first(source).colorspace, first(tmp_path / "out.mp4").colorspace) == (2, reading.BT601)


@pytest.mark.parametrize("codec", [None, "libx264"])
def test_ten_bits_stay_ten_bits(tmp_path: Path, bilinear: Path, codec: Any) -> None:
    steps = np.linspace(20000, 21000, WIDTH, dtype=np.uint16)  # 16 levels of 10 bits, 4 of 8
    picture = np.broadcast_to(steps[None, :, None], (HEIGHT, WIDTH, 3))
    deep = Film(
        [picture] * 3, codec="libx265", pixels="yuv420p10le", options={"x265-params": "lossless=1:log-level=none"}
    )
    source = write_film(tmp_path / "film.mkv", deep)
    run(bilinear, source, tmp_path / "out.mkv", encoding=EncodingRequest(codec, crf=1))
    frame = first(tmp_path / "out.mkv")
    assert frame.format.name == "yuv420p10le"
    luma = np.frombuffer(bytes(frame.planes[0]), np.uint16).reshape(3 * HEIGHT, -1)[36, : 3 * WIDTH]
    assert len(np.unique(luma)) >= 12 and np.abs(np.diff(luma.astype(int))).max() <= 2


@pytest.mark.parametrize("codec", [None, "libx264", "libsvtav1", "ffv1"])
def test_hdr_passes_with_its_tags(tmp_path: Path, bilinear: Path, codec: Any) -> None:
    tags = {"colorspace": 9, "color_range": 1, "color_primaries": 9, "color_trc": 16}
    display = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
    params = f"log-level=none:master-display={display}:max-cll=1000,400"
    film = Film(shot(1, 3), codec="libx265", pixels="yuv420p10le", options={"x265-params": params}, tags=tags)
    source = write_film(tmp_path / "film.mkv", film)
    encoding = EncodingRequest(codec, pixels="yuv420p10le")
    events = run(bilinear, source, tmp_path / "out.mkv", encoding=encoding)
    before, after = first(source), first(tmp_path / "out.mkv")
    assert {name: int(getattr(after, name)) for name in tags} == tags
    assert "is HDR (PQ)" in warned(events)
    assert ("cannot hold the mastering display" in warned(events)) == (codec == "ffv1")
    if codec != "ffv1":
        assert hdr_figures(after) == pytest.approx(hdr_figures(before), abs=1e-3) and len(hdr_figures(after)) == 12


def hdr_figures(frame: Any) -> list[float]:
    """Of the mastering display, primaries and luminance; the most and the mean of the light."""
    read = SideDataReader().read
    values = struct.unpack("=20i", read(frame, SideData.MASTERING_DISPLAY_METADATA)[:80])
    light = struct.unpack("=2I", read(frame, SideData.CONTENT_LIGHT_LEVEL)[:8])
    return [n / d for n, d in zip(values[::2], values[1::2], strict=True)] + list(map(float, light))


def test_alpha_and_captions_are_told_once(tmp_path: Path, bilinear: Path) -> None:
    source = tmp_path / "film.mkv"
    with av.open(str(source), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuva444p"
        for picture in shot(1, 3):
            alpha = np.full((HEIGHT, WIDTH, 1), 90, np.uint8)
            packed: Any = np.concatenate([picture, alpha], axis=2)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(packed, format="rgba").reformat(format="yuva444p")))
        container.mux(stream.encode())
    assert warned(run(bilinear, source, tmp_path / "out.mkv")).count("has an alpha channel") == 1
    whole = write_film(tmp_path / "plain.mkv", Film(shot(1, 3)))
    content = bytes([0xB5, 0x00, 0x31]) + b"GA94" + bytes([0x03, 0x41, 0xFF, 0xFC]) + b"\xc8\xe5\xff"
    letters = b"\0\0\0\1" + bytes([0x06, 0x04, len(content)]) + content + b"\x80"
    with av.open(str(whole)) as plain, av.open(str(tmp_path / "captions.ts"), "w") as container:
        copy = container.add_stream_from_template(plain.streams.video[0], opaque=True)
        annex = av.BitStreamFilterContext("h264_mp4toannexb", plain.streams.video[0], copy)
        for packet in (p for whole in plain.demux(plain.streams.video[0]) for p in annex.filter(whole) if p.size):
            new: Any = av.Packet(letters + bytes(packet))
            new.stream, new.pts, new.dts, new.time_base = copy, packet.pts, packet.dts, packet.time_base
            container.mux(new)
    assert warned(run(bilinear, tmp_path / "captions.ts", tmp_path / "ts.mkv")).count("has closed captions") == 1


def test_a_pipe_is_refused_at_once(tmp_path: Path, bilinear: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mkv")
    with pytest.raises(VsrppError, match=r"pipe\.mkv is a pipe or a device, .*; save it as a file first"):
        run(bilinear, tmp_path / "pipe.mkv", tmp_path / "out.mkv")


def test_an_odd_size_is_neither_cropped_nor_padded(tmp_path: Path, bilinear: Path) -> None:
    film = Film(shot(1, 3, 25, 33), codec="ffv1", pixels="yuv420p", options={})
    source = write_film(tmp_path / "film.mkv", film)
    events = run(bilinear, source, tmp_path / "out.mkv")
    frame = first(tmp_path / "out.mkv")
    assert (frame.width, frame.height, frame.format.name) == (99, 75, "yuv444p")
    assert "99x75 is odd" in warned(events)
    with refused("pixels", "99x75 is odd, which yuv420p cannot store"):
        run(bilinear, source, tmp_path / "other.mkv", encoding=EncodingRequest(pixels="yuv420p"))


def test_interlaced_needs_force(tmp_path: Path, bilinear: Path) -> None:
    film = Film(shot(1, 3, 32, 32), options={"x264-params": "interlaced=1:tff=1"})
    source = write_film(tmp_path / "film.mkv", film)
    with pytest.raises(VsrppError, match=r"is interlaced; .* or take it as it is with --force"):
        run(bilinear, source, tmp_path / "out.mkv")
    run(bilinear, source, tmp_path / "out.mkv", force=True)
    assert len(seconds(tmp_path / "out.mkv")) == 3


# which frames are seen


class Shows(torch.nn.Module):
    """A network whose picture has the darkest and the lightest of what it saw: one value, if it saw one scene."""

    n_blocks, n_frames, scale, alignment = 2, 5, 3, "none"

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        lowest, highest = frames.amin(dim=(1, 2)), frames.amax(dim=(1, 2))
        picture = torch.stack((lowest, highest, (lowest + highest) / 2), dim=1)
        return F.interpolate(picture, scale_factor=3)


def test_a_cut_never_mixes_scenes(tmp_path: Path, bilinear: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vsrpp_core.apply.upscale.upscale.load_network", lambda path, hardware: Shows())
    flat = [np.full((HEIGHT, WIDTH, 3), level, np.uint8) for level in [30] * 9 + [90] * 1 + [200] * 7 + [120] * 8]
    source = write_film(tmp_path / "film.mkv", Film(flat, codec="ffv1", pixels="bgr0", options={}))
    run(bilinear, source, tmp_path / "out.mkv", encoding=EncodingRequest("ffv1", pixels="gbrp10le"))
    made = pictures(tmp_path / "out.mkv")
    for before, after in zip(flat, made, strict=True):
        assert np.abs(after.astype(int) - int(before[0, 0, 0])).max() <= 1


# stopping and going on


def test_a_killed_job_goes_on_and_makes_the_same_pictures(tmp_path: Path, network: Path) -> None:
    film = Film(shot(1, 30) + shot(2, 30), audio=("eng",))
    source, out, undisturbed = write_film(tmp_path / "film.mkv", film), tmp_path / "out.mkv", tmp_path / "whole.mkv"
    run(network, source, undisturbed)
    code = (
        "import sys, time; from pathlib import Path\n"
        "from vsrpp_core.apply.upscale.segments import SegmentWriter\n"
        "plain = SegmentWriter.add\n"
        "def slow(self, packets): time.sleep(0.05); plain(self, packets)\n"
        "SegmentWriter.add = slow\n"
        "from vsrpp_core.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    given = ["upscale", network, source, out, "--segment", "0.2s", "--precision", "fp32"]
    arguments = [sys.executable, "-c", code, *map(str, given)]
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL) as process:
        work = tmp_path / ".out.mkv.vsrpp"
        wait_for(lambda: len(list(work.glob("segment_*.json"))) >= 4)
        wait_for(lambda: stands_still_with(process, lambda: any(work.glob(".tmp-segment_*"))))
        process.kill()
    assert not out.exists() and list(work.glob(".tmp-*"))
    events = run(network, source, out)
    started = next(event for event in events if isinstance(event, UpscaleStarted))
    assert 20 <= started.resumed_from < 60 and started.resumed_from % 5 == 0
    assert not work.exists() and seconds(out) == seconds(undisturbed)
    assert all(np.array_equal(a, b) for a, b in zip(pictures(out), pictures(undisturbed), strict=True))
    assert tracks(out) == tracks(undisturbed)


@pytest.mark.parametrize("is_changed", [False, True])
def test_what_a_kill_after_the_last_moment_left_is_cleared(
    tmp_path: Path, bilinear: Path, monkeypatch: pytest.MonkeyPatch, is_changed: bool
) -> None:
    source, out = write_film(tmp_path / "film.mkv", Film(shot(1, 9))), tmp_path / "out.mkv"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(UpscaleFolder, "remove", mock.Mock(side_effect=KeyboardInterrupt))
        run(bilinear, source, out)
    if is_changed:
        out.touch()
    assert out.exists() and list(tmp_path.glob(".out.mkv.vsrpp/segment_*"))
    with refused("out", "already exists"):
        run(bilinear, source, out)
    assert (tmp_path / ".out.mkv.vsrpp").exists() is is_changed


def stands_still_with(process: subprocess.Popen[bytes], condition: Callable[[], bool]) -> bool:
    """Stop the process where it is; where the condition does not hold it goes on: between two segments none is half
    made."""
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    if condition():
        return True
    process.send_signal(signal.SIGCONT)
    return False


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("stopped_after", range(2, 24, 3))
def test_stopped_anywhere_it_goes_on_to_the_same_file(tmp_path: Path, network: Path, stopped_after: int) -> None:
    source = write_film(
        tmp_path / "film.mkv", Film(shot(1, 11) + shot(2, 9), UNEVEN + [520 + 30 * n for n in range(7)])
    )
    run(network, source, tmp_path / "whole.mkv")
    stop(network, source, tmp_path / "out.mkv", stopped_after)
    assert not (tmp_path / "out.mkv").exists()
    run(network, source, tmp_path / "out.mkv")
    assert tracks(tmp_path / "out.mkv") == tracks(tmp_path / "whole.mkv")


def stop(checkpoint: Path, source: Path, out: Path, after: int) -> None:
    """Close a job after so many events."""
    events = upscale(checkpoint, plan([source], out, False, False).jobs, Options(precision="fp32", segment_seconds=0.2))
    for _ in range(after):
        next(events)
    events.close()


def test_a_damaged_segment_and_what_follows_are_made_again(tmp_path: Path, network: Path) -> None:
    source = write_film(tmp_path / "film.mkv", Film(shot(1, 25)))
    run(network, source, tmp_path / "whole.mkv")
    stop(network, source, tmp_path / "out.mkv", 22)
    damaged = tmp_path / ".out.mkv.vsrpp" / "segment_000002.packets"
    data = bytearray(damaged.read_bytes())
    data[len(data) // 2] ^= 1
    damaged.write_bytes(data)
    events = run(network, source, tmp_path / "out.mkv")
    assert next(e for e in events if isinstance(e, UpscaleStarted)).resumed_from == 10
    assert tracks(tmp_path / "out.mkv") == tracks(tmp_path / "whole.mkv")


def test_a_job_with_other_settings_does_not_go_on(tmp_path: Path, network: Path, bilinear: Path) -> None:
    source, out = write_film(tmp_path / "film.mkv", Film(shot(1, 20))), tmp_path / "out.mkv"
    stop(network, source, out, 15)
    with pytest.raises(UsageError, match=r"made with another options; use the same again .* or --fresh"):
        run(network, source, out, encoding=EncodingRequest(crf=30))
    with pytest.raises(UsageError, match="another ensemble"):
        run(network, source, out, ensemble=2)
    with pytest.raises(UsageError, match="another checkpoint"):
        run(bilinear, source, out)
    source.touch()
    with pytest.raises(UsageError, match="another source"):
        run(network, source, out)
    events = run(network, source, out, fresh=True)
    assert next(e for e in events if isinstance(e, UpscaleStarted)).resumed_from == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_stop_it_and_tell_how_to_go_on(tmp_path: Path, network: Path, number: signal.Signals) -> None:
    source = write_film(tmp_path / "film.mkv", Film(shot(1, 2000, 12, 16), options={"preset": "ultrafast"}))
    out = tmp_path / "out.mkv"
    command = [sys.executable, "-m", "vsrpp_core", "upscale", str(network), str(source), str(out), "--segment", "0.2"]
    with Preloaded(command, stdout=subprocess.PIPE, text=True) as process:
        wait_for(lambda: list(tmp_path.glob(".out.mkv.vsrpp/segment_*.json")))
        process.send_signal(number)
        said = process.communicate()[0]
    assert process.returncode == 130 and "continue with: " in said and str(source) in said
    assert not out.exists() and not list(tmp_path.glob(".out.mkv.vsrpp/.tmp-*"))


def test_a_full_disk_is_told_and_the_job_resumes(
    tmp_path: Path, network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writing fails on the encoder's thread, a picture or some after it was given to it."""
    source, written = write_film(tmp_path / "film.mkv", Film(shot(1, 25))), count(1)
    run(network, source, tmp_path / "whole.mkv")
    plain = SegmentWriter.add

    def full(self: SegmentWriter, packets: Any) -> None:
        if next(written) == 14:
            raise OSError(errno.ENOSPC, "No space left on device")
        plain(self, packets)

    with monkeypatch.context() as patched:
        patched.setattr(SegmentWriter, "add", full)
        with pytest.raises(VsrppError, match=r"out\.mkv cannot be written \(No space left on device\)"):
            run(network, source, tmp_path / "out.mkv")
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith(("ahead", "behind"))]
    events = run(network, source, tmp_path / "out.mkv")
    assert next(e for e in events if isinstance(e, UpscaleStarted)).resumed_from == 10
    assert tracks(tmp_path / "out.mkv") == tracks(tmp_path / "whole.mkv")


def test_two_processes_do_not_make_the_same_file(tmp_path: Path, network: Path) -> None:
    source, out = write_film(tmp_path / "film.mkv", Film(shot(1, 9))), tmp_path / "out.mkv"
    events = upscale(network, plan([source], out, False, False).jobs, Options(precision="fp32"))
    next(events)
    with pytest.raises(VsrppError, match=r"out\.mkv is being made by another process"):
        run(network, source, out)
    events.close()


# what is refused


def test_nothing_is_overwritten_unasked(tmp_path: Path, bilinear: Path) -> None:
    source = write_film(tmp_path / "film.mkv", Film(shot(1, 2)))
    before = source.read_bytes()
    (tmp_path / "link.mkv").symlink_to(source)
    for out in (source, tmp_path / "link.mkv"):
        with refused("out", "is the source itself"):
            run(bilinear, source, out, overwrite=True)
    (tmp_path / "out.mkv").write_text("precious")
    with refused("out", r"out\.mkv already exists; .*--overwrite"):
        run(bilinear, source, tmp_path / "out.mkv")
    assert (tmp_path / "out.mkv").read_text() == "precious" and source.read_bytes() == before
    run(bilinear, source, tmp_path / "out.mkv", overwrite=True)
    assert len(seconds(tmp_path / "out.mkv")) == 2


@pytest.mark.parametrize("name", ["film.mov", "film.mjpeg", "film.bin"])
def test_bare_pictures_in_place_of_a_film_are_told(tmp_path: Path, bilinear: Path, name: str) -> None:
    """As a header full of zeros leaves a film of JPEG pictures; a file that is named so is taken as it is."""
    whole = write_film(tmp_path / "whole.mov", Film(shot(1, 12), codec="mjpeg", pixels="yuvj420p", options={}))
    content = whole.read_bytes()
    bare = tmp_path / name
    bare.write_bytes(bytes(content.index(b"\xff\xd8")) + content[content.index(b"\xff\xd8") :])
    told = [event.message for event in run(bilinear, bare, tmp_path / "out.mkv") if isinstance(event, WarningRaised)]
    assert any("has lost the header that a .mov file begins with" in text for text in told) is (name == "film.mov")


def test_of_an_animated_webp_the_first_picture_is_taken_and_as_a_film_it_is_refused(
    tmp_path: Path, bilinear: Path
) -> None:
    """libav decodes none of its pictures."""
    first, *more = [Image.fromarray(picture) for picture in shot(1, 3)]
    folder = tmp_path / "images"
    folder.mkdir()
    for suffix in ("webp", "png"):
        first.save(folder / f"a.{suffix}", lossless=True, save_all=suffix == "webp", append_images=more)
    told = [event.message for event in run(bilinear, folder, tmp_path / "out") if isinstance(event, WarningRaised)]
    assert any(f"{folder / 'a.webp'} holds 3 pictures; of it" in text for text in told)
    made, wanted = ((tmp_path / "out" / f"a.{suffix}.png").read_bytes() for suffix in ("webp", "png"))
    assert made == wanted
    with pytest.raises(VsrppError, match=r"a\.webp is an animated WebP"):
        run(bilinear, folder / "a.webp", tmp_path / "out.mkv")


def test_a_cut_off_video_is_told_and_taken_by_force(tmp_path: Path, bilinear: Path) -> None:
    whole = write_film(tmp_path / "whole.mkv", Film(shot(1, 80), options={"g": "5"}))
    source = tmp_path / "film.mkv"
    source.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(VsrppError, match=r"take what there is with --force"):
        run(bilinear, source, tmp_path / "out.mkv")
    assert not (tmp_path / "out.mkv").exists()
    assert "what comes before is used" in warned(run(bilinear, source, tmp_path / "out.mkv", force=True))
    assert 10 < len(seconds(tmp_path / "out.mkv")) < 80


def test_settings_the_encoder_refuses_are_told_before_any_work(tmp_path: Path, bilinear: Path) -> None:
    source = write_film(tmp_path / "film.mkv", Film(shot(1, 2)))
    with refused("preset", r"--preset warp is not a preset of libx264; it has ultrafast,"):
        run(bilinear, source, tmp_path / "out.mkv", encoding=EncodingRequest("libx264", preset="warp"))
    with refused("preset", "--preset slow is not a preset of libsvtav1; it has 0 to 13"):
        run(bilinear, source, tmp_path / "out.mkv", encoding=EncodingRequest("libsvtav1", preset="slow"))
    with refused("crf", "--crf 52 is not between 0 and 51"):
        run(bilinear, source, tmp_path / "out.mkv", encoding=EncodingRequest("libx264", crf=52))
    with refused("codec", "ffv1 is lossless and takes neither --crf"):
        run(bilinear, source, tmp_path / "out.mkv", encoding=EncodingRequest("ffv1", crf=5))
    assert not list(tmp_path.glob(".out*"))
    with refused("pixels", "libx264 has no pixel format gbrp16le; it has yuv420p,"):
        run(bilinear, source, tmp_path / "out.mkv", encoding=EncodingRequest("libx264", pixels="gbrp16le"))


def test_a_card_s_encoder_is_tried_before_any_work(
    tmp_path: Path, bilinear: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable(context: object) -> None:
        raise av.error.PermissionError(1, "Operation not permitted")  # what libav says without a driver

    source = write_film(tmp_path / "film.mkv", Film(shot(1, 2)))
    monkeypatch.setattr("vsrpp_core.apply.upscale.encoding.open_encoder", unavailable)
    with refused("codec", r"hevc_nvenc needs an NVIDIA card .* cannot be opened here .*; choose another --codec"):
        run(bilinear, source, tmp_path / "out.mkv", encoding=EncodingRequest("hevc_nvenc"))
    assert not list(tmp_path.glob(".out*"))
    monkeypatch.setattr(av, "Codec", lambda name, mode: (_ for _ in ()).throw(ValueError(name)))
    with refused("codec", "this build of PyAV has no encoder hevc_nvenc; choose another"):
        run(bilinear, source, tmp_path / "out.mkv", encoding=EncodingRequest("hevc_nvenc"))


@pytest.mark.skipif("hevc_nvenc" not in av.codecs_available, reason="this PyAV has no NVENC")
def test_a_card_s_encoder_takes_quality_presets_and_ten_bits() -> None:
    info = SourceInfo(Path("film.mkv"), 320, 180, "yuv420p10le", 10, Fraction(25), Fraction(1, 25), 9)
    encoding, notes = choose_encoding(info, EncodingRequest("hevc_nvenc", crf=22, preset="p3"))
    assert encoding.options.items() >= {"cq": "22", "preset": "p3", "rc": "vbr", "b": "0"}.items()
    assert encoding.pixels == "p010le" and not notes
    assert choose_encoding(info, EncodingRequest("h264_nvenc"))[0].pixels == "yuv420p"
    for codec, wrong in (("h264_nvenc", {"crf": 0.0}), ("av1_nvenc", {"preset": "medium"})):
        with refused(next(iter(wrong)), f"is not .*{codec}"):
            choose_encoding(info, EncodingRequest(codec, **wrong))  # type: ignore[arg-type]


@pytest.mark.gpu
@pytest.mark.parametrize("codec", ["h264_nvenc", "hevc_nvenc", "av1_nvenc"])
def test_a_card_encodes_a_film_and_resumes_it(tmp_path: Path, network: Path, codec: Any) -> None:
    source = write_film(tmp_path / "film.mkv", Film(shot(1, 30, 96, 128)))
    encoding = EncodingRequest(codec)
    try:
        choose_encoding(VideoFilm(source).info, encoding)[0].refuse_without_card()
    except OptionError as error:
        pytest.skip(str(error))
    jobs = plan([source], tmp_path / "out.mkv", False, False).jobs
    events = upscale(network, jobs, Options(encoding, "fp32", segment_seconds=0.2))
    for _ in range(20):
        next(events)
    events.close()
    *_, finished = run(network, source, tmp_path / "out.mkv", encoding=encoding)
    assert isinstance(finished, UpscaleFinished) and finished.resumed_from and finished.frames == 30
    assert seconds(tmp_path / "out.mkv") == seconds(source)


# parts, pictures, many


def test_a_preview_has_its_part_of_everything(tmp_path: Path, bilinear: Path) -> None:
    film = Film(shot(1, 100), audio=("eng",), chapters=True, options={"g": "20", "crf": "8"})
    source = write_film(tmp_path / "film.mkv", film)
    run(bilinear, source, tmp_path / "begin.mkv", span=Span(0, 0.4))
    assert seconds(tmp_path / "begin.mkv") == seconds(source)[:10]
    run(bilinear, source, tmp_path / "middle.mkv", span=Span(2.8, 0.4), encoding=LOSSLESS)
    assert seconds(tmp_path / "middle.mkv") == pytest.approx([0.04 * n for n in range(10)])
    wanted = [enlarged(frame) for frame in list(reading.frames(source))[70:80]]
    made = list(reading.frames(tmp_path / "middle.mkv"))
    assert max(np.abs(a - b).max() for a, b in zip(made, wanted, strict=True)) <= 3
    sound = tracks(tmp_path / "middle.mkv")[1].packets
    assert 0 <= sound[0][0] < 0.03 and 0.37 < sound[-1][0] < 0.4
    with av.open(str(tmp_path / "begin.mkv")) as container:
        assert [float(c["end"] * (c["time_base"] or 0)) for c in container.chapters()] == [0.2, 0.4]


def write_png(path: Path, picture: Any) -> None:
    deep = picture.dtype == np.uint16
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb48le" if deep else "rgb24")
    encoder: Any = av.CodecContext.create("png", "w")
    encoder.height, encoder.width = picture.shape[:2]
    encoder.pix_fmt, encoder.time_base = "rgb48be" if deep else "rgb24", Fraction(1)
    path.write_bytes(b"".join(bytes(packet) for packet in (*encoder.encode(frame), *encoder.encode(None))))


@pytest.mark.parametrize("deep", [False, True])
def test_a_folder_of_images_becomes_a_folder_of_images(tmp_path: Path, bilinear: Path, deep: bool) -> None:
    folder, out = tmp_path / "frames", tmp_path / "out"
    folder.mkdir()
    for number, picture in zip((1, 2, 10), shot(1, 3, 25, 33), strict=True):
        write_png(folder / f"f{number}.png", picture.astype(np.uint16) * 257 if deep else picture)
    run(bilinear, folder, out)
    assert sorted(path.name for path in out.iterdir()) == ["f1.png", "f10.png", "f2.png"]
    for number, picture in zip((1, 2, 10), shot(1, 3, 25, 33), strict=True):
        frame = first(out / f"f{number}.png")
        made = frame.to_ndarray(format="rgb48le") / 257 if deep else frame.to_ndarray(format="rgb24")
        assert np.abs(made - enlarged(picture)).max() <= (1 if deep else 0)
        assert frame.format.name == ("rgb48be" if deep else "rgb24")
    with refused("out", "already exists and is not an empty folder"):
        run(bilinear, folder, out)


def test_images_become_a_video_and_a_turned_video_upright_images(tmp_path: Path, bilinear: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, picture in enumerate(shot(1, 6)):
        Image.fromarray(picture).save(folder / f"{number}.bmp")
    assert "stored as 4:4:4" in warned(run(bilinear, folder, tmp_path / "out.mkv", rate=Fraction(10)))
    assert seconds(tmp_path / "out.mkv") == pytest.approx([0.1 * n for n in range(6)])
    source = write_film(tmp_path / "film.mp4", Film(shot(1, 2), rotation=90, options={"crf": "1"}))
    run(bilinear, source, tmp_path / "pictures", png=True)
    made = sorted((tmp_path / "pictures").iterdir())
    assert [path.name for path in made] == ["000001.png", "000002.png"]
    with Image.open(made[0]) as image:
        wanted = enlarged(next(reading.frames(source)))
        assert np.abs(np.asarray(image) - wanted).max() <= 1


def test_images_of_different_sizes_are_refused(tmp_path: Path, bilinear: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, picture in enumerate([*shot(1, 6), *shot(1, 1, 12, 16)]):
        Image.fromarray(picture).save(folder / f"{number}.png")
    with pytest.raises(VsrppError, match=r"1 image of 7 cannot be used: .*6\.png is 16x12, unlike most \(32x24\)"):
        run(bilinear, folder, tmp_path / "out")
    assert not (tmp_path / "out").exists() and not (tmp_path / ".out.vsrpp").exists()


def test_a_job_of_images_resumes_after_what_it_has_not_used_is_replaced(tmp_path: Path, network: Path) -> None:
    folder, out = tmp_path / "frames", tmp_path / "out"
    folder.mkdir()
    for number, picture in enumerate(shot(1, 24)):
        Image.fromarray(picture).save(folder / f"{number:02}.png")
    damaged = folder / "19.png"
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:60] + bytes(20) + whole[80:])  # its header and its end say nothing of it
    with pytest.raises(VsrppError, match=r"19\.png"):
        run(network, folder, out)
    damaged.write_bytes(whole)
    events = run(network, folder, out)
    assert next(e for e in events if isinstance(e, UpscaleStarted)).resumed_from == 10
    stop(network, folder, tmp_path / "again", 14)
    (folder / "03.png").touch()
    with pytest.raises(UsageError, match="another source"):
        run(network, folder, tmp_path / "again")


def test_of_a_folder_with_a_film_the_film_is_taken_and_the_rest_told(tmp_path: Path, bilinear: Path) -> None:
    films = tmp_path / "films"
    films.mkdir()
    write_film(films / "film.mkv", Film(shot(1, 3)))
    Image.fromarray(shot(1, 1)[0]).save(films / "poster.jpg")
    planned = plan([films], tmp_path / "out")
    assert [job.source.name for job in planned.jobs] == ["film.mkv"]
    assert planned.notes == [f"{films}: 1 passed over, as the videos there are taken: poster.jpg"]


def test_images_of_one_stem_are_all_made(tmp_path: Path, bilinear: Path) -> None:
    folder, out = tmp_path / "frames", tmp_path / "out"
    folder.mkdir()
    for name, picture in zip(("1.png", "2.jpg", "2.png", "4.png"), shot(1, 4), strict=True):
        Image.fromarray(picture).save(folder / name)
    told = warned(run(bilinear, folder, out))
    assert "equal names (2.jpg and 2.png)" in told
    assert sorted(path.name for path in out.iterdir()) == ["1.png", "2.jpg.png", "2.png.png", "4.png"]


@pytest.mark.parametrize(("mode", "suffix"), [("RGBA", "png"), ("P", "png"), ("LA", "png"), ("RGBA", "webp")])
def test_what_is_transparent_is_told_once_and_what_is_opaque_is_not(
    tmp_path: Path, bilinear: Path, mode: str, suffix: str
) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, picture in enumerate(shot(1, 4)):
        image = Image.fromarray(picture).quantize(16) if mode == "P" else Image.fromarray(picture).convert(mode)
        if number >= 2 and mode != "P":
            image.putalpha(Image.linear_gradient("L").resize(image.size))
        if mode == "P" and number >= 2:
            image.info["transparency"] = 3
        image.save(folder / f"{number}.{suffix}")
    told = warned(run(bilinear, folder, tmp_path / "out"))
    assert told.count("in places") == 1 and f"2.{suffix} is transparent in places" in told


def test_of_several_a_bad_one_does_not_stop_the_others(
    tmp_path: Path, bilinear: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    films, out = tmp_path / "films", tmp_path / "out"
    films.mkdir()
    write_film(films / "a.mp4", Film(shot(1, 3)))
    (films / "b.mp4").write_text("hello" * 99)
    shutil.copy(films / "a.mp4", films / "c.avi")
    events = run(bilinear, films, out)
    assert [e.name for e in events if isinstance(e, UpscaleFailed)] == ["b.mp4"]
    assert sorted(path.name for path in out.glob("[!.]*")) == ["a.mp4", "c.mkv"]
    before = (out / "a.mp4").stat().st_mtime_ns
    (films / "b.mp4").unlink()
    write_film(films / "d.mp4", Film(shot(2, 3)))
    assert main(["upscale", str(bilinear), str(films), str(out), "--precision", "fp32"]) == 0
    assert "a.mp4 already exists" in capsys.readouterr().out.replace("\n", "")
    assert (out / "a.mp4").stat().st_mtime_ns == before and (out / "d.mp4").exists()


def test_two_of_one_name_are_refused(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "film.mp4").touch()
    with refused("sources", "would both become"):
        plan([tmp_path / "a", tmp_path / "b"], tmp_path / "out", False, False)
    with refused("out", r"out\.mkv is one video file, but 2 sources need a folder"):
        plan([tmp_path / "a", tmp_path / "b"], tmp_path / "out.mkv", False, False)


def test_tiles_make_the_same_picture(tmp_path: Path, network: Path) -> None:
    source = write_film(tmp_path / "film.mkv", Film(shot(1, 2, 64, 96)))
    run(network, source, tmp_path / "whole.mkv", encoding=EncodingRequest("ffv1", pixels="bgr0"))
    run(network, source, tmp_path / "tiles.mkv", encoding=EncodingRequest("ffv1", pixels="bgr0"), tile=32)
    assert all(
        np.abs(a.astype(int) - b).max() <= 1
        for a, b in zip(pictures(tmp_path / "whole.mkv"), pictures(tmp_path / "tiles.mkv"), strict=True)
    )


def test_a_cpu_takes_tiles_before_its_memory_is_full(
    tmp_path: Path, network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_film(tmp_path / "film.mkv", Film(shot(1, 2, 96, 96)))
    exact = EncodingRequest("ffv1", pixels="bgr0")
    assert "tiles" not in warned(run(network, source, tmp_path / "whole.mkv", encoding=exact))
    info = VideoFilm(source).info
    waiting = waiting_bytes(info, choose_encoding(info, exact)[0])
    free = psutil.virtual_memory()._replace(available=2 * (60**2 * bytes_per_pixel(LeanVSR(4, 2, 5)) + waiting))
    monkeypatch.setattr("psutil.virtual_memory", lambda: free)
    events = run(network, source, tmp_path / "tiles.mkv", encoding=exact)
    assert "no memory for whole LR frames of 96x96; they are upscaled in tiles of at most 48x48" in warned(events)
    for a, b in zip(pictures(tmp_path / "whole.mkv"), pictures(tmp_path / "tiles.mkv"), strict=True):
        assert np.abs(a.astype(int) - b).max() <= 1


def test_a_picture_that_fits_nowhere_is_told(tmp_path: Path, network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Any, frames: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("vsrpp_core.network.model.VSRBidirectional3x.forward", full)
    source = write_film(tmp_path / "film.mkv", Film(shot(1, 2)))
    with pytest.raises(VsrppError, match=r"too little free memory for .*film\.mkv, LR frames of 32x24, even in tiles"):
        run(network, source, tmp_path / "out.mkv")


def test_a_picture_that_is_not_finite_is_an_error(
    tmp_path: Path, network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As whole levels it would be a black picture in the film."""

    def overflowing(self: Any, frames: torch.Tensor) -> torch.Tensor:
        return torch.full((1, 3, 3 * frames.shape[-2], 3 * frames.shape[-1]), torch.nan)

    monkeypatch.setattr("vsrpp_core.network.model.VSRBidirectional3x.forward", overflowing)
    source = write_film(tmp_path / "film.mkv", Film(shot(1, 2)))
    with pytest.raises(VsrppError, match=r"pictures of .*film\.mkv are not finite; try --precision fp32"):
        run(network, source, tmp_path / "out.mkv")


def test_pictures_too_small_for_x265_are_given_to_x264_or_refused(tmp_path: Path, bilinear: Path) -> None:
    """It would write beyond its memory."""
    deep = [picture.astype(np.uint16) * 257 for picture in shot(1, 3, 16, 16)]
    source = write_film(tmp_path / "film.mkv", Film(deep, pixels="yuv420p10le"))
    run(bilinear, source, tmp_path / "out.mkv")
    with av.open(str(tmp_path / "out.mkv")) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt, context.width) == ("h264", "yuv420p10le", 48)
    with refused("codec", "libx265 cannot encode pictures as small as 48x48"):
        run(bilinear, source, tmp_path / "other.mkv", encoding=EncodingRequest("libx265"))


def test_h265_in_mp4_is_named_for_all_players(tmp_path: Path, bilinear: Path) -> None:
    source = write_film(tmp_path / "film.mp4", Film(shot(1, 7)))
    run(bilinear, source, tmp_path / "out.mp4", encoding=EncodingRequest("libx265"))
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].codec_context.codec_tag == "hvc1"
    assert seconds(tmp_path / "out.mp4") == seconds(source)


@pytest.mark.parametrize("codec", ["libsvtav1", "ffv1"])
def test_other_codecs(tmp_path: Path, bilinear: Path, codec: Any) -> None:
    source = write_film(tmp_path / "film.mkv", Film(shot(1, 13, 48, 48), UNEVEN))
    run(bilinear, source, tmp_path / "out.mkv", encoding=EncodingRequest(codec))
    assert seconds(tmp_path / "out.mkv") == seconds(source)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the policy of each thread")
def test_an_encoder_leaves_the_program_at_its_ordinary_priority(
    tmp_path: Path, bilinear: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """SVT-AV1 would schedule it in real time for root, and stop all else on the machine."""
    source = write_film(tmp_path / "film.mkv", Film(shot(1, 7, 48, 48)))
    jobs, ordinary = plan([source], tmp_path / "out.mkv", False, False).jobs, os.sched_getscheduler(0)
    policies: list[set[int]] = []

    def look() -> None:
        policies.append(set())
        for thread in Path("/proc/self/task").iterdir():
            with suppress(ProcessLookupError):  # it has ended since the list was read
                policies[-1].add(os.sched_getscheduler(int(thread.name)))

    def opened(context: VideoCodecContext) -> None:
        """Looked at by the thread that opens it: another one would see what it is within that moment."""
        open_encoder(context)
        look()

    monkeypatch.setattr(encoding, "open_encoder", opened)
    run(bilinear, source, jobs[0].out, encoding=EncodingRequest("libsvtav1"))
    look()
    assert len(policies) > 1 and set().union(*policies) == {ordinary}
    assert "Svt" not in capfd.readouterr().err


def test_progress_counts_up_to_the_end(tmp_path: Path, bilinear: Path) -> None:
    source = write_film(tmp_path / "film.mp4", Film(shot(1, 7)))
    steps = [e for e in run(bilinear, source, tmp_path / "out.mp4") if isinstance(e, UpscaleProgress)]
    assert [(e.stage, e.done, e.total) for e in steps] == [
        (stage, done, 7) for stage in ("upscaling", "joining") for done in range(1, 8)
    ]


def test_the_work_folder_says_what_it_is_for(tmp_path: Path, network: Path) -> None:
    source = write_film(tmp_path / "film.mkv", Film(shot(1, 20)))
    stop(network, source, tmp_path / "out.mkv", 15)
    work = tmp_path / ".out.mkv.vsrpp"
    job = json.loads((work / "job.json").read_text())
    assert job["format"] == 1 and job["codec"] == "libx264" and len(job["checkpoint"]) == 64
    segment = json.loads((work / "segment_000001.json").read_text())
    assert (segment["first"], segment["frames"], len(segment["packets"])) == (5, 5, 5)
    size = (work / "segment_000001.packets").stat().st_size
    assert size == sum(packet[0] for packet in segment["packets"])
