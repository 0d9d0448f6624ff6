"""The cache on the disk: made once, the same samples as from the PNGs, and what is wrong with it is noticed."""

import multiprocessing
import os
import pickle
import shutil
import threading
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock

from tests.conftest import MakeDataset
from vsrpp_core.batches.dataset import Batch, PairDataset, TrainingStream
from vsrpp_core.data import build_disk_cache
from vsrpp_core.data.build_disk_cache import find_cache, make_cache, remove_cache
from vsrpp_core.data.disk_cache import (
    DATA_OFFSET,
    CacheHeader,
    DamagedPairError,
    DiskCache,
    StaleCacheError,
    cache_paths,
    header_for,
    read_header,
)
from vsrpp_core.data.stacked import DatasetFolder, PairPaths, StackGeometry, load_pair, measure
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages.events import PreparationProgressed, WarningRaised

Events = list[PreparationProgressed | WarningRaised]


def pairs_of(root: Path) -> tuple[list[PairPaths], StackGeometry]:
    pairs = DatasetFolder(root).pairs("train")
    return pairs, measure(pairs[0])


def made(root: Path) -> tuple[DiskCache, Events]:
    making, events = make_cache(root, *pairs_of(root)), []
    while True:
        try:
            events.append(next(making))
        except StopIteration as end:
            assert isinstance(end.value, DiskCache)
            return end.value, events


def files_in(root: Path) -> set[str]:
    return {path.name for path in root.iterdir()} - {"Patches", "Val", ".Patches.cache.lock"}


def stream(root: Path, cache: DiskCache | None, workers: int = 0) -> TrainingStream:
    dataset = PairDataset(*pairs_of(root), seed=7, crop=10, augment=True, cache_bytes=0, disk_cache=cache)
    return TrainingStream(dataset, 7, batch_size=2, accumulation=2, workers=workers)


def steps_of(steps: TrainingStream, count: int) -> list[list[Batch]]:
    taken = []
    for _ in range(count):
        taken.append(steps.next_step())
        steps.confirm()
    steps.close()
    return taken


# the same samples


def test_pairs_that_joined_since_are_read_from_their_files(make_dataset: MakeDataset) -> None:
    root = make_dataset(n_train=3)
    cache, _ = made(root)
    make_dataset(root / "Added" / "0001", n_train=2, n_val=0, prefix="a")
    cached, plain = (PairDataset(*pairs_of(root), 7, 0, True, 0, source) for source in (cache, None))
    assert len(cached) == 5 and len(cache) == 3
    for index in range(5):
        assert all(map(torch.equal, cached[2, index], plain[2, index]))
    again, events = made(root)
    assert len(again) == 5 and any("holds 3 pairs, but the dataset now has 5" in str(event) for event in events)


def test_pairs_come_out_as_they_went_in(make_dataset: MakeDataset) -> None:
    root = make_dataset()
    cache, events = made(root)
    pairs, geometry = pairs_of(root)
    assert [(e.done, e.total) for e in events if isinstance(e, PreparationProgressed)] == [
        (n, 10) for n in range(1, 11)
    ]
    for index, pair in enumerate(pairs):
        assert all(np.array_equal(a, b) for a, b in zip(cache.read(index), load_pair(pair, geometry), strict=True))
    assert not cache.read(0)[0].flags.writeable and len(cache) == 10
    assert files_in(root) == {"Patches.cache"}
    assert (root / "Patches.cache").stat().st_size == header_for(pairs, geometry).file_bytes


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_the_same_bit_for_bit(make_dataset: MakeDataset, workers: int) -> None:
    root = make_dataset()
    cache, _ = made(root)
    from_pngs, cached = steps_of(stream(root, None), 6), steps_of(stream(root, cache, workers), 6)
    for one, two in zip(from_pngs, cached, strict=True):
        assert [batch.share for batch in one] == [batch.share for batch in two]
        for a, b in zip(one, two, strict=True):
            assert a.frames.dtype == b.frames.dtype == torch.uint8
            assert torch.equal(a.frames, b.frames) and torch.equal(a.ground_truth, b.ground_truth)


def test_it_travels_to_another_process_as_a_path(make_dataset: MakeDataset) -> None:
    cache, _ = made(make_dataset())
    whole = cache.read(3)[1]
    sent = pickle.dumps(cache)
    assert len(sent) < 2000
    assert np.array_equal(pickle.loads(sent).read(3)[1], whole)


