"""The training pairs of a dataset in one file, as pixels: its format, and reading it.

For datasets that are larger than memory, where decoding PNGs keeps the device waiting. Separate from the memory cache
and from build_disk_cache.py, which writes the file, since readers need neither. No torch, as the command line builds
the file too.

The file is a line of JSON padded to ``DATA_OFFSET`` bytes, then for each pair, in the order of their names, its LR
frames and its ground truth, and at the end the CRC-32 of each pair as little-endian uint32. Pairs of several sizes
follow each other without a gap.
"""

import hashlib
import json
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vsrpp_core.data.layouts import dataset_of
from vsrpp_core.data.stacked import Pair, PairPaths, StackGeometry
from vsrpp_core.errors import VsrppError, command, os_errors
from vsrpp_core.run.files import read_json
from vsrpp_core.run.names import user_folder

FORMAT = "vsrpp-cache 1"
FILE_NAME = "Patches.cache"
DATA_OFFSET = 4096
"""A page, so that the first pair begins on one."""

CRC_TYPE = np.dtype("<u4")


class StaleCacheError(VsrppError):
    """The file is not the cache of the dataset as it is now; the message says why."""


class DamagedPairError(VsrppError):
    """A pair in the file differs from what was written."""


@dataclass(frozen=True, slots=True)
class SizeCount:
    """How many pairs have one of several sizes."""

    geometry: StackGeometry
    count: int


MOST_SIZES = 32
"""As many as the header has room for."""


@dataclass(frozen=True, slots=True)
class CacheHeader:
    """What a cache holds, and from which files: ``source`` is their ``source_fingerprint``.

    ``sizes`` is empty where all pairs have ``geometry``.
    """

    count: int
    geometry: StackGeometry
    source: str
    sizes: tuple[SizeCount, ...] = ()

    @property
    def file_bytes(self) -> int:
        sizes = self.sizes or (SizeCount(self.geometry, self.count),)
        data = sum(size.count * size.geometry.pair_bytes for size in sizes)
        return DATA_OFFSET + data + self.count * CRC_TYPE.itemsize

    def encode(self) -> bytes:
        """``DATA_OFFSET`` bytes: a line of JSON with its own CRC, and spaces."""
        values = {"format": FORMAT, **asdict(self)}
        if not self.sizes:
            del values["sizes"]
        text = json.dumps({**values, "crc": _crc_of(values)})
        return text.encode().ljust(DATA_OFFSET - 1) + b"\n"


