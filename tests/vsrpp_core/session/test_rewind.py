"""Resuming from an older checkpoint than the newest: what becomes of the steps beyond it."""

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import MakeDataset
from tests.helpers import TINY, Settings, flip_a_bit
from vsrpp_core.checkpoint import checkpoints
from vsrpp_core.cli.main import main
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.commands import CommandQueue
from vsrpp_core.run.folder import BEST_NAME, BEST_OLD_NAME, RunFolder
from vsrpp_core.session.session import open_session

SAVED = (4, 8, 12)
BEST: Settings = {"cadence.validate_every": 4, "cadence.best_from": 1}
"""Settings with which every validation that is better than those before makes a best checkpoint."""


def train(
    run: Path, data: Path, start: str = "resume", checkpoint: str = "", stop: int = 14, **settings: Any
) -> list[ev.Event]:
    """Train until step ``stop``; checkpoints are saved by hand at the steps SAVED."""
    wanted = {**TINY, **{key.replace("__", "."): value for key, value in settings.items()}}
    session = open_session(run, data, start=start, overrides=wanted, checkpoint=checkpoint)  # type: ignore[arg-type]
    queue, events = CommandQueue(), []
    for event in session.events(queue):
        events.append(event)
        if isinstance(event, ev.StepReported) and event.step in (*SAVED, stop):
            queue.put(cmd.Stop() if event.step == stop else cmd.SaveCheckpoint())
    return events


def begun(events: list[ev.Event]) -> tuple[str, int]:
    (started,) = (event for event in events if isinstance(event, ev.SessionStarted))
    return started.resumed_from, started.step


def warnings(events: list[ev.Event]) -> str:
    return "\n".join(event.message for event in events if isinstance(event, ev.WarningRaised))


def names(run: Path) -> set[str]:
    return {info.name for info in RunFolder(run).checkpoint_infos()}


@pytest.fixture
def data(make_dataset: MakeDataset) -> Path:
    return make_dataset()


@pytest.fixture
def run(tmp_path: Path, data: Path) -> Path:
    """A run that stopped at step 14, with checkpoints of steps 4, 8 and 12."""
    train(tmp_path / "run", data, "fresh")
    return tmp_path / "run"


def test_training_goes_on_from_the_checkpoint_that_was_named(run: Path, data: Path) -> None:
    first = checkpoints.load(run / "checkpoint_step_12.pth")["model"]
    events = train(run, data, checkpoint="checkpoint_step_8.pth", stop=13)
    assert begun(events) == ("checkpoint_step_8.pth", 8)
    assert next(event.step for event in events if isinstance(event, ev.StepReported)) == 9
    again = checkpoints.load(run / "checkpoint_step_12.pth")["model"]
    assert all((again[name] == weight).all() for name, weight in first.items()), "the same steps, taken again"


def test_newer_ones_are_put_aside_and_never_resumed_from(run: Path, data: Path) -> None:
    events = train(run, data, checkpoint="checkpoint_step_4.pth", stop=6)
    (place,) = RunFolder(run).trashed()
    assert place.step == 14 and {path.name for path in place.path.iterdir()} == {
        f"{name}{ending}"
        for name in ("checkpoint_step_8", "checkpoint_step_12", "checkpoint_recovery")
        for ending in (".pth", ".json")
    }
    assert f"3 newer checkpoints, up to step 14, moved to .trash/{place.path.name}" in warnings(events)
    assert names(run) == {"checkpoint_step_4.pth", "checkpoint_recovery.pth"}
    assert begun(train(run, data, stop=7)) == ("checkpoint_recovery.pth", 6)


def test_the_newest_one_by_name_moves_nothing(run: Path, data: Path) -> None:
    events = train(run, data, checkpoint="checkpoint_recovery.pth", stop=15)
    assert begun(events) == ("checkpoint_recovery.pth", 14)
    assert not RunFolder(run).trash.exists() and warnings(events) == ""


def test_a_path_names_a_checkpoint_too(run: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run.parent)
    assert begun(train(run, data, checkpoint="run/checkpoint_step_8.pth", stop=9)) == ("checkpoint_step_8.pth", 8)


@pytest.mark.parametrize(
    ("wanted", "phrase"),
    [
        (
            "checkpoint_step_9.pth",
            r"is not in .*; name one of its checkpoints, e\.g\. checkpoint_(step_\d+|recovery)\.pth",
        ),
        ("elsewhere/checkpoint_step_8.pth", "is not in .*; name one of its checkpoints"),
        ("../run", "is not in"),
        ("config.toml", r"is not a checkpoint of VSR\+\+"),
    ],
)
def test_a_checkpoint_that_cannot_be_resumed_from_is_refused_and_nothing_touched(
    run: Path, data: Path, wanted: str, phrase: str
) -> None:
    before = names(run)
    with pytest.raises(VsrppError, match=phrase):
        open_session(run, data, start="resume", checkpoint=wanted)
    assert names(run) == before and not RunFolder(run).trash.exists() and not RunFolder(run).owner()


