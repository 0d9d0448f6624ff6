"""The shape of pixels in a Matroska file, which libav would write if PyAV let it be told.

Separate because it knows bytes only: Matroska's writer in libav takes the shape from a field of the stream that PyAV
does not set, unlike that of MP4. H.264 and H.265 say it in their own headers; FFV1's and AV1's pictures would be shown
with square pixels. See RFC 9559 for the elements, RFC 8794 for their coding.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

SEGMENT, TRACKS, ENTRY, VIDEO = b"\x18\x53\x80\x67", b"\x16\x54\xae\x6b", b"\xae", b"\xe0"
DISPLAY_WIDTH, DISPLAY_HEIGHT, DISPLAY_UNIT = b"\x54\xb0", b"\x54\xba", b"\x54\xb2"
PIXEL_WIDTH, PIXEL_HEIGHT, VOID, CRC = b"\xb0", b"\xba", b"\xec", b"\xbf"

HEAD = 1 << 22
"""Bytes at a file's beginning that hold its tracks."""


@dataclass(frozen=True, slots=True)
class Element:
    """``start`` to ``end`` in some bytes; its content begins at ``begin``."""

    id: bytes
    start: int
    begin: int
    end: int


def name_pixel_aspect(path: Path, aspect: Fraction) -> bool:
    """Say in a finished file that the pixels of its first track have this ratio of width to height.

    In place: the room that libav leaves in a track's description is enough. False, and nothing is changed, where it is
    not. OSError where the file cannot be read or written.
    """
    with path.open("r+b") as file:
        head = file.read(HEAD)
        tracks = _first(head, _first(head, None, SEGMENT), TRACKS)
        entry = _first(head, tracks, ENTRY)
        if tracks is None or entry is None:
            return False
        described = _with_shape(head[entry.begin : entry.end], aspect)
        if described is None:
            return False
        file.seek(entry.begin)
        file.write(described)
        if crc := _first(head, tracks, CRC):
            summed = head[crc.end : entry.begin] + described + head[entry.end : tracks.end]
            file.seek(crc.begin)
            file.write(zlib.crc32(summed).to_bytes(crc.end - crc.begin, "little"))
    return True


def _with_shape(entry: bytes, aspect: Fraction) -> bytes | None:
    """A track's description, as long as before, or None where the shape does not fit into it."""
    parts = list(_elements(entry, 0, len(entry)))
    video, room = (next((part for part in parts if part.id == wanted), None) for wanted in (VIDEO, VOID))
    if video is None or room is None:
        return None
    sizes = {part.id: part for part in _elements(entry, video.begin, video.end)}
    width, height = (int.from_bytes(entry[sizes[side].begin : sizes[side].end]) for side in (PIXEL_WIDTH, PIXEL_HEIGHT))
    kept = [part for part in sizes.values() if part.id not in (DISPLAY_WIDTH, DISPLAY_HEIGHT, DISPLAY_UNIT)]
    shown = zip(
        (DISPLAY_WIDTH, DISPLAY_HEIGHT), _shown(width, height, aspect), strict=True
    )  # in pixels: the default unit
    content = [entry[part.start : part.end] for part in kept] + [_element(side, _number(size)) for side, size in shown]
    described = _element(VIDEO, b"".join(content))
    left = room.end - room.start - (len(described) - (video.end - video.start))
    if left not in (0, *range(2, 120)):
        return None
    rest = _element(VOID, bytes(left - 2)) if left else b""
    made = {video: described, room: rest}
    return b"".join(made.get(part, entry[part.start : part.end]) for part in parts)


def _shown(width: int, height: int, aspect: Fraction) -> tuple[int, int]:
    """Width and height of square pixels, of about the picture's height: in the exact ratio where numbers allow it."""
    ratio = Fraction(width, height) * aspect
    times = round(Fraction(height, ratio.denominator))
    return (times * ratio.numerator, times * ratio.denominator) if times else (round(width * aspect), height)


def _first(data: bytes, within: Element | None, wanted: bytes) -> Element | None:
    start, end = (within.begin, min(within.end, len(data))) if within else (0, len(data))
    return next((element for element in _elements(data, start, end) if element.id == wanted), None)


def _elements(data: bytes, at: int, end: int) -> Iterator[Element]:
    """Those that follow each other; the last may reach beyond ``data``."""
    while at < end and data[at]:
        begin = at + _length(data[at])
        if begin >= end or not data[begin]:
            return
        content = begin + _length(data[begin])
        size = int.from_bytes(data[begin:content]) & ((1 << 7 * (content - begin)) - 1)
        yield Element(data[at:begin], at, content, content + size)
        at = content + size


def _length(first: int) -> int:
    """Of a number of variable length, by its first byte."""
    return 9 - first.bit_length()


def _element(name: bytes, content: bytes) -> bytes:
    size = len(content)
    return name + (bytes([0x80 | size]) if size < 127 else (0x4000 | size).to_bytes(2)) + content


def _number(value: int) -> bytes:
    return value.to_bytes(-(-value.bit_length() // 8))
