"""Tracks that a container does not take as they are: what can be carried over is, the rest is told before any work."""

from fractions import Fraction
from itertools import zip_longest
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest

from tests.vsrpp_core.apply.conftest import Film, run, seconds, shot, tracks, write_film
from vsrpp_core.apply.upscale.copied import Writer, on_one_clock
from vsrpp_core.errors import OptionError
from vsrpp_core.messages.events import WarningRaised
from vsrpp_core.video.clock import Clock


def with_sound(path: Path, codec: str) -> Path:
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=25, options={"crf": "8"})
        stream.height, stream.width, stream.pix_fmt = 24, 32, "yuv420p"
        sound: Any = container.add_stream(codec, rate=48000, layout="mono")
        for picture in shot(1, 5):
            packed: Any = np.ascontiguousarray(picture)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(packed, format="rgb24")))
        container.mux(stream.encode())
        for number in range(9):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 48000, 1024 * number, Fraction(1, 48000)
            container.mux(sound.encode(frame))
        container.mux(sound.encode())
    return path


def test_sound_that_matroska_holds_without_a_name_of_its_own_is_copied(tmp_path: Path, bilinear: Path) -> None:
    source = with_sound(tmp_path / "film.mov", "pcm_alaw")
    run(bilinear, source, tmp_path / "out.mkv")
    before, after = tracks(source)[1], tracks(tmp_path / "out.mkv")[1]
    assert after.codec == "pcm_alaw"
    assert b"".join(data for _, data in after.packets) == b"".join(data for _, data in before.packets)


def test_a_codec_refused_with_the_header_is_told_as_the_track_it_is(tmp_path: Path, bilinear: Path) -> None:
    source = with_sound(tmp_path / "film.mov", "pcm_alaw")
    with pytest.raises(
        OptionError, match=r"track 1 \(audio, pcm_alaw\) does not fit into a mp4 file; name OUT .*\.mkv"
    ):
        run(bilinear, source, tmp_path / "out.mp4")
    events = run(bilinear, source, tmp_path / "out.mp4", drop_tracks=True)
    assert any("track 1 (audio" in event.message for event in events if isinstance(event, WarningRaised))
    assert [track.kind for track in tracks(tmp_path / "out.mp4")] == ["video"]


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_packets_whose_times_go_back_are_moved_and_counted(tmp_path: Path, suffix: str) -> None:
    with (
        av.open(str(with_sound(tmp_path / "film.mov", "pcm_s16le"))) as source,
        av.open(str(tmp_path / f"out.{suffix}"), "w") as container,
    ):
        copy = container.add_stream_from_template(source.streams.audio[0], opaque=True)
        container.start_encoding()
        writer = Writer(container)
        for number, packet in enumerate(p for p in source.demux(source.streams.audio[0]) if p.size):
            packet.pts = packet.dts = 1024 * (number if number != 3 else 1)
            writer.add(packet, copy)
    assert not writer.has_lost and len(tracks(tmp_path / f"out.{suffix}")[0].packets) > 3


def test_names_with_a_colon_and_in_capitals_are_made(tmp_path: Path, bilinear: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    write_film(Path("film.mkv"), Film(shot(1, 2)))
    run(bilinear, Path("film.mkv"), Path("20:15.MP4"))
    assert len(seconds(tmp_path / "20:15.MP4")) == 2


def test_sound_follows_a_clock_that_begins_anew(tmp_path: Path) -> None:
    packets, clocks = [], dict[int, Clock]()
    with av.open(str(with_sound(tmp_path / "film.mov", "pcm_s16le"))) as source:
        for packet in source.demux(source.streams.audio[0]):
            if packet.size:
                packet.duration = 1024
                packets.append(packet)
        times = [90_000, 91_024, 92_048 - 400, 0, 1024]
        made = [time + on_one_clock(p, time, clocks) for p, time in zip(packets, times, strict=False)]
    assert made == [90_000, 91_024, 91_648, 92_672, 93_696][: len(made)] and len(made) == 5


SOUND = [1024 * n for n in range(120)]


@pytest.mark.parametrize(
    ("times", "made"),
    [
        (SOUND[:28] * 3, SOUND[:84]),
        (SOUND[:4] * 5, SOUND[:20]),
        ([*SOUND[:60], *SOUND[:60]], SOUND),
        ([*SOUND[:20], SOUND[18] - 400, *SOUND[21:40]], [*SOUND[:20], SOUND[18] - 400, *SOUND[21:40]]),
        ([*SOUND[:20], 10**8, *SOUND[21:40]], SOUND[:40]),
    ],
    ids=["0.6 s", "0.1 s", "1.3 s", "one too early", "one far off"],
)
def test_sound_of_short_joined_parts_goes_on_and_a_packet_at_a_wrong_time_is_none(
    times: list[int], made: list[int]
) -> None:
    container = SimpleNamespace(format=SimpleNamespace(flags=0))
    packet: Any = SimpleNamespace(
        time_base=Fraction(1, 48_000), duration=1024, stream=SimpleNamespace(index=0, container=container)
    )
    clocks = dict[int, Clock]()
    pairs = zip_longest(times, times[1:])
    assert [time + on_one_clock(packet, time, clocks, following) for time, following in pairs] == made


def test_a_track_that_nothing_decodes_costs_itself_alone(tmp_path: Path, bilinear: Path) -> None:
    write_film(tmp_path / "good.mkv", Film(shot(1, 13), subtitles=True))
    unknown = (tmp_path / "good.mkv").read_bytes().replace(b"S_TEXT/UTF8", b"S_TEXT/NOSU")
    (tmp_path / "film.mkv").write_bytes(unknown)
    with pytest.raises(OptionError, match=r"track 1 \(subtitle, unknown\) does not fit .*; give --drop-tracks"):
        run(bilinear, tmp_path / "film.mkv", tmp_path / "out.mp4")
    run(bilinear, tmp_path / "film.mkv", tmp_path / "out.mp4", drop_tracks=True)
    assert len(seconds(tmp_path / "out.mp4")) == 13


def test_a_file_that_fails_with_a_track_is_joined_without_it(
    tmp_path: Path, bilinear: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the last picture nothing may cost the pictures."""
    source, plain, tried = with_sound(tmp_path / "film.mov", "pcm_s16le"), Writer.add, []

    def failing(self: Writer, packet: Any, stream: Any) -> None:
        if stream.type == "audio" and (tmp_path / ".out.mkv.vsrpp/segment_000000.json").exists():
            tried.append(packet)
            raise ValueError("no such sound")
        plain(self, packet, stream)

    monkeypatch.setattr(Writer, "add", failing)
    events = run(bilinear, source, tmp_path / "out.mkv")
    told = " ".join(event.message for event in events if isinstance(event, WarningRaised))
    assert tried and "track 1 (audio, pcm_s16le) cannot be written (no such sound), and is left out" in told
    assert len(seconds(tmp_path / "out.mkv")) == 5 and [t.kind for t in tracks(tmp_path / "out.mkv")] == ["video"]


def test_texts_in_any_order_are_sorted(tmp_path: Path, bilinear: Path) -> None:
    source = write_film(tmp_path / "film.mkv", Film(shot(1, 13), subtitles=True))
    data = bytearray(source.read_bytes())
    at = data.index(b"line 1")
    data[at - 3 : at - 1] = (50).to_bytes(2, "big", signed=True)  # its time in the cluster, which was 300
    source.write_bytes(data)
    run(bilinear, source, tmp_path / "out.mkv")
    assert tracks(tmp_path / "out.mkv")[1].packets == [(0.05, b"line 1"), (0.1, b"line 0")]