def test_a_damaged_one_is_refused_and_marked_and_nothing_put_aside(run: Path, data: Path) -> None:
    chosen = run / "checkpoint_step_8.pth"
    flip_a_bit(chosen)
    with pytest.raises(VsrppError, match=r"checkpoint_step_8\.pth .*; use another checkpoint"):
        open_session(run, data, start="resume", checkpoint=chosen.name)
    assert not RunFolder(run).trash.exists()
    assert {info.name for info in RunFolder(run).checkpoint_infos() if info.is_damaged} == {chosen.name}


def test_the_best_one_is_that_of_the_branch(run: Path, data: Path) -> None:
    train(run, data, "fresh", **BEST)
    step_8 = checkpoints.load(run / "checkpoint_step_8.pth")["progress"]
    assert str((run / BEST_NAME).readlink()) == "checkpoint_step_12.pth" and step_8["best_step"] == 8
    events = train(run, data, checkpoint="checkpoint_step_8.pth", stop=9, **BEST)
    assert str((run / BEST_NAME).readlink()) == "checkpoint_step_8.pth" and not (run / BEST_OLD_NAME).is_symlink()
    (started,) = (event for event in events if isinstance(event, ev.SessionStarted))
    assert (started.best_step, started.best_quality) == (8, step_8["best_quality"])


def test_checkpoints_in_the_trash_can_be_restored(run: Path, data: Path) -> None:
    train(run, data, "fresh", **BEST)
    before = names(run)
    train(run, data, checkpoint="checkpoint_step_8.pth", stop=9, **BEST)
    folder = RunFolder(run)
    place = folder.trashed()[0]
    assert place.step == 14
    with pytest.raises(VsrppError, match=r"checkpoint_recovery\.json and 1 more now"):
        folder.restore_from_trash(place.path)
    folder.move_to_trash([run / "checkpoint_recovery.pth", run / "checkpoint_recovery.json"])
    folder.restore_from_trash(place.path)
    assert names(run) == before and str((run / BEST_NAME).readlink()) == "checkpoint_step_12.pth"
    assert begun(train(run, data, stop=15)) == ("checkpoint_recovery.pth", 14)


def test_a_best_one_that_is_no_longer_kept_is_reported_and_judged_afresh(run: Path, data: Path) -> None:
    train(run, data, "fresh", **BEST)
    folder = RunFolder(run)
    for path in (folder.checkpoint(4), folder.checkpoint(4).with_suffix(".json")):
        path.unlink()
    resumed = checkpoints.load(folder.checkpoint(8))
    resumed["progress"].update(best_step=4, best_quality=0.9)
    checkpoints.CheckpointStore(folder).put_aside([info for info in folder.checkpoint_infos() if info.step == 8])
    torch.save(resumed, folder.checkpoint(8))
    events = train(run, data, checkpoint="checkpoint_step_8.pth", stop=13, **BEST)
    assert "the best one until then, of step 4, no longer exists" in warnings(events)
    best = [event for event in events if isinstance(event, ev.ValidationFinished) and event.is_best]
    assert best[0].step == 12 and best[0].best_quality < 0.9
    assert str((run / BEST_NAME).readlink()) == "checkpoint_step_12.pth"


def test_the_link_to_the_best_names_the_file_it_means(run: Path, data: Path) -> None:
    train(run, data, "fresh", **BEST)
    events = train(run, data, checkpoint=BEST_NAME, stop=13, **BEST)
    assert begun(events) == ("checkpoint_step_12.pth", 12)


def test_a_complete_run_can_go_back(run: Path, data: Path) -> None:
    train(run, data, stop=99)
    assert RunFolder(run).checkpoint(24).is_file()
    assert begun(train(run, data, checkpoint="checkpoint_step_12.pth", stop=13)) == ("checkpoint_step_12.pth", 12)


def test_on_the_command_line(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", str(run), "--from", "checkpoint_step_8.pth"]) == 2
    assert "--from names a checkpoint to resume from; add --resume" in capsys.readouterr().err
    command = ["train", str(run), "--resume", "--set", "training.max_steps=10", "--from"]
    assert main([*command, "checkpoint_step_9.pth"]) == 1
    assert "checkpoint_step_9.pth is not in" in capsys.readouterr().err
    assert main([*command, "checkpoint_step_8.pth"]) == 0
    told = capsys.readouterr().out
    assert "resumed from checkpoint_step_8.pth, step 8 of 10" in told and "2 newer checkpoints, up to step 14" in told
