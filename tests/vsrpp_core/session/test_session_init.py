"""Fresh runs that begin with the weights of another one."""

from pathlib import Path

import pytest
import torch

from tests.conftest import MakeDataset
from tests.helpers import TINY
from tests.vsrpp_core.network_files import write_checkpoint
from tests.vsrpp_core.session.sessions import collect, of
from vsrpp_core.checkpoint import checkpoints
from vsrpp_core.cli.main import main
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages import events as ev
from vsrpp_core.session.session import open_session


def test_a_fresh_run_begins_with_another_s_weights_and_its_form(make_dataset: MakeDataset, tmp_path: Path) -> None:
    model = write_checkpoint(tmp_path / "old.pth")
    form = {key: value for key, value in TINY.items() if not key.startswith("model.")}
    settings = {**form, "training.init": str(tmp_path / "old.pth"), "training.max_steps": 1, "training.ema": 0.0}
    slow = {"schedule.lr_max": 1e-8, "schedule.lr_min": 1e-9, "schedule.warmup_steps": 0}
    events = collect(open_session(tmp_path / "run", make_dataset(), start="fresh", overrides={**settings, **slow}))
    (begun,) = of(events, ev.SessionStarted)
    assert (begun.n_feats, begun.n_frames, begun.init, begun.step) == (4, 5, str(tmp_path / "old.pth"), 0)
    state = checkpoints.load(tmp_path / "run" / "checkpoint_step_1.pth")["model"]
    assert all(torch.allclose(weight, state[name], atol=1e-6) for name, weight in model.state_dict().items())
    assert any("a fresh optimizer" in warning.message for warning in of(events, ev.WarningRaised))


def test_start_weights_that_cannot_be_used_leave_the_run_alone(
    make_dataset: MakeDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, gone = tmp_path / "run", {"training.init": "gone.pth"}
    with pytest.raises(VsrppError, match=r"gone\.pth does not exist"):
        open_session(run, make_dataset(), start="fresh", overrides=gone)
    with pytest.raises(VsrppError, match=r"auto-tune chooses a form of its own, and gone\.pth has one"):
        open_session(run, tmp_path / "data", start="fresh", overrides=gone, tune=True)
    assert not (run / "config.toml").exists()
    assert main(["train", str(run), "--resume", "--init", "old.pth"]) == 2
    assert "--init is what a fresh run begins with" in capsys.readouterr().err


def test_weights_that_fit_nowhere_are_refused_before_the_run_is_in_the_trash(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    data, run = make_dataset(), tmp_path / "run"
    write_checkpoint(tmp_path / "old.pth")
    collect(open_session(run, data, start="fresh", overrides={**TINY, "training.max_steps": 1}))
    before = sorted(run.iterdir())
    wider = {"training.init": str(tmp_path / "old.pth"), "model.n_feats": 8}
    with pytest.raises(VsrppError, match=r"has 4 feature maps and the run 8; set model\.n_feats = 4"):
        open_session(run, data, start="fresh", overrides=wider)
    assert sorted(run.iterdir()) == before
    later = {"training.init": str(tmp_path / "old.pth"), "training.max_steps": 2}
    with pytest.raises(VsrppError, match=r"training\.init is what a fresh run begins with"):
        open_session(run, None, start="resume", overrides=later)


def test_a_run_that_began_so_may_be_resumed_by_the_same_command(make_dataset: MakeDataset, tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "old.pth")
    settings = {key: value for key, value in TINY.items() if not key.startswith("model.")}
    same = {**settings, "training.init": str(tmp_path / "old.pth"), "training.max_steps": 1}
    collect(open_session(tmp_path / "run", make_dataset(), start="fresh", overrides=same))
    collect(open_session(tmp_path / "run", None, start="resume", overrides={**same, "training.max_steps": 2}))