def read_header(path: Path) -> CacheHeader:
    """StaleCacheError where the file is not a cache, of another format, or torn."""
    try:
        with path.open("rb") as file:
            values = read_json(file.read(DATA_OFFSET))
        crc = values.pop("crc")
        if values["format"] != FORMAT or crc != _crc_of(values):
            raise ValueError
        sizes = (SizeCount(StackGeometry(**size["geometry"]), size["count"]) for size in values.get("sizes", ()))
        header = CacheHeader(values["count"], StackGeometry(**values["geometry"]), values["source"], tuple(sizes))
        size = path.stat().st_size
    except OSError as error:
        raise StaleCacheError(f"{path} cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise StaleCacheError(f"{path} is damaged or of another version") from None
    if size != header.file_bytes:
        raise StaleCacheError(f"{path} has {size:,} bytes and should have {header.file_bytes:,}")
    return header


def check_header(path: Path, wanted: CacheHeader) -> None:
    """StaleCacheError where the file is not the cache of the dataset that ``wanted`` describes."""
    found = read_header(path)
    if found.count != wanted.count:
        raise StaleCacheError(f"{path} holds {found.count:,} pairs, but the dataset now has {wanted.count:,}")
    if found.geometry != wanted.geometry:
        raise StaleCacheError(f"{path} holds pairs of {found.geometry}, but the dataset now has {wanted.geometry}")
    if found.sizes != wanted.sizes:
        raise StaleCacheError(f"{path} holds pairs of other sizes than the dataset now has")
    if found.source != wanted.source:
        raise StaleCacheError(f"{path} was made from other files than the dataset now has")


def header_for(pairs: Sequence[PairPaths], geometry: StackGeometry) -> CacheHeader:
    """Of pairs of ``geometry``, or of that with which each was measured. VsrppError for more sizes than it can hold."""
    counts = Counter(pair.geometry or geometry for pair in pairs)
    if len(counts) > MOST_SIZES:
        raise VsrppError(
            f"a cache file holds pairs of {MOST_SIZES} sizes, not of {len(counts)}; use data.cache = memory"
        )
    if len(counts) == 1:
        geometry, counts = next(iter(counts)), Counter[StackGeometry]()
    sizes = sorted(counts.items(), key=lambda item: (item[0].height, item[0].width))
    return CacheHeader(
        len(pairs), geometry, source_fingerprint(pairs), tuple(SizeCount(shape, count) for shape, count in sizes)
    )


def source_fingerprint(pairs: Sequence[PairPaths]) -> str:
    """A digest of the names of the files, their sizes and the times they were last written.

    Sizes alone are not enough: pictures of another recipe may well be as large. A copy of a dataset that did not keep
    its times counts as another one, which costs a decoding and never a wrong picture.
    """
    digest = hashlib.sha256()
    for pair in pairs:
        digest.update(pair.name.encode("utf-8", "surrogateescape"))
        for path in (pair.lr, pair.gt):
            with os_errors(path, "is gone", f"`{command('vsrpp', 'check', dataset_of(path))}` lists what is left"):
                found = path.stat()
            digest.update(f"\0{found.st_size}\0{found.st_mtime_ns}".encode())
    return digest.hexdigest()


def cache_paths(root: Path) -> tuple[Path, Path]:
    """Where the cache of the dataset ``root`` may be: in it, or in the user's cache folder where it is read-only."""
    resolved = root.resolve()
    name = f"{resolved.name}-{hashlib.sha256(bytes(resolved)).hexdigest()[:16]}.cache"
    return root / FILE_NAME, user_folder("cache") / "datasets" / name


class DiskCache:
    """Reads pairs from the file. Pickled it is a path: each process maps the file itself, and all share its pages."""

    def __init__(self, path: Path, header: CacheHeader, pairs: Sequence[PairPaths] = ()) -> None:
        """``header`` is the file's own; a file that has since been replaced is detected.

        ``pairs``, measured, say where each begins in a file of several sizes.
        """
        self.path, self._header = path, header
        self._shapes = [pair.geometry or header.geometry for pair in pairs] if header.sizes else []
        self._ends = np.cumsum([shape.pair_bytes for shape in self._shapes], dtype=np.int64)
        self._mapped: tuple[NDArray[np.uint8], NDArray[np.uint32]] | None = None
        self._checked: NDArray[np.bool_] = np.zeros(header.count, dtype=np.bool_)

    def __len__(self) -> int:
        return self._header.count

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopened, (self.path, self._header, self._shapes)

    def read(self, index: int) -> Pair:
        """A pair, as views of the file that cannot be written to.

        Its CRC is checked at the first reading in each process: of a pair of 1.4 MB in 0.2 ms, where decoding takes 18
        (``benchmarks/cache.py``). DamagedPairError where it differs, VsrppError where the file is gone or another one.
        """
        data, sums = self._map()
        g = self._shapes[index] if self._shapes else self._header.geometry
        end = int(self._ends[index]) if self._shapes else (index + 1) * g.pair_bytes
        whole = data[end - g.pair_bytes : end]
        if not self._checked[index]:
            if zlib.crc32(whole.data) != sums[index]:
                raise DamagedPairError(f"{self.path} is damaged at pair {index:,}")
            self._checked[index] = True
        split = 3 * g.n_frames * g.height * g.width
        return (
            whole[:split].reshape(g.n_frames, g.height, g.width, 3),
            whole[split:].reshape(g.gt_height, g.gt_width, 3),
        )

    def _map(self) -> tuple[NDArray[np.uint8], NDArray[np.uint32]]:
        if self._mapped is None:
            header = self._header
            try:
                check_header(self.path, header)
                flat = np.memmap(self.path, dtype=np.uint8, mode="r")
            except (StaleCacheError, OSError) as error:
                raise VsrppError(f"{error}; it has changed since training began, so resume to rebuild it") from None
            end = header.file_bytes - header.count * CRC_TYPE.itemsize
            whole = np.asarray(flat)  # of the plain class: slices of a memmap cost more than the pixels
            self._mapped = whole[DATA_OFFSET:end], whole[end:].view(CRC_TYPE)
        return self._mapped


def _reopened(path: Path, header: CacheHeader, shapes: list[StackGeometry]) -> DiskCache:
    return DiskCache(path, header, [PairPaths("", path, path, shape) for shape in shapes])


def _crc_of(values: dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(values, sort_keys=True).encode())
