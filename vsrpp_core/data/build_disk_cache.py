"""Finding, building and removing the disk cache of a dataset."""

import os
import shutil
import time
import zlib
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from filelock import FileLock

from vsrpp_core.data.disk_cache import (
    CRC_TYPE,
    CacheHeader,
    DiskCache,
    StaleCacheError,
    cache_paths,
    check_header,
    header_for,
)
from vsrpp_core.data.stacked import Pair, PairPaths, StackGeometry, load_pair
from vsrpp_core.errors import VsrppError, os_errors
from vsrpp_core.messages.events import PreparationProgressed, WarningRaised
from vsrpp_core.run.disk import size_in_words
from vsrpp_core.run.files import TEMPORARY_PREFIX, beside, replacing
from vsrpp_core.run.locks import take

Build = Generator[PreparationProgressed | WarningRaised, None, DiskCache | None]

REPORTS = 100
"""Progress events while decoding: a journal keeps each of them."""

MAX_THREADS = 8
POLL_SECONDS = 0.5


class _StoppedError(Exception):
    """The caller no longer wants the cache."""


def find_cache(root: Path, wanted: CacheHeader) -> Path | None:
    """The file that caches the dataset ``root`` as it is now, if there is one."""
    for path in cache_paths(root):
        with suppress(StaleCacheError):
            check_header(path, wanted)
            return path
    return None


def make_cache(
    root: Path, pairs: Sequence[PairPaths], geometry: StackGeometry, stopped: Callable[[], bool] = lambda: False
) -> Build:
    """Find the cache of ``pairs`` or build it, with progress; None where ``stopped`` became true meanwhile.

    A cache of another state of the dataset is replaced, with a warning. Where another process is building it, this
    waits. VsrppError, leaving nothing unfinished, where there is no room or a pair cannot be read, as in training.
    """
    wanted = header_for(pairs, geometry)
    if found := find_cache(root, wanted):
        return DiskCache(found, wanted, pairs)
    path = _writable_place(root)
    try:
        with _build_lock(path) as lock:
            while not take(lock):
                yield PreparationProgressed(task="waiting for another process that decodes the pairs", done=0, total=0)
                if stopped():
                    return None
                time.sleep(POLL_SECONDS)
            if found := find_cache(root, wanted):  # built while we waited
                return DiskCache(found, wanted, pairs)
            yield from _clear(path, wanted)
            _refuse_without_room(path, wanted.file_bytes)
            yield from _write(path, pairs, wanted, stopped)
    except _StoppedError:
        return None
    except OSError as error:
        raise VsrppError(
            f"{path} could not be written ({error.strerror}); make room, or set data.cache to memory"
        ) from None
    return DiskCache(path, wanted, pairs)


def remove_cache(root: Path) -> list[tuple[Path, int]]:
    """Delete the cache of a dataset, whatever its state, and return the deleted files with their bytes.

    A training that uses it continues, as it has the file open.
    """
    removed = []
    for path in cache_paths(root):
        with os_errors(path, "could not be deleted"), suppress(FileNotFoundError):
            size = path.stat().st_size
            path.unlink()
            removed.append((path, size))
    return removed


# its place


def _writable_place(root: Path) -> Path:
    inside, outside = cache_paths(root)
    if os.access(root, os.W_OK):
        return inside
    with os_errors(outside.parent, "cannot be written", "set data.cache to memory"):
        outside.parent.mkdir(parents=True, exist_ok=True)
    return outside


@contextmanager
def _build_lock(path: Path) -> Iterator[FileLock]:
    """The lock for building ``path``, not yet acquired; released at the end."""
    lock = FileLock(beside(path, ".", ".lock"))
    try:
        yield lock
    finally:
        lock.release()


def _clear(path: Path, wanted: CacheHeader) -> Iterator[WarningRaised]:
    """Under the lock: drafts were left by a killed process, and an existing cache is out of date."""
    for draft in path.parent.glob(f"{TEMPORARY_PREFIX}*-{path.name}"):
        draft.unlink(missing_ok=True)
    if not path.exists():
        return
    try:
        check_header(path, wanted)
    except StaleCacheError as stale:
        yield WarningRaised(message=f"{stale}; it is rebuilt")
    path.unlink()


def _refuse_without_room(path: Path, needed: int) -> None:
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        raise VsrppError(
            f"{path} would take {size_in_words(needed)}, but its disk has {size_in_words(free)} left; "
            "make room, or set data.cache to memory"
        )


# writing


def _write(
    path: Path, pairs: Sequence[PairPaths], header: CacheHeader, stopped: Callable[[], bool]
) -> Iterator[PreparationProgressed]:
    sums, every = [], max(1, len(pairs) // REPORTS)
    with replacing(path) as draft, draft.open("wb") as file:
        file.write(header.encode())
        for done, (frames, ground_truth) in enumerate(_decoded(pairs, header.geometry), start=1):
            file.write(frames.data)
            file.write(ground_truth.data)
            sums.append(zlib.crc32(ground_truth.data, zlib.crc32(frames.data)))
            if done % every == 0 or done == len(pairs):
                yield PreparationProgressed(task="decoding the training pairs", done=done, total=len(pairs))
                if stopped():
                    raise _StoppedError
        file.write(np.array(sums, dtype=CRC_TYPE).data)
        if header_for(pairs, header.geometry) != header:
            raise VsrppError(f"{path.parent} was changed while its pairs were decoded; start again when it is complete")


def _decoded(pairs: Sequence[PairPaths], geometry: StackGeometry) -> Iterator[Pair]:
    """All pairs in order, decoded by threads (Pillow releases Python's lock), a few ahead."""
    threads = min(MAX_THREADS, os.cpu_count() or 1)
    waiting: deque[Future[Pair]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for pair in pairs:
            waiting.append(pool.submit(_load, pair, geometry))
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _load(pair: PairPaths, geometry: StackGeometry) -> Pair:
    frames, ground_truth = load_pair(pair, geometry)
    return np.ascontiguousarray(frames), np.ascontiguousarray(ground_truth)
