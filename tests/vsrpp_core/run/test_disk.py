"""The watch over free disk, with a stand-in for the disk."""

from pathlib import Path

import pytest

from vsrpp_core.run.disk import GB, DiskWatch, free_bytes

RUN = Path("/runs/films")


class Disk:
    """A disk whose free bytes are set by the test."""

    def __init__(self) -> None:
        self.free = 100 * GB
        self.asked: list[Path] = []

    def __call__(self, folder: Path) -> int:
        self.asked.append(folder)
        return self.free


def test_a_disk_with_room_is_not_spoken_of() -> None:
    disk = Disk()
    assert DiskWatch(RUN, 2.0, disk).look(GB // 10) == ""
    assert disk.asked == [RUN]


def test_a_disk_that_runs_full_is_told_once_and_again_after_there_was_room() -> None:
    disk = Disk()
    watch = DiskWatch(RUN, 2.0, disk)
    told = []
    for free in (2.0, 1.9, 1.5, 1.0, 2.0, 2.5, 1.9, 0.0):
        disk.free = int(free * GB)
        told.append(bool(watch.look(0)))
    assert told == [False, True, False, False, False, False, True, False]


def test_the_sentence_names_place_room_reason_and_remedy() -> None:
    disk = Disk()
    disk.free = int(1.25 * GB)
    assert DiskWatch(RUN, 2.0, disk).look(GB // 10) == (
        "the disk of /runs/films has 1.2 GB left, less than checkpoints.min_free_gb = 2; "
        "delete what is not needed there, or the next checkpoints may not be saved"
    )


@pytest.mark.parametrize(("free", "is_told"), [(3.0, False), (2.99, True)])
def test_large_checkpoints_ask_for_twice_their_size(free: float, is_told: bool) -> None:
    disk = Disk()
    disk.free = int(free * GB)
    told = DiskWatch(RUN, 2.0, disk).look(int(1.5 * GB))
    assert bool(told) is is_told
    assert not is_told or "less than the 3.0 GB that two checkpoints take" in told


def test_small_sizes_are_told_in_megabytes() -> None:
    disk = Disk()
    disk.free = 30 * 2**20
    told = DiskWatch(RUN, 0.0, disk).look(20 * 2**20)
    assert "has 30 MB left, less than the 40 MB that two checkpoints take" in told


def test_the_limit_may_change_on_the_way() -> None:
    disk = Disk()
    disk.free = 5 * GB
    watch = DiskWatch(RUN, 2.0, disk)
    assert watch.look(0) == ""
    watch.min_free_gb = 10.0
    assert "checkpoints.min_free_gb = 10" in watch.look(0)


def test_a_disk_that_cannot_be_asked_does_not_end_the_training() -> None:
    def gone(folder: Path) -> int:
        raise OSError(116, "Stale file handle")

    assert DiskWatch(RUN, 2.0, gone).look(0) == ""


def test_the_real_disk_is_asked(tmp_path: Path) -> None:
    assert free_bytes(tmp_path) > 0
    assert "min_free_gb" in DiskWatch(tmp_path, 1e9).look(0)