# made once


def test_a_second_time_nothing_is_decoded(make_dataset: MakeDataset) -> None:
    root = make_dataset()
    first, _ = made(root)
    written = first.path.stat().st_mtime_ns
    second, events = made(root)
    assert events == [] and second.path.stat().st_mtime_ns == written


def test_a_folder_that_cannot_be_written_is_left_alone(
    make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_dataset()
    monkeypatch.setattr("os.access", lambda path, mode: False)  # the tests may run as root
    cache, _ = made(root)
    assert cache.path == cache_paths(root)[1] and cache.path.is_file() and files_in(root) == set()
    assert find_cache(root, header_for(*pairs_of(root))) == cache.path
    assert [path for path, _ in remove_cache(root)] == [cache.path] and not cache.path.exists()


def test_two_processes_make_it_once(make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second waits for the first and takes what it made."""
    root = make_dataset()
    monkeypatch.setattr(build_disk_cache, "POLL_SECONDS", 0.01)
    lock = FileLock(root / ".Patches.cache.lock")
    lock.acquire()
    making = make_cache(root, *pairs_of(root))
    event = next(making)
    assert isinstance(event, PreparationProgressed) and "another process" in event.task and event.total == 0
    shutil.copy(_cache_of_a_twin(root), root / "Patches.cache")
    lock.release()
    assert all(isinstance(e, PreparationProgressed) and not e.total for e in making), "nothing is decoded"


def _cache_of_a_twin(root: Path) -> Path:
    """What the other process made: of a folder that is the same in all that a cache looks at."""
    twin = root.with_name("twin")
    shutil.copytree(root, twin, ignore=shutil.ignore_patterns(".*"))
    return made(twin)[0].path


def _make_in_a_process(root: Path, start: float) -> None:
    made(root)


def test_processes_at_the_same_time_leave_one_whole_file(make_dataset: MakeDataset) -> None:
    root = make_dataset(n_train=24)
    context = multiprocessing.get_context("forkserver")
    processes = [context.Process(target=_make_in_a_process, args=(root, 0.0)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    cache, events = made(root)
    assert events == [] and files_in(root) == {"Patches.cache"}
    for index in range(24):
        cache.read(index)


# stale


def _more(root: Path) -> None:
    for folder in ("LR", "GT"):
        shutil.copy(root / "Patches" / folder / "s000.png", root / "Patches" / folder / "t.png")


def _touched(root: Path) -> None:
    path = root / "Patches/GT/s004.png"
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))


def _renamed(root: Path) -> None:
    for folder in ("LR", "GT"):
        (root / "Patches" / folder / "s004.png").rename(root / "Patches" / folder / "s004b.png")


@pytest.mark.parametrize(
    ("change", "words"), [(_more, "holds 10 pairs, but the dataset now has 11"), (_touched, "from other files")]
)
def test_another_state_of_the_dataset_is_told_and_made_anew(
    make_dataset: MakeDataset, change: Callable[[Path], None], words: str
) -> None:
    root = make_dataset()
    made(root)
    change(root)
    cache, (told, *progress) = made(root)
    assert isinstance(told, WarningRaised) and words in told.message and told.message.endswith("it is rebuilt")
    assert len(progress) == len(cache) and made(root)[1] == []


def test_names_count(make_dataset: MakeDataset) -> None:
    root = make_dataset()
    made(root)
    _renamed(root)
    assert find_cache(root, header_for(*pairs_of(root))) is None


def test_a_dataset_that_changes_meanwhile_gets_no_cache(make_dataset: MakeDataset) -> None:
    root = make_dataset()
    making = make_cache(root, *pairs_of(root))
    next(making)
    _touched(root)
    with pytest.raises(VsrppError, match="was changed while its pairs were decoded"):
        list(making)
    assert files_in(root) == set()


# torn and damaged


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data + b"x", lambda data: data[:50]])
def test_a_torn_file_is_noticed_by_its_size(make_dataset: MakeDataset, change: Callable[[bytes], bytes]) -> None:
    root = make_dataset()
    path = made(root)[0].path
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(StaleCacheError):
        read_header(path)
    assert isinstance(made(root)[1][0], WarningRaised)


def test_a_flipped_bit_in_the_header_is_noticed(make_dataset: MakeDataset) -> None:
    root = make_dataset()
    path = made(root)[0].path
    header = read_header(path)
    for place in range(0, len(header.encode().rstrip()), 7):
        flip(path, place)
        with pytest.raises(StaleCacheError):
            read_header(path)
        flip(path, place)
    assert read_header(path) == header


def flip(path: Path, place: int) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        (byte,) = file.read(1)
        file.seek(place)
        file.write(bytes([byte ^ 4]))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_damaged_pair_is_told_once_and_read_from_its_pngs(make_dataset: MakeDataset, workers: int) -> None:
    root = make_dataset()
    cache, _ = made(root)
    header = read_header(cache.path)
    for index in (2, 5):
        flip(cache.path, DATA_OFFSET + index * header.geometry.pair_bytes + 100)
    with pytest.raises(DamagedPairError, match="at pair 2"):
        DiskCache(cache.path, header).read(2)
    cached = stream(root, DiskCache(cache.path, header), workers)
    for one, two in zip(steps_of(stream(root, None), 6), steps_of(cached, 6), strict=True):
        assert all(torch.equal(a.frames, b.frames) for a, b in zip(one, two, strict=True))
    (note,) = cached.take_warnings()
    assert "is damaged at pair" in note and "read from their PNGs" in note
    assert cached.take_warnings() == []


def test_a_file_that_is_replaced_is_noticed_where_it_is_opened(make_dataset: MakeDataset) -> None:
    root = make_dataset()
    cache, _ = made(root)
    _touched(root)
    made(root)
    steps = stream(root, pickle.loads(pickle.dumps(cache)))
    with pytest.raises(VsrppError, match="has changed since training began, so resume"):
        steps.next_step()


# what cannot be


def test_a_pair_that_cannot_be_read_is_told_as_training_would(make_dataset: MakeDataset) -> None:
    root = make_dataset()
    broken = root / "Patches/GT/s004.png"
    broken.write_bytes(broken.read_bytes()[:200])
    with pytest.raises(VsrppError) as from_pngs:
        steps_of(stream(root, None), 3)
    with pytest.raises(VsrppError) as cached:
        made(root)
    assert str(cached.value) == str(from_pngs.value) and str(broken) in str(cached.value)
    assert files_in(root) == set()


def test_too_little_room_is_told_before_anything_is_written(
    make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_dataset()
    usage = namedtuple("usage", "free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(1000))
    with pytest.raises(VsrppError, match=r"would take .* but its disk has 1 kB left; make room"):
        made(root)
    assert files_in(root) == set()


def test_a_disk_that_fills_leaves_nothing(make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_dataset()

    def full(header: CacheHeader) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(CacheHeader, "encode", full)
    with pytest.raises(VsrppError, match=r"Patches.cache could not be written \(No space left on device\)"):
        made(root)
    assert files_in(root) == set()


@pytest.mark.parametrize("how", ["asked", "closed"])
def test_an_end_in_between_leaves_nothing(make_dataset: MakeDataset, how: str) -> None:
    root, stopping = make_dataset(), threading.Event()
    making = make_cache(root, *pairs_of(root), stopping.is_set)
    next(making)
    if how == "closed":
        making.close()
    else:
        stopping.set()
        with pytest.raises(StopIteration) as end:
            next(making)
        assert end.value.value is None
    assert files_in(root) == set()
    assert len(made(root)[1]) == 10, "and the lock is free"


def test_what_a_kill_left_is_cleared(make_dataset: MakeDataset) -> None:
    root = make_dataset()
    (root / ".tmp-1-Patches.cache").write_bytes(b"half")
    made(root)
    assert files_in(root) == {"Patches.cache"}


def test_removing_takes_only_the_cache(make_dataset: MakeDataset) -> None:
    root = make_dataset()
    cache, _ = made(root)
    size = cache.path.stat().st_size
    whole = cache.read(1)[0].copy()
    assert remove_cache(root) == [(root / "Patches.cache", size)] and remove_cache(root) == []
    assert np.array_equal(cache.read(1)[0], whole), "who has it open goes on"
    assert len(DatasetFolder(root).pairs("train")) == 10
