"""What a result takes from its source besides the pictures: tracks, covers, attachments, chapters and metadata.

Separate from mux.py, which writes a file: here is decided what of a source a container can hold.
"""

import io
import math
import wave
from collections.abc import Collection
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.bitstream import BitStreamFilterContext
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.stream import Disposition, Stream

from vsrpp_core.apply.upscale.encoding import Encoding
from vsrpp_core.apply.upscale.source import Film, SourceInfo, VideoFilm, exact
from vsrpp_core.video.decoding import pictures_of

OF_THE_FILE = frozenset({"major_brand", "minor_version", "compatible_brands", "encoder", "duration"})
OF_THE_STREAM = frozenset({"encoder", "duration", "bps", "number_of_frames", "number_of_bytes", "vendor_id"})
"""Metadata keys (lower case, without a language) that describe the bytes of the source."""

COVERS = {"png": (".png", "image/png"), "mjpeg": (".jpg", "image/jpeg")}


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A track that a result does not get; ``reason`` as half a sentence about it."""

    index: int
    kind: str
    reason: str

    def __str__(self) -> str:
        return f"track {self.index} ({self.kind}) {self.reason}"


@dataclass
class Copying:
    """What is copied from a source besides its pictures."""

    streams: list[tuple[Stream, Stream]] = field(default_factory=list)
    """(of the source, of the result)."""
    left_out: list[LeftOut] = field(default_factory=list)


def add_tracks(container: OutputContainer, source: InputContainer, without: Collection[LeftOut] = ()) -> Copying:
    """A copy of each track but the upscaled one and those of ``without``, as far as the container takes them."""
    copying, upscaled = Copying(left_out=list(without)), upscaled_stream(source)
    refused = {one.index for one in without}
    for stream in source.streams:
        if stream.index != upscaled.index and stream.index not in refused and not _is_carried_otherwise(stream, source):
            _add(container, stream, copying)
    return copying


def upscaled_stream(source: InputContainer) -> Stream:
    """Of a source that was opened as a film before."""
    stream = pictures_of(source)
    assert stream is not None
    return stream


def kind_of(stream: Stream) -> str:
    """``audio, aac`` or what else is known of a track that nothing here decodes."""
    name = stream.codec_context.name if stream.codec_context else _undecoded_name(stream)
    named = name if name and name != "bin_data" else stream.metadata.get("handler_name", "").strip() or name
    return f"{stream.type}, {named or 'unknown'}"


def _undecoded_name(stream: Stream) -> str | None:
    """libav's name of a codec that nothing here decodes; None where it does not know it either."""
    try:
        return stream.name
    except AttributeError:  # PyAV looks for it in the decoder that is missing
        return None


def _is_carried_otherwise(stream: Stream, source: InputContainer) -> bool:
    """As chapters, or as the timecode among the metadata of the pictures: .mp4 and .mov have tracks of both."""
    if stream.type != "data":
        return False
    is_timecode = "timecode" in stream.metadata and "timecode" in upscaled_stream(source).metadata
    return is_timecode or (_undecoded_name(stream) == "bin_data" and stream.frames == len(source.chapters()) > 0)


def _add(container: OutputContainer, stream: Stream, copying: Copying) -> None:
    is_matroska, is_cover = container.format.name == "matroska", bool(stream.disposition & Disposition.attached_pic)
    does_not_fit = LeftOut(stream.index, kind_of(stream), f"does not fit into a {container.format.name} file")
    if stream.type == "video" and not is_cover:
        reason = "is a second video, and only the first is upscaled"
        copying.left_out.append(LeftOut(stream.index, kind_of(stream), reason))
        return
    if is_cover and is_matroska and stream.codec_context and stream.codec_context.name in COVERS:
        if cover := _cover(stream):
            container.add_attachment(*cover)
        return
    if (
        (stream.type == "data" and is_matroska)
        or (stream.type == "attachment" and not is_matroska)
        or (is_cover and container.format.name == "mov")
    ):
        copying.left_out.append(does_not_fit)
        return
    try:
        copy = _copy_of(stream, container)
    except (FFmpegError, ValueError):
        copying.left_out.append(does_not_fit)
        return
    copy.metadata.update(of_content(stream.metadata, OF_THE_STREAM))
    copy.disposition = stream.disposition
    copying.streams.append((stream, copy))


def _copy_of(stream: Stream, container: OutputContainer) -> Stream:
    """FFmpegError or ValueError where the container does not take it, at the latest when its header is written."""
    if not stream.codec_context and (name := _undecoded_name(stream)) and stream.type in ("audio", "subtitle"):
        copy = container.add_mux_stream(name)
        BitStreamFilterContext("null", in_stream=stream, out_stream=copy)
        copy.time_base = stream.time_base
        return copy
    try:
        return container.add_stream_from_template(stream, opaque=True)
    except ValueError:
        if stream.type != "audio" or container.format.name != "matroska" or stream.codec_context is None:
            raise
    # Matroska holds any sound that Windows knows, but PyAV takes only what has a name of its own there; so the
    # parameters are given to a track that it does take
    with av.open(_silence()) as template:
        copy = container.add_stream_from_template(template.streams.audio[0], opaque=True)
        BitStreamFilterContext("null", in_stream=stream, out_stream=copy)
    copy.codec_context.codec_tag = "\0\0\0\0"
    copy.time_base = stream.time_base
    return copy


def _silence() -> io.BytesIO:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 48_000, 0, "NONE", ""))
        sound.writeframes(bytes(2))
    file.seek(0)
    return file


def _cover(stream: Stream) -> tuple[str, str, bytes] | None:
    """Name, type and bytes of a cover, which is an attachment in Matroska and a track elsewhere."""
    suffix, kind = COVERS[stream.codec_context.name]
    with av.open(stream.container.name, metadata_errors="ignore") as again:
        packet = next((packet for packet in again.demux(again.streams[stream.index]) if packet.size), None)
    return (stream.metadata.get("filename", f"cover{suffix}"), kind, bytes(packet)) if packet else None


def of_content(metadata: dict[str, str], without: frozenset[str]) -> dict[str, str]:
    def describes_bytes(key: str) -> bool:
        return key.lower().split("-")[0] in without or key.upper().startswith("_STATISTICS")

    return {key: value for key, value in metadata.items() if not describes_bytes(key)}


def enlarged(info: SourceInfo, encoding: Encoding) -> list[int]:
    """The display matrix for the larger picture: its shift, in pixels, is scaled."""
    values = [int(value) for value in np.frombuffer(info.matrix, "=i4")]
    scales = {6: Fraction(encoding.width, info.width), 7: Fraction(encoding.height, info.height)}
    return [int(value * scales.get(place, 1)) for place, value in enumerate(values)]


def chapters(source: InputContainer, film: Film) -> list[Any]:
    """The source's chapters within the span, relative to its start."""
    begin, end = bounds(film)
    found = []
    for chapter in source.chapters():
        unit = chapter["time_base"] or Fraction(1, av.time_base)
        low, high = max(chapter["start"] * unit, begin), min(chapter["end"] * unit, end)
        if low < high:
            ends = {"start": math.floor((low - begin) / unit), "end": math.floor((high - begin) / unit)}
            found.append({**chapter, **ends, "time_base": unit})
    return found


def bounds(film: Film) -> tuple[Fraction, Any]:
    """The span in seconds of the source's clock; the end may be infinite."""
    if not isinstance(film, VideoFilm):
        return Fraction(0), math.inf
    begin = film.origin + exact(film.span.start)
    return begin, math.inf if film.span.length is None else begin + exact(film.span.length)
