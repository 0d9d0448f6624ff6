"""Out of memory: what is proposed, and what a session does about it."""

import shlex
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import MakeDataset
from tests.helpers import TINY
from vsrpp_core.checkpoint import checkpoints
from vsrpp_core.cli.main import main
from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import events as ev
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.settings import Overrides
from vsrpp_core.session.plan import Start
from vsrpp_core.session.session import open_session
from vsrpp_core.training.step import OptimizerStep
from vsrpp_core.tune.out_of_memory import advice, smaller


def test_each_proposal_is_smaller_than_the_one_before_and_keeps_the_effective_batch() -> None:
    config, proposals = RunConfig().with_overrides({"training.batch_size": 3}), []
    while proposal := smaller(config, lr_side=60):
        proposals.append(dict(proposal))
        config = config.with_overrides(proposal)
        assert config.training.batch_size * config.training.accumulation >= 3
    assert proposals == [
        {"training.checkpointing": "block"},
        {"training.folded": True},
        {"training.checkpointing": "trunk"},
        {"training.batch_size": 2, "training.accumulation": 2},
        {"training.batch_size": 1, "training.accumulation": 4},
        {"data.crop": 30},
    ]
    assert "smaller model.n_feats" in advice(config, 60, "RUN")


def train(run: Path, data: Path, start: Start, settings: Overrides) -> list[ev.Event]:
    return list(open_session(run, data, start=start, overrides=settings).events(cmd.CommandQueue()))


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
        MemoryError(),
    ],
)
def test_a_step_that_does_not_fit_leaves_a_checkpoint_and_advice(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    run_step, calls = OptimizerStep.run, []

    def full_at_the_eighth(self: OptimizerStep, *args: Any, **kwargs: Any) -> torch.Tensor:
        calls.append(1)
        if len(calls) == 8:
            raise error
        return run_step(self, *args, **kwargs)

    monkeypatch.setattr(OptimizerStep, "run", full_at_the_eighth)
    run, data = tmp_path / "run", make_dataset()
    failed = train(run, data, "fresh", TINY)[-1]
    assert isinstance(failed, ev.SessionFailed) and failed.step == 7
    assert "has no memory left for a step of batch 3 x 1" in failed.error
    assert failed.error.endswith(f"vsrpp train {run} --resume --set training.checkpointing=block")
    assert checkpoints.load(run / failed.checkpoint)["progress"]["step"] == 7
    resumed = train(run, data, "resume", {"training.checkpointing": "block"})
    assert isinstance(resumed[-1], ev.SessionEnded) and resumed[-1].step == 24


def test_without_a_checkpoint_the_advice_is_a_fresh_start_that_works(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: OptimizerStep, *args: Any, **kwargs: Any) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    run, data = tmp_path / "my run", make_dataset()
    with monkeypatch.context() as patch:
        patch.setattr(OptimizerStep, "run", full)
        failed = train(run, data, "fresh", TINY)[-1]
    assert isinstance(failed, ev.SessionFailed) and not failed.checkpoint
    command = failed.error[failed.error.index("vsrpp train") :]
    assert shlex.split(command) == ["vsrpp", "train", str(run), "--set", "training.checkpointing=block"]
    assert main(shlex.split(command)[1:]) == 0
    assert (run / "checkpoint_step_24.pth").exists()
