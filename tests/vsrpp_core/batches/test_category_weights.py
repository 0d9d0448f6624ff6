"""How often an epoch shows the pairs of a category, and when a change of that takes effect."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import MakeDataset
from tests.helpers import TINY, make_event
from vsrpp_core.batches.arrivals import Found
from vsrpp_core.batches.dataset import PairDataset, TrainingStream
from vsrpp_core.batches.epoch_order import EpochOrder, shown
from vsrpp_core.data.categories import categories_of
from vsrpp_core.data.stacked import DatasetFolder
from vsrpp_core.data.survey import measured
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.describe import describe
from vsrpp_core.run.category_weights import read_weights
from vsrpp_core.run.config import RunConfig
from vsrpp_core.session.session import open_session

KINDS = ["toon"] * 4 + ["space"] * 6


@pytest.fixture
def root(make_dataset: MakeDataset) -> Path:
    """Four pairs of one category and six of another, by a manifest as prepare writes it."""
    root = make_dataset(n_train=10)
    lines = ({"name": f"s{n:03}.png", "split": "train", "category": kind} for n, kind in enumerate(KINDS))
    (root / "manifest.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return root


def stream_of(root: Path, weights: str = "") -> TrainingStream:
    pairs = list(measured(DatasetFolder(root).pairs("train")))
    dataset = PairDataset(pairs, pairs[0].geometry, 3, 0, augment=True, cache_bytes=0, root=root)  # type: ignore[arg-type]
    stream = TrainingStream(dataset, 3, 2, 1, workers=0)
    stream.weigh(weights)
    return stream


def taken(stream: TrainingStream, steps: int) -> list[bytes]:
    pictures = []
    for _ in range(steps):
        if stream.is_at_end:
            list(stream.begin_epoch(Found(), 0))
        pictures.append(b"".join(batch.frames.numpy().tobytes() for batch in stream.next_step()))
        stream.confirm()
    return pictures


def test_whole_weights_repeat_and_parts_take_their_turns() -> None:
    for epoch in range(1, 5):
        times = Counter(KINDS[index] for index, _ in shown(KINDS, {"toon": 2.25, "space": 0.5}, 7, epoch))
        assert times == {"toon": 9, "space": 3}
    both = [index for epoch in (1, 2) for index, _ in shown(KINDS, {"space": 0.5, "toon": 0}, 7, epoch)]
    assert sorted(both) == [4, 5, 6, 7, 8, 9], "two halves are a whole"
    assert shown(KINDS, {}, 7, 1) == [(index, 0) for index in range(10)]
    order = EpochOrder(0, [0] * 10, 4, shown(KINDS, {"toon": 2}, 0, 3))
    keys = sorted(key for batch in order.keys(3, 0) for key in batch)
    assert keys == sorted([*((3, n) for n in range(10)), *((3, n, 1) for n in range(4))])


@pytest.mark.parametrize(
    ("text", "weights"),
    [("", {}), ("toon=2, old films = 0.5,", {"toon": 2.0, "old films": 0.5}), ("a=b=0", {"a=b": 0.0})],
)
def test_weights_are_read(text: str, weights: dict[str, float]) -> None:
    assert read_weights(text) == weights


@pytest.mark.parametrize("text", ["toon", "toon=", "=2", "toon=-1", "toon=nan", "toon=101"])
def test_what_is_no_weight_is_refused_with_its_part(text: str) -> None:
    with pytest.raises(VsrppError, match=r"data\.weights: must be like toon=2, space=0\.5"):
        RunConfig().with_overrides({"data.weights": text})


def test_categories_are_those_of_the_manifest_or_of_folders(root: Path) -> None:
    pairs = DatasetFolder(root).pairs("train")
    assert categories_of(root, pairs) == KINDS
    (root / "manifest.jsonl").write_text("{")
    assert categories_of(root, pairs) == [""] * 10
    assert categories_of(root, [replace(pairs[0], name="space/patches/a.png")]) == ["space"]


def test_weights_hold_from_the_next_epoch_and_a_resume_knows_those_of_its_own(root: Path) -> None:
    whole, states = stream_of(root, "space=0.5"), []
    seen = list[bytes]()
    for step in range(14):
        states.append(whole.state_dict())
        if step == 2:
            whole.weigh("toon=2")
        seen += taken(whole, 1)
    assert (whole.samples, whole.pairs, whole.steps_per_epoch) == (14, 10, 7)
    assert [state["epoch"] for state in states] == [1] * 5 + [2] * 7 + [3] * 2
    assert [state["weights"] for state in states[:6]] == ["space=0.5"] * 5 + ["toon=2"]
    for begun in (1, 3, 4, 5, 9, 11, 12):
        resumed = stream_of(root, "toon=2")
        resumed.load_state_dict(states[begun])
        assert taken(resumed, 14 - begun) == seen[begun:] and resumed.state_dict() == whole.state_dict()
        resumed.close()
    whole.close()


def test_before_its_first_step_an_epoch_has_the_weights_of_then(root: Path) -> None:
    plain, weighed = stream_of(root, "toon=3"), stream_of(root)
    assert weighed.is_ready(60)
    weighed.weigh("toon=3")
    assert taken(weighed, 3) == taken(plain, 3)
    plain.close()
    weighed.close()


def test_a_running_training_is_told_and_tells(root: Path, tmp_path: Path) -> None:
    queue, answers, told = cmd.CommandQueue(), list[bool](), list[ev.Event]()
    settings = {**TINY, "training.max_steps": 5, "data.weights": "space=1"}
    with pytest.raises(
        VsrppError, match="weights = talk=1: the dataset has no category talk; its categories: space, toon"
    ):
        open_session(tmp_path / "other", root, start="fresh", overrides={**settings, "data.weights": "talk=1"})
    for event in open_session(tmp_path / "run", root, start="fresh", overrides=settings).events(queue):
        if isinstance(event, ev.StepReported) and event.step == 2:
            for text in ("talk=3", "space=0, toon=0", "toon=2"):
                queue.put(cmd.SetParameter("data.weights", text))
        if isinstance(event, ev.CommandAnswered):
            answers.append(event.accepted)
        told += [event] if isinstance(event, ev.ParameterChanged | ev.EpochChanged) else []
    assert answers == [False, False, True]
    changed, epoch = told
    assert describe(changed).text == "step 2: data.weights is toon=2 from the next epoch on, was space=1"
    assert describe(epoch).text == "step 4: epoch 2 has 10 pairs, shown 14 times (toon=2), in 5 steps"
    assert "toon=2" in (tmp_path / "run" / "config.toml").read_text()
    assert "+5 pairs; epoch 2" in describe(make_event(ev.EpochChanged, added=5, epoch=2)).text
