"""The folder of an upscaling job: finished segments, from which a killed job resumes.

A segment is a run of encoded pictures that depends on no other. Its packets are concatenated in one file; its JSON
sidecar, written when that file is complete, says how to split it, so that times and bytes are kept exactly, which no
container format does for all time bases. See docs/formats.md.
"""

import contextlib
import json
import os
import shutil
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

from av.packet import Packet
from pydantic import TypeAdapter

from vsrpp_core.errors import VsrppError
from vsrpp_core.run.files import TEMPORARY_PREFIX, read_json, sync, write_atomically, write_text_atomically
from vsrpp_core.run.job_folder import JobFolder


@dataclass(frozen=True, slots=True)
class Segment:
    """``first`` is the number of its first picture. ``packets`` are (bytes, pts, duration, is keyframe), as encoded."""

    index: int
    first: int
    frames: int
    crc: int
    packets: list[tuple[int, int, int, bool]]

    @property
    def size(self) -> int:
        return sum(size for size, *_ in self.packets)

    @property
    def delay(self) -> int:
        """How many pictures a decoder must hold back to show them in order."""
        rank = {pts: place for place, pts in enumerate(sorted(pts for _, pts, *_ in self.packets))}
        return max(place - rank[pts] for place, (_, pts, *_) in enumerate(self.packets))


SEGMENT = TypeAdapter(Segment)
RESULT_NAME = "result.json"


class UpscaleFolder(JobFolder):
    """Finished segments, until they become the video."""

    suffix = ".vsrpp"

    @property
    def is_begun(self) -> bool:
        return self._description(0).is_file()

    def begin(self, job: dict[str, Any], fresh: bool, reach: int = 0) -> Iterator[Segment]:
        """The finished segments of the same job, in order and whole; what follows the first damaged one is removed.

        A picture depends on the source up to ``reach`` pictures later. UsageError where the folder holds
        another job's, unless ``fresh`` removes them.
        """
        self._reach = reach
        self.open_for(job, fresh)
        return self._finished()

    def is_same(self, key: str, wanted: Any, found: Any) -> bool:
        """Of a folder of images those count that finished segments were made of: others may have been replaced."""
        if key == "source" and isinstance(wanted, list) and isinstance(found, list):
            seen = sum(segment.frames for segment in self._described()) + self._reach
            return wanted == found or (wanted[:seen] == found[:seen] and min(len(wanted), len(found)) >= seen)
        return super().is_same(key, wanted, found)

    def remove(self) -> None:
        """What says that the result is complete goes last: a kill may come here too."""
        for path in list(self.path.glob("segment_*")):
            path.unlink(missing_ok=True)
        super().remove()

    def _described(self) -> Iterator[Segment]:
        index = 0
        while segment := self._parse(index):
            yield segment
            index += 1

    def writer(self, index: int, first: int) -> "SegmentWriter":
        return SegmentWriter(self._data(index), index, first)

    def packets(self, segment: Segment, time_base: Fraction) -> Iterator["Packet[Any]"]:
        with self._data(segment.index).open("rb") as file:
            for size, pts, duration, key in segment.packets:
                packet: Packet[Any] = Packet(file.read(size))
                packet.pts, packet.duration, packet.time_base, packet.is_keyframe = pts, duration, time_base, key
                yield packet

    def _finished(self) -> Iterator[Segment]:
        """Lazily, so that a long film needs no more memory; removes the rest at its end."""
        index = first = 0
        while (segment := self._read(index)) and segment.first == first:
            yield segment
            index, first = index + 1, first + segment.frames
        self._clear(index)

    def read(self, count: int) -> Iterator[Segment]:
        """The first ``count`` segments, which are finished."""
        for index in range(count):
            segment = self._parse(index)
            assert segment is not None
            yield segment

    def _read(self, index: int) -> Segment | None:
        """A segment whose bytes are intact."""
        segment = self._parse(index)
        try:
            with self._data(index).open("rb") as file:
                return segment if segment and _crc(file) == segment.crc else None
        except OSError:
            return None

    def _parse(self, index: int) -> Segment | None:
        try:
            segment = SEGMENT.validate_python(read_json(self._description(index).read_bytes()))
            return segment if segment.packets and segment.frames == len(segment.packets) else None
        except (OSError, ValueError):
            return None

    def _clear(self, begin: int) -> None:
        """Remove segments from number ``begin`` on, descriptions first, and whatever is not finished."""
        for path in sorted(self.path.glob("segment_*"), key=lambda p: p.suffix != ".json"):
            if path.name >= self._data(begin).stem:
                path.unlink()
        for path in self.path.glob(f"{TEMPORARY_PREFIX}*"):
            path.unlink()
        for path in self.path.glob("joined*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _data(self, index: int) -> Path:
        return self.path / f"segment_{index:06d}.packets"

    def _description(self, index: int) -> Path:
        return self._data(index).with_suffix(".json")


class SegmentWriter:
    """One segment as it grows; it counts only after ``finish``."""

    def __init__(self, path: Path, index: int, first: int) -> None:
        self._path, self._index, self._first = path, index, first
        self._part = path.with_name(f"{TEMPORARY_PREFIX}{path.name}")
        self._file = self._part.open("wb")
        self._packets: list[tuple[int, int, int, bool]] = []
        self._crc = 0

    def add(self, packets: Iterable["Packet[Any]"]) -> None:
        for packet in packets:
            data = bytes(packet)
            self._crc = zlib.crc32(data, self._crc)
            self._file.write(data)
            self._packets.append((len(data), packet.pts or 0, packet.duration or 0, packet.is_keyframe))

    def finish(self) -> Segment:
        """Durable when it returns."""
        self._file.close()
        segment = Segment(self._index, self._first, len(self._packets), self._crc, self._packets)
        write_atomically(self._path, lambda temporary: os.replace(self._part, temporary))
        write_text_atomically(self._path.with_suffix(".json"), json.dumps(asdict(segment)) + "\n")
        return segment

    def discard(self) -> None:
        self._file.close()
        self._part.unlink(missing_ok=True)


def clear_finished(folder: Path) -> None:
    """Remove what kills left in ``folder`` between giving a result its name and removing what it was made of."""
    for note in folder.glob(f".*{UpscaleFolder.suffix}/{RESULT_NAME}"):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, VsrppError):  # not ours, or in use
            result = read_json(note.read_bytes())
            work = UpscaleFolder(folder / result["name"])
            if work.path == note.parent and fingerprint_of(work.out) == result["made"]:
                with work:
                    work.remove()


def fingerprint_of(out: Path) -> list[int]:
    """Number, total bytes and newest time (ns) of its files."""
    stats = [path.stat() for path in (sorted(out.iterdir()) if out.is_dir() else [out])]
    return [len(stats), sum(stat.st_size for stat in stats), max((stat.st_mtime_ns for stat in stats), default=0)]


def put_in_place(made: Path, out: Path) -> None:
    """Give a finished file or folder its final name, durably; an empty folder of that name is replaced.

    A note beside it says what it is, for ``clear_finished``.
    """
    note = {"name": out.name, "made": fingerprint_of(made)}
    write_text_atomically(made.with_name(RESULT_NAME), json.dumps(note) + "\n")
    if made.is_dir():
        for file in made.iterdir():
            sync(file)
        with contextlib.suppress(FileNotFoundError):
            out.rmdir()
        os.replace(made, out)
    else:
        write_atomically(out, lambda temporary: os.replace(made, temporary))


def _crc(file: BinaryIO) -> int:
    crc = 0
    while chunk := file.read(1 << 20):
        crc = zlib.crc32(chunk, crc)
    return crc
