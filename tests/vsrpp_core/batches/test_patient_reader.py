import threading
from collections.abc import Iterator

import pytest

from vsrpp_core.batches.patient_reader import PatientReader


class Process:
    """Stands for a worker of a data loader."""

    def __init__(self) -> None:
        self.alive = True

    def is_alive(self) -> bool:
        return self.alive

    def kill(self) -> None:
        self.alive = False


class Values(Iterator[int]):
    """Counts; before the third it waits for a drive that comes back when ``comes_back`` is set."""

    def __init__(self) -> None:
        self.comes_back, self._workers, self._at = threading.Event(), [Process()], 0

    def __next__(self) -> int:
        self._at += 1
        if self._at == 3:
            self.comes_back.wait()
        if self._at == 5:
            raise RuntimeError("a worker is gone")
        return self._at


def test_what_does_not_come_is_waited_for_with_a_limit_and_taken_in_order() -> None:
    values = Values()
    reader = PatientReader(values)
    assert reader.has(2, 5.0) and not reader.has(3, 0.01) and not reader.has(3, 0.01)
    assert (reader.take(), reader.take()) == (1, 2)
    values.comes_back.set()
    assert (reader.take(), reader.take()) == (3, 4)
    with pytest.raises(RuntimeError, match="a worker is gone"):
        reader.take()
    reader.close()


def test_nothing_is_read_that_was_not_asked_for() -> None:
    values = Values()
    reader = PatientReader(values)
    reader.take()
    reader.close()
    assert values._at == 1


def test_a_process_that_hangs_is_ended_at_the_close() -> None:
    values = Values()
    reader = PatientReader(values)
    assert not reader.has(3, 0.01)
    values._workers[0].kill = lambda: (setattr(values._workers[0], "alive", False), values.comes_back.set())  # type: ignore
    reader.close()
    assert not values._workers[0].is_alive() and not reader._thread.is_alive()
