"""From a checkpoint of the original VSR++ to a run that trains on."""

from pathlib import Path

import pytest
import torch

from tests.conftest import MakeDataset
from tests.helpers import TINY
from tests.vsrpp_core.run.test_original import write_original
from vsrpp_core.cli import main
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.commands import CommandQueue
from vsrpp_core.run import checkpoints
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.training.adopt import adopt
from vsrpp_core.training.session import open_session

SETTINGS = {key: value for key, value in TINY.items() if not key.startswith("model.")}


def test_the_run_holds_the_same_network_and_moments_at_the_same_step(tmp_path: Path) -> None:
    model = write_original(tmp_path / "old.pth")
    saved = adopt(tmp_path / "old.pth", tmp_path / "run")
    assert (saved.step, saved.name, saved.kind) == (25_500, "checkpoint_step_25500.pth", "manual")
    state = checkpoints.load(tmp_path / "run" / saved.name)
    assert all(torch.equal(state["model"][name], weight) for name, weight in model.state_dict().items())
    old = torch.load(tmp_path / "old.pth", weights_only=False)["optimizer_state_dict"]["state"]
    new = state["optimizer_step"]["optimizer"]["state"]
    assert all(torch.equal(old[i][name], new[i][name]) for i in old for name in ("step", "exp_avg", "exp_avg_sq"))
    config = RunConfig.load(tmp_path / "run" / "config.toml")
    assert (config.model.n_feats, config.model.n_blocks, config.model.n_frames) == (8, 4, 5)


def test_training_goes_on_from_there(make_dataset: MakeDataset, tmp_path: Path) -> None:
    write_original(tmp_path / "old.pth")
    adopt(tmp_path / "old.pth", tmp_path / "run")
    settings = {**SETTINGS, "training.max_steps": "25512"}.items()
    session = open_session(tmp_path / "run", make_dataset(), start="resume", overrides=settings)
    events = list(session.events(CommandQueue()))
    assert [event.step for event in events if isinstance(event, ev.StepReported)] == list(range(25_501, 25_513))
    assert isinstance(events[-1], ev.SessionEnded) and events[-1].reason == "completed"


def test_a_run_that_holds_a_network_is_left_alone(tmp_path: Path) -> None:
    write_original(tmp_path / "old.pth")
    adopt(tmp_path / "old.pth", tmp_path / "run")
    before = (tmp_path / "run" / "checkpoint_step_25500.pth").read_bytes()
    with pytest.raises(VsrppError, match="holds a network at step 25,500 already"):
        adopt(tmp_path / "old.pth", tmp_path / "run")
    assert (tmp_path / "run" / "checkpoint_step_25500.pth").read_bytes() == before


def test_another_network_is_refused_and_nothing_made(tmp_path: Path) -> None:
    weights = {**write_original(tmp_path / "x.pth").state_dict(), "attention.weight": torch.zeros(1)}
    write_original(tmp_path / "old.pth", model_state_dict=weights)
    with pytest.raises(VsrppError, match="does not hold the network of the original"):
        adopt(tmp_path / "old.pth", tmp_path / "run")
    assert RunFolder(tmp_path / "run").contents() == [] and not (tmp_path / "run" / "config.toml").exists()


def test_the_verb_says_how_to_go_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_original(tmp_path / "old.pth")
    assert main(["import", str(tmp_path / "old.pth"), str(tmp_path / "run")]) == 0
    told = capsys.readouterr().out
    assert "checkpoint_step_25500.pth holds step 25,500; go on with: vsrpp train" in told
