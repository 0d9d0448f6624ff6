"""When more processes read, and that it changes no sample."""

import pytest
import torch

from tests.conftest import MakeDataset
from vsrpp_core.batches.dataset import PairDataset, TrainingStream
from vsrpp_core.data.stacked import DatasetFolder, StackGeometry
from vsrpp_core.training.laps import Lap, ReaderCount, StepClock


class Readers:
    def __init__(self, workers: int, most_workers: int) -> None:
        self.workers, self.most_workers = workers, most_workers

    def use_workers(self, workers: int) -> None:
        self.workers = workers


STARVED = Lap(steps=10, samples=40, seconds=10.0, waited=4.0, synced=0.01)
HIDDEN = STARVED._replace(synced=2.0)
"""The host waited for pictures, but the device was still busy when its figures were read."""
FED = STARVED._replace(waited=0.5)


def counts(readers: Readers, *laps: Lap) -> list[int]:
    count = ReaderCount(readers)
    return [event.workers for lap in laps for event in count.timed(10, lap)]


def test_a_device_that_starves_gets_twice_as_many_until_there_are_no_more() -> None:
    assert counts(Readers(2, 6), *[STARVED] * 16) == [4, 6]
    assert counts(Readers(0, 1), *[STARVED] * 9) == [1]
    assert counts(Readers(2, 2), *[STARVED] * 9) == counts(Readers(4, 0), *[STARVED] * 9) == []


@pytest.mark.parametrize("relief", [HIDDEN, FED])
def test_waiting_that_costs_nothing_or_passes_is_no_reason(relief: Lap) -> None:
    assert counts(Readers(2, 8), *[STARVED, STARVED, relief] * 4) == []
    assert counts(Readers(2, 8), *[relief] * 9) == []


def test_more_processes_in_the_middle_of_an_epoch_change_no_sample(make_dataset: MakeDataset) -> None:
    pairs, geometry = DatasetFolder(make_dataset(n_train=7)).pairs("train"), StackGeometry(5, 16, 16)

    def frames(change: bool) -> list[torch.Tensor]:
        dataset = PairDataset(pairs, geometry, 3, crop=8, augment=True, cache_bytes=0)
        stream, seen = TrainingStream(dataset, 3, 2, 1, workers=0, most_workers=1), []
        for step in range(6):
            if change and step == 2:
                assert stream.is_ready(20), "what was read ahead is read again"
                stream.use_workers(1)
            seen += [batch.frames for batch in stream.next_step()]
            stream.confirm()
        stream.close()
        return seen

    assert all(torch.equal(one, other) for one, other in zip(frames(False), frames(True), strict=True))


def test_a_lap_tells_waiting_for_pictures_from_waiting_for_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, now = StepClock(), [0.0]
    monkeypatch.setattr("vsrpp_core.training.laps.time.perf_counter", lambda: now[0])

    def passes(seconds: float) -> None:
        now[0] += seconds

    for _ in range(2):
        with clock.reading(), clock.waiting():
            passes(3)
        with clock.step():
            with clock.waiting():
                passes(1)
            passes(5)
        clock.count(4)
    with clock.reading():
        passes(7)
    assert clock.lap() == Lap(steps=2, samples=8, seconds=25, waited=8, synced=7)
    assert clock.report() == (12.5, 8 / 25, 8 / 25) and clock.lap().steps == 0
