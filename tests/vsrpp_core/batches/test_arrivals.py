"""A dataset that grows while it is trained on: what joins when, and what a resumed stream knows of it."""

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeDataset
from vsrpp_core.batches.arrivals import Arrivals
from vsrpp_core.batches.dataset import Batch, PairDataset, TrainingStream
from vsrpp_core.data.layouts import addition_folder
from vsrpp_core.data.stacked import DatasetFolder, PairPaths, StackGeometry
from vsrpp_core.data.survey import measured

GEOMETRY = StackGeometry(5, 16, 16)


@pytest.fixture
def root(make_dataset: MakeDataset) -> Path:
    return make_dataset(n_train=5)


def pairs_of(root: Path) -> list[PairPaths]:
    return list(measured(DatasetFolder(root).pairs("train")))


def stream_of(root: Path, crop: int = 0, workers: int = 0) -> TrainingStream:
    pairs = pairs_of(root)
    dataset = PairDataset(pairs, GEOMETRY, 3, crop, augment=True, cache_bytes=2**20)
    arrivals = Arrivals(root, max(pair.addition for pair in pairs), GEOMETRY, crop)
    return TrainingStream(dataset, 3, 2, 1, workers, arrivals=arrivals)


def add(make_dataset: MakeDataset, root: Path, number: int, count: int = 3, **shape: Any) -> None:
    """Names that come before those of the dataset; it appears as a whole."""
    waiting = make_dataset(root / ".waiting", n_train=count, n_val=0, prefix=f"a{number}_", **shape)
    addition_folder(root, number).parent.mkdir(exist_ok=True)
    waiting.rename(addition_folder(root, number))


def taken(stream: TrainingStream, steps: int) -> list[bytes]:
    """What a trainer does; the pictures of each step."""
    return [b"".join(map(_pictures, _step(stream))) for _ in range(steps)]


def _step(stream: TrainingStream) -> list[Batch]:
    if stream.is_at_end:
        assert stream.has_looked(60)
        list(stream.begin_epoch(stream.found(), 0))
    step = stream.next_step()
    stream.confirm()
    return step


def _pictures(batch: Batch) -> bytes:
    return batch.frames.numpy().tobytes() + batch.ground_truth.numpy().tobytes()


def test_an_addition_is_found_once_and_comes_after_all_others(make_dataset: MakeDataset, root: Path) -> None:
    arrivals, before = Arrivals(root, 0, GEOMETRY, 0), pairs_of(root)
    for number in (1, 2):
        add(make_dataset, root, number)
        assert arrivals.has_looked(60)
        found = arrivals.take()
        assert len(found.pairs) == 3 and {pair.addition for pair in found.pairs} == {number} and not found.refused
        before += found.pairs
        assert before == pairs_of(root)
    (root / "Added" / "0003-old").mkdir()
    (root / "Added" / "7").mkdir()
    assert arrivals.has_looked(60) and arrivals.take().pairs == ()
    arrivals.close()


@pytest.mark.parametrize(
    ("shape", "crop", "why"),
    [
        ({"scale": 2}, 0, "and the network takes 5 frames, scale 3"),
        ({"side": 20}, 0, "larger than what this session began with; resume"),
        ({"side": 10}, 12, "smaller than data.crop = 12"),
        ({}, 0, "cannot identify image file"),
    ],
)
def test_what_a_session_cannot_train_on_is_told_and_left_out(
    make_dataset: MakeDataset, root: Path, shape: dict[str, int], crop: int, why: str
) -> None:
    add(make_dataset, root, 1, **shape)
    if not shape:
        (addition_folder(root, 1) / "Patches" / "LR" / "a1_001.png").write_bytes(b"")
    add(make_dataset, root, 2, 1)
    arrivals = Arrivals(root, 0, GEOMETRY, crop)
    assert arrivals.has_looked(60)
    found = arrivals.take()
    assert [pair.addition for pair in found.pairs] == [2] and len(found.refused) == 1
    assert found.refused[0].startswith(f"{addition_folder(root, 1)} is left out: ") and why in found.refused[0]
    arrivals.close()


@pytest.mark.parametrize("crop", [0, 6])
def test_a_resume_has_the_pairs_of_its_epoch_and_the_others_join_after_it(
    make_dataset: MakeDataset, root: Path, crop: int
) -> None:
    """The first epoch has three steps, in which one addition appears, of another size; the other does in the second."""
    whole, seen, states = stream_of(root, crop), list[bytes](), list[dict[str, Any]]()
    while len(seen) < 14:
        states.append(whole.state_dict())
        if len(seen) == 2:
            add(make_dataset, root, 1, side=10, height=12)
        if len(seen) == 5:
            add(make_dataset, root, 2, 2)
        seen += taken(whole, 1)
    assert whole.pairs == 10
    for begun, state in enumerate(states):
        resumed = stream_of(root, crop)
        assert not resumed.difference(state)
        resumed.load_state_dict(state)
        first = taken(resumed, max(3 - begun, 0))
        assert first == seen[begun:3] and (begun > 3 or resumed.pairs == 5)
        if begun > 3:
            assert taken(resumed, 14 - begun) == seen[begun:] and resumed.state_dict() == whole.state_dict()
        else:  # both were there when the first epoch ended
            taken(resumed, 1)
            assert (resumed.epoch, resumed.pairs) == (2, 10)
        resumed.close()
    whole.close()


def test_pairs_that_are_gone_are_told_and_a_new_epoch_begins(make_dataset: MakeDataset, root: Path) -> None:
    add(make_dataset, root, 1)
    stream = stream_of(root)
    state = stream.state_dict()
    add(make_dataset, root, 2)
    assert not stream_of(root).difference(state)
    assert stream_of(root).difference({**state, "geometry": [5, 9, 9]}) == (
        "LR stacks of 5 frames of 16x16 instead of 5 frames of 9x9"
    )
    del state["fingerprint"]  # as of versions that had none: nothing tells which of them are new
    assert stream_of(root).difference(state) == "11 training pairs instead of 8"
    (addition_folder(root, 1) / "Patches" / "GT" / "a1_001.png").unlink()
    changed = stream_of(root)
    state = stream.state_dict()
    assert changed.difference(state) == "10 training pairs instead of 8"
    changed.load_state_dict(state)
    assert (changed.epoch, changed.pairs) == (state["epoch"] + 1, 10)
