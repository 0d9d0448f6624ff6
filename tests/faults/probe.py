"""What a film is to a reader: seen by PyAV, and by ffprobe where it is installed, in the same words.

Two readers, since the one that VSR++ is built on may hide the faults that it makes.
"""

import hashlib
import json
import shutil
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import av

from vsrpp_core.video import reading

TOLERANCE = 0.0015
"""Seconds: Matroska keeps times in milliseconds."""

PRIMING = 0.05
"""Seconds: sound may begin before 0 in an MP4, for the decoder to get going. Matroska holds no times before 0, so there
all tracks together begin so much later, which nobody sees or hears."""

DURATION_TOLERANCE = 0.05
"""Seconds: a container's duration is that of its longest track, told in its own way."""

UNTOLD = ("unknown", "unspecified", None, 2)


@dataclass(frozen=True)
class Track:
    kind: str
    codec: str
    language: str
    packets: int
    first: float
    last: float
    digest: str
    """Of all packets' bytes."""


@dataclass(frozen=True)
class Facts:
    size: tuple[int, int]
    frames: int
    times: tuple[float, ...]
    """Seconds at which each picture is shown."""
    duration: float
    rotation: int
    """Degrees, counter-clockwise, 0 to 359."""
    colours: tuple[Any, ...]
    """Matrix, range, primaries, transfer: by the reader's own names, comparable within one reader."""
    bits: int
    aspect: str
    tracks: tuple[Track, ...]
    chapters: tuple[tuple[float, float, str], ...]
    title: str


def by_pyav(path: Path) -> Facts:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        first, title = frames[0], container.metadata.get("title", "")
        duration = float((container.duration or 0) / av.time_base)
        chapters = tuple(
            (float(c["start"] * c["time_base"]), float(c["end"] * c["time_base"]), c["metadata"].get("title", ""))
            for c in container.chapters()
            if c["time_base"] is not None
        )
        matrix = reading.matrix_of(first)
        colours = (
            matrix,
            max(1, first.color_range),
            stream.codec_context.color_primaries,
            stream.codec_context.color_trc,
        )
        return Facts(
            (first.width, first.height),
            len(frames),
            tuple(frame.time for frame in frames if frame.time is not None),
            duration,
            round(first.rotation) % 360,
            colours,
            first.format.components[0].bits,
            str(stream.sample_aspect_ratio or 1),
            _tracks_by_pyav(path, stream.index),
            chapters,
            title,
        )


def _tracks_by_pyav(path: Path, pictures: int) -> tuple[Track, ...]:
    with av.open(str(path)) as container:
        kept: dict[int, list[tuple[float, bytes]]] = {
            s.index: [] for s in container.streams if s.index != pictures and s.type in ("audio", "subtitle")
        }
        streams = {s.index: s for s in container.streams}
        for packet in container.demux([streams[index] for index in kept]):
            if packet.size and packet.pts is not None and packet.stream_index in kept:
                kept[packet.stream_index].append((float(packet.pts * packet.time_base), bytes(packet)))
        return tuple(
            _track(s.type, s.codec_context.name, s.language or "und", kept[index])
            for index, s in streams.items()
            if index in kept
        )


def _track(kind: str, codec: str, language: str, packets: list[tuple[float, bytes]]) -> Track:
    digest = hashlib.sha256(b"".join(content for _, content in packets)).hexdigest()[:16]
    times = [time for time, _ in packets]
    return Track(kind, codec, language, len(packets), min(times, default=0.0), max(times, default=0.0), digest)


def has_ffprobe() -> bool:
    return shutil.which("ffprobe") is not None


