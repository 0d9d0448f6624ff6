"""A session that trains from the cache on the disk takes the very steps that it takes from the PNGs."""

import os
from pathlib import Path

import pytest
import torch

from tests.conftest import MakeDataset
from tests.helpers import Settings
from tests.vsrpp_core.session.sessions import collect, figures, of, train
from vsrpp_core.checkpoint import checkpoints
from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import events as ev
from vsrpp_core.session.session import open_session

SHORT: Settings = {"training__max_steps": 6, "data__crop": 12}


def losses(events: list[ev.Event]) -> list[tuple[float, ...]]:
    return [figures(step) for step in of(events, ev.StepReported)]


@pytest.mark.parametrize("workers", [0, 2])
def test_same_seed_same_loss(make_dataset: MakeDataset, tmp_path: Path, workers: int) -> None:
    data = make_dataset()
    plain = train(tmp_path / "plain", data, data__cache="none", **SHORT)
    cached = train(tmp_path / "cached", data, data__cache="disk", data__workers=workers, **SHORT)
    assert len(losses(plain)) == 6 and losses(plain) == losses(cached)
    one, two = (checkpoints.load(tmp_path / run / "checkpoint_step_6.pth")["model"] for run in ("plain", "cached"))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_it_is_made_before_the_session_starts_and_once(make_dataset: MakeDataset, tmp_path: Path) -> None:
    data = make_dataset()
    first = train(tmp_path / "one", data, data__cache="disk", **SHORT)
    begun = next(i for i, event in enumerate(first) if isinstance(event, ev.SessionStarted))
    progress = of(first[:begun], ev.PreparationProgressed)
    assert [(e.task, e.done, e.total) for e in progress[-1:]] == [("decoding the training pairs", 10, 10)]
    assert (data / "Patches.cache").is_file()
    assert of(train(tmp_path / "two", data, data__cache="disk", **SHORT), ev.PreparationProgressed) == []


def test_a_stop_while_it_is_made(make_dataset: MakeDataset, tmp_path: Path) -> None:
    data = make_dataset()
    settings = {"data.cache": "disk"}
    events = collect(open_session(tmp_path / "run", data, start="fresh", overrides=settings), first=(cmd.Stop(),))
    assert isinstance(events[-1], ev.SessionEnded) and events[-1].reason == "stopped"
    assert not of(events, ev.SessionStarted) and not (data / "Patches.cache").exists()


def test_a_broken_pair_ends_it_before_the_first_step(make_dataset: MakeDataset, tmp_path: Path) -> None:
    data = make_dataset()
    os.truncate(data / "Patches/LR/s007.png", 60)  # a whole header, by which every pair is measured first
    (failed,) = of(train(tmp_path / "run", data, data__cache="disk", **SHORT), ev.SessionFailed)
    assert "s007.png cannot be read as an image" in failed.error and failed.step == 0


def test_damage_while_training_is_a_warning(make_dataset: MakeDataset, tmp_path: Path) -> None:
    data = make_dataset()
    clean = train(tmp_path / "clean", data, data__cache="disk", **SHORT)
    with (data / "Patches.cache").open("r+b") as file:
        file.seek(5000)
        file.write(b"\0\1\2\3")
    events = train(tmp_path / "run", data, data__cache="disk", **SHORT)
    (warning,) = of(events, ev.WarningRaised)
    assert "is damaged at pair 0" in warning.message and losses(events) == losses(clean)
