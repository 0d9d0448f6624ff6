"""Another run from a checkpoint of one: the same training, but for what is changed."""

from pathlib import Path

import pytest
import torch
from filelock import FileLock

from tests.conftest import MakeDataset
from tests.helpers import TINY
from vsrpp_core.checkpoint import checkpoints
from vsrpp_core.cli.main import main
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.commands import CommandQueue
from vsrpp_core.remote.standing import standing_of
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.folder import LOCK_NAME, RunFolder
from vsrpp_core.run.settings import Overrides
from vsrpp_core.session.branch import branch
from vsrpp_core.session.session import open_session

BEST = {**TINY, "cadence.validate_every": 2, "cadence.best_from": 1, "cadence.best_until": 4}


def train(run: Path, data: Path | None, stop: int) -> None:
    session = open_session(run, data, start="fresh" if data else "resume", overrides=BEST if data else {})
    queue = CommandQueue()
    for event in session.events(queue):
        if isinstance(event, ev.StepReported) and event.step in (5, stop):
            queue.put(cmd.Stop() if event.step == stop else cmd.SaveCheckpoint())


def files_below(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def run(tmp_path: Path, make_dataset: MakeDataset) -> RunFolder:
    """Trained to step 8, with a checkpoint of step 5."""
    train(tmp_path / "run", make_dataset(), 8)
    return RunFolder(tmp_path / "run")


def test_it_trains_as_the_run_would_have_and_that_is_left_as_it_is(run: RunFolder, tmp_path: Path) -> None:
    before = files_below(run.path)
    made = branch(run, tmp_path / "new", "checkpoint_step_5.pth")
    assert files_below(run.path) == before and not made.changed
    train(tmp_path / "new", None, 8)
    ours, theirs = (checkpoints.load(f.path / f.checkpoint_infos()[0].name) for f in (made.folder, run))
    assert ours["progress"]["step"] == theirs["progress"]["step"] == 8
    assert ours["model"].keys() == theirs["model"].keys()
    assert all(torch.equal(weights, theirs["model"][name]) for name, weights in ours["model"].items())
    assert ours["progress"]["best_step"] == theirs["progress"]["best_step"]


def test_its_ancestry_is_kept_and_told(run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    faster = "schedule.lr_max=2e-4"
    assert main(["branch", str(run.path), str(tmp_path / "b"), "--from", "checkpoint_step_5.pth", "--set", faster]) == 0
    assert "step 5" in (said := capsys.readouterr().out) and "schedule.lr_max = 0.0002" in said
    assert RunConfig.load(tmp_path / "b" / "config.toml").schedule.lr_max == 2e-4
    second = branch(RunFolder(tmp_path / "b"), tmp_path / "c").folder
    origins = [str(run.checkpoint(5)), str(tmp_path / "b" / "checkpoint_step_5.pth")]
    seen = standing_of(second)
    assert (seen.status, seen.step, list(seen.branched_from)) == ("new", 5, origins)
    train(second.path, None, 6)
    assert len(second.ancestry()) == 2 and list(standing_of(second).branched_from) == origins


@pytest.mark.parametrize(
    ("new", "checkpoint", "overrides", "words"),
    [
        ("run", "", {}, "exists already"),
        ("new", "checkpoint_step_6.pth", {}, "is not in"),
        ("new", "", {"model.n_feats": 64}, "model.n_feats"),
        ("new", "", {"training.max_steps": 8}, "is complete"),
        ("new", "", {"training.init": "other.pth"}, "what a fresh run begins with"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_made(
    run: RunFolder, tmp_path: Path, new: str, checkpoint: str, overrides: Overrides, words: str
) -> None:
    before = files_below(tmp_path)
    with pytest.raises(VsrppError, match=words):
        branch(run, tmp_path / new, checkpoint, overrides)
    assert files_below(tmp_path) == before


def test_of_two_at_once_one_is_refused_and_what_a_killed_one_left_is_used_up(run: RunFolder, tmp_path: Path) -> None:
    draft = tmp_path / ".tmp-new"
    draft.mkdir()
    (draft / "checkpoint_step_3.pth").write_bytes(b"half of it")
    with FileLock(draft / LOCK_NAME), pytest.raises(VsrppError, match="another process makes"):
        branch(run, tmp_path / "new")
    assert (draft / "checkpoint_step_3.pth").exists()
    made = branch(run, tmp_path / "new").folder
    assert not draft.exists() and not made.checkpoint(3).exists() and made.checkpoint_files()