def by_ffprobe(path: Path) -> Facts:
    shown = ["-show_streams", "-show_format", "-show_chapters", "-show_packets", "-show_data_hash", "md5"]
    command = ["ffprobe", "-v", "error", "-of", "json", "-count_frames", *shown, str(path)]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    packets: dict[int, list[tuple[float, bytes]]] = {}
    for packet in told["packets"]:
        if "pts_time" in packet:
            entry = (float(packet["pts_time"]), packet["data_hash"].encode())
            packets.setdefault(packet["stream_index"], []).append(entry)
    streams = told["streams"]
    pictures = next(s for s in streams if s["codec_type"] == "video")
    matrix = [d["rotation"] for d in pictures.get("side_data_list", []) if "rotation" in d]
    names = ("color_space", "color_range", "color_primaries", "color_transfer")
    return Facts(
        (pictures["width"], pictures["height"]),
        int(pictures["nb_read_frames"]),
        tuple(sorted(time for time, _ in packets[pictures["index"]])),
        float(told["format"]["duration"]),
        round(matrix[0]) % 360 if matrix else 0,
        tuple(pictures.get(name) for name in names),
        10 if "10" in pictures["pix_fmt"].removeprefix("yuv") else 12 if "12" in pictures["pix_fmt"] else 8,
        pictures.get("sample_aspect_ratio", "1:1").replace("0:1", "1:1"),
        tuple(
            _track(s["codec_type"], s["codec_name"], _language(s), packets.get(s["index"], []))
            for s in streams
            if s["codec_type"] in ("audio", "subtitle")
        ),
        tuple(
            (float(c["start_time"]), float(c["end_time"]), c.get("tags", {}).get("title", "")) for c in told["chapters"]
        ),
        told["format"].get("tags", {}).get("title", ""),
    )


def _language(stream: dict[str, Any]) -> str:
    return str(stream.get("tags", {}).get("language", "und"))


def differences(source: Facts, result: Facts) -> list[str]:
    """What of the source is not as it was in the result, whose pictures are three times as large; nothing else may be.

    A colour that the source does not tell may be told in the result: a player guesses it by the size, which changed.
    """
    told, shift = [], _shift(source, result)
    if result.size != (3 * source.size[0], 3 * source.size[1]):
        told.append(f"size {source.size} became {result.size}")
    if len(source.times) == len(result.times):
        worst = max((abs(a + shift - b) for a, b in zip(source.times, result.times, strict=True)), default=0.0)
        told += [f"a picture is shown {1000 * worst:.1f} ms off"] if worst > TOLERANCE else []
    if abs(source.duration - result.duration) > DURATION_TOLERANCE:
        told.append(f"duration {source.duration:.3f} became {result.duration:.3f}")
    for a, b in zip(source.colours, result.colours, strict=True):
        if a != b and a not in UNTOLD:
            told.append(f"colour {a} became {b}")
    plain = ("frames", "rotation", "bits", "aspect", "title")
    one, two = asdict(source), asdict(result)
    told += [f"{name} {one[name]} became {two[name]}" for name in plain if one[name] != two[name]]
    told += _track_differences(source.tracks, result.tracks, shift)
    if not _same_chapters(source, result):
        told.append(f"chapters {source.chapters} became {result.chapters}")
    return told


def _same_chapters(source: Facts, result: Facts) -> bool:
    ends = zip(source.chapters, result.chapters, strict=False)
    return [c[2] for c in source.chapters] == [c[2] for c in result.chapters] and all(
        abs(a[0] - b[0]) <= TOLERANCE and abs(a[1] - b[1]) <= TOLERANCE for a, b in ends
    )


def _shift(source: Facts, result: Facts) -> float:
    """What all times in the result may be later, see ``PRIMING``."""
    earliest = min((track.first for track in source.tracks), default=0.0)
    shift = result.times[0] - source.times[0]
    return shift if earliest < 0 and abs(shift + earliest) < TOLERANCE and shift < PRIMING else 0.0


def _track_differences(source: tuple[Track, ...], result: tuple[Track, ...], shift: float) -> list[str]:
    if len(source) != len(result):
        return [f"{len(source)} other tracks became {len(result)}"]
    told = []
    for a, b in zip(source, result, strict=True):
        same = (a.kind, a.codec, a.language, a.packets, a.digest) == (b.kind, b.codec, b.language, b.packets, b.digest)
        if not same or abs(a.first + shift - b.first) > TOLERANCE or abs(a.last + shift - b.last) > TOLERANCE:
            told.append(f"track {a} became {b}")
    return told
