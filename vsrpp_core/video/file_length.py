"""How many bytes a film's file lacks at its end, by the lengths that its container declares.

Durations tell a cut only to some seconds; a file that was not downloaded to its end is known to the byte. libav knows
these lengths too, and keeps them to itself.
"""

from pathlib import Path
from typing import BinaryIO

EBML, SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
"""Matroska's first two elements (RFC 9559); the second holds everything."""

LONGEST_HEADER = 64
"""Bytes of a box or element that are read at a time."""

MOST_BOXES = 10_000


def missing_bytes(path: Path) -> int:
    """0 for a whole file, and for one whose container declares no length. Raises OSError."""
    with path.open("rb") as file:
        length, start = path.stat().st_size, file.read(LONGEST_HEADER)
        if start.startswith(EBML):
            end = _end_of_segment(start)
        elif start[4:8] == b"ftyp":
            end = _end_of_media(file, length)
        else:
            end = 0
    return max(end - length, 0)


def _end_of_segment(start: bytes) -> int:
    """Where Matroska's segment ends; 0 where it does not tell, as in a live recording."""
    size, at = _ebml_size(start, len(EBML))
    at += size
    if start[at : at + len(SEGMENT)] != SEGMENT:
        return 0
    size, at = _ebml_size(start, at + len(SEGMENT))
    return at + size if size else 0


def _ebml_size(data: bytes, at: int) -> tuple[int, int]:
    """A size of variable length and where it ends; 0 for one that is not known (all ones) or not there."""
    if at >= len(data) or data[at] == 0:
        return 0, at
    width = 9 - data[at].bit_length()
    mask = (1 << 7 * width) - 1
    size = int.from_bytes(data[at : at + width]) & mask
    return (0 if size == mask else size), at + width


def _end_of_media(file: BinaryIO, length: int) -> int:
    """Where the last ``mdat`` of an MP4 ends (ISO/IEC 14496-12); what is missing behind it holds no pictures."""
    at = end = 0
    for _ in range(MOST_BOXES):
        if at + 8 > length:
            break
        file.seek(at)
        header = file.read(16)
        size, kind = int.from_bytes(header[:4]), header[4:8]
        if size == 1:
            size = int.from_bytes(header[8:16])
        if size < 8:  # 0 lasts until the end of the file; anything less is damage
            break
        at += size
        if kind == b"mdat":
            end = at
    return end
