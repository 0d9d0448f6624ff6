"""Small films with everything a film may carry, and networks that show what they saw."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.helpers import whole_state
from vsrpp_core.apply.upscale.job_events import UpscaleEvent
from vsrpp_core.apply.upscale.jobs import Options, plan
from vsrpp_core.apply.upscale.upscale import upscale
from vsrpp_core.network.model import VSRBidirectional3x

MILLISECOND = Fraction(1, 1000)
SAMPLES, SAMPLE_RATE = 1024, 48000
HEIGHT, WIDTH = 24, 32
Pixels = NDArray[np.uint8 | np.uint16]


@pytest.fixture
def bilinear(tmp_path: Path) -> Path:
    """A checkpoint whose picture is the bilinear one exactly: its last convolution adds nothing."""
    return write_network(tmp_path / "bilinear.pth", adds=0.0)


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """A checkpoint whose picture depends on the whole window."""
    return write_network(tmp_path / "network.pth", adds=3.0)


def write_network(path: Path, adds: float, scale: int = 3) -> Path:
    torch.manual_seed(1)
    shape: dict[str, Any] = {"n_feats": 4, "n_blocks": 2, "n_frames": 5, "scale": scale}
    model = VSRBidirectional3x(**shape)
    state = model.state_dict()
    last = len(model.upsample) - 1
    state[f"upsample.{last}.weight"].mul_(adds)
    state[f"upsample.{last}.bias"].zero_()
    average = {"updates": 1, "weights": state}
    torch.save(whole_state(shape, state, average, step=1, last_quality=0.5, last_quality_step=1), path)
    return path


def shot(seed: int, count: int, height: int = HEIGHT, width: int = WIDTH) -> list[Pixels]:
    """Blocks of colours that move a pixel a frame; another seed is another scene."""
    random = np.random.default_rng(seed)
    dark = int(random.integers(0, 2)) * 100
    blocks = random.integers(dark, dark + 156, (height // 4 + 1, (width + count) // 4 + 1, 3), dtype=np.uint8)
    wall = np.kron(blocks, np.ones((4, 4, 1), np.uint8))
    return [wall[:height, place : place + width] for place in range(count)]


@dataclass
class Film:
    """What ``write_film`` encodes; ``times`` in milliseconds, one picture each 40 if there are none."""

    pictures: Sequence[Pixels]
    times: list[int] | None = None
    codec: str = "libx264"
    pixels: str = "yuv420p"
    options: dict[str, str] = field(default_factory=lambda: {"crf": "8", "preset": "veryfast"})
    audio: tuple[str, ...] = ()
    """A language for each track."""
    subtitles: bool = False
    chapters: bool = False
    metadata: dict[str, str] = field(default_factory=dict)
    rotation: float = 0
    tags: dict[str, int] = field(default_factory=dict)
    """``colorspace``, ``color_range``, ``color_primaries``, ``color_trc``."""
    aspect: Fraction | None = None
    last: int = 0
    """Milliseconds of the last picture, where the encoder's own will not do."""
    attachments: list[tuple[str, str, bytes]] = field(default_factory=list)
    """Name, type and content."""


def write_film(path: Path, film: Film) -> Path:
    times = film.times or [40 * n for n in range(len(film.pictures))]
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(film.codec, rate=25, options=film.options)
        stream.height, stream.width = film.pictures[0].shape[:2]
        stream.pix_fmt = film.pixels
        stream.codec_context.time_base = MILLISECOND
        for name, value in film.tags.items():
            setattr(stream.codec_context, name, value)
        if film.aspect:
            stream.codec_context.sample_aspect_ratio = film.aspect
        if film.rotation:
            stream.set_display_rotation(film.rotation)
        sounds = [_add_sound(container, language) for language in film.audio]
        words: Any = container.add_mux_stream("subrip", time_base=MILLISECOND) if film.subtitles else None
        if film.chapters:
            container.set_chapters([_chapter(1, 0, 200), _chapter(2, 200, 600)])
        for attachment in film.attachments:
            container.add_attachment(*attachment)
        container.metadata.update(film.metadata)
        for picture, pts in zip(film.pictures, times, strict=True):
            container.mux(stream.encode(_frame(picture, pts, film)))
        for packet in stream.encode():
            if film.last and packet.pts == times[-1]:
                packet.duration = film.last
            container.mux(packet)
        for sound in sounds:
            _encode_sound(container, sound, times[-1] + 40)
        if words:
            for number in range(2):
                container.mux(_words(words, number))
    return path


def _frame(picture: Pixels, pts: int, film: Film) -> av.VideoFrame:
    packed: Any = np.ascontiguousarray(picture)
    frame = av.VideoFrame.from_ndarray(packed, format="rgb48le" if picture.dtype == np.uint16 else "rgb24")
    matrix, span = film.tags.get("colorspace", 5), film.tags.get("color_range", 1)
    frame = frame.reformat(format=film.pixels, dst_colorspace=matrix, dst_color_range=span)
    frame.pts, frame.time_base = pts, MILLISECOND
    for name, value in film.tags.items():
        setattr(frame, name, value)
    return frame


def _add_sound(container: Any, language: str) -> Any:
    sound = container.add_stream("aac", rate=SAMPLE_RATE)
    sound.metadata["language"] = language
    return sound


def _encode_sound(container: Any, sound: Any, milliseconds: int) -> None:
    for number in range(milliseconds * SAMPLE_RATE // 1000 // SAMPLES):
        wave = np.sin(np.arange(SAMPLES) / 9).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(np.stack([wave, wave]), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, number * SAMPLES, Fraction(1, SAMPLE_RATE)
        container.mux(sound.encode(frame))
    container.mux(sound.encode())


def _words(stream: Any, number: int) -> Any:
    packet: Any = av.Packet(f"line {number}".encode())
    packet.stream, packet.time_base = stream, MILLISECOND
    packet.pts = packet.dts = 100 + 200 * number
    packet.duration = 100
    return packet


def _chapter(number: int, start: int, end: int) -> Any:
    return {
        "id": number,
        "start": start,
        "end": end,
        "time_base": MILLISECOND,
        "metadata": {"title": f"part {number}"},
    }


@dataclass
class Track:
    """A track as a reader sees it: packets as (seconds, bytes), in order of time."""

    kind: str
    codec: str
    language: str | None
    packets: list[tuple[float, bytes]]


def tracks(path: Path) -> list[Track]:
    with av.open(str(path)) as container:
        found = {
            s.index: Track(s.type, s.codec_context.name, s.language, []) for s in container.streams if s.codec_context
        }
        for packet in container.demux():
            if packet.size and packet.pts is not None and packet.stream_index in found:
                found[packet.stream_index].packets.append((float(packet.pts * packet.time_base), bytes(packet)))
    for track in found.values():
        track.packets.sort(key=lambda pair: pair[0])
    return list(found.values())


def seconds(path: Path) -> list[float]:
    """When each picture is shown."""
    with av.open(str(path)) as container:
        return [frame.time for frame in container.decode(video=0) if frame.time is not None]


def pictures(path: Path) -> list[Pixels]:
    """All pictures as stored, RGB by swscale."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]  # type: ignore[misc]


def run(checkpoint: Path, source: Path | list[Path], out: Path, png: bool = False, **known: Any) -> list[UpscaleEvent]:
    sources = source if isinstance(source, list) else [source]
    options = Options(**{"precision": "fp32", "segment_seconds": 0.2, **known})
    jobs = plan(sources, out, png, options.overwrite).jobs
    return list(upscale(checkpoint, jobs, options))
