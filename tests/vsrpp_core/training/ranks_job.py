"""What the two ranks of test_distributed.py do."""

import itertools
import json
import math
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import events as ev
from vsrpp_core.run.settings import Overrides
from vsrpp_core.session.plan import Start
from vsrpp_core.session.session import open_session
from vsrpp_core.training.distributed import SINGLE_RANK, Ranks, ranks_of_this_job
from vsrpp_core.training.step import FIGURES, OptimizerStep

STEERED: Mapping[int, tuple[cmd.Command, ...]] = {
    5: (cmd.Pause(), cmd.SetParameter("schedule.factor", 0.5), cmd.Validate(), cmd.Resume(), cmd.SaveCheckpoint()),
    9: (cmd.Stop(),),
}
"""Commands by the step after whose report they are given, to the first rank alone."""


def train(
    run: Path,
    data: Path,
    settings: Overrides,
    ranks: Ranks = SINGLE_RANK,
    start: Start = "fresh",
    commands: Mapping[int, Iterable[cmd.Command]] = {},
) -> list[ev.Event]:
    queue, events = cmd.CommandQueue(), []
    for event in open_session(run, data, start=start, overrides=settings, ranks=ranks).events(queue):
        events.append(event)
        if isinstance(event, ev.StepReported) and ranks.is_first:
            for command in commands.get(event.step, ()):
                queue.put(command)
    assert isinstance(events[-1], ev.SessionEnded), f"rank {ranks.rank}: {events[-1]}"
    return events


def skip_steps(patch: pytest.MonkeyPatch, first: int, last: int) -> None:
    """Steps whose gradient is told as not finite, and that change nothing."""
    run_step, calls = OptimizerStep.run, itertools.count(1)

    def skip(self: OptimizerStep, *anything: Any, **more: Any) -> torch.Tensor:
        if first <= next(calls) <= last:
            return torch.tensor([math.nan if name == "gradient_norm" else 0.1 for name in FIGURES])
        return run_step(self, *anything, **more)

    patch.setattr(OptimizerStep, "run", skip)


ROLLING = {"training.max_steps": 24, "training.max_skipped": 10, "cadence.checkpoint_every": 5}


def main(folder: Path, settings: Overrides) -> None:
    data = folder / "data"
    with ranks_of_this_job() as ranks:
        assert ranks.size == 2
        train(folder / "whole-2", data, settings, ranks)
        train(folder / "steered-2", data, settings, ranks, commands=STEERED)
        with pytest.MonkeyPatch.context() as patch:
            skip_steps(patch, first=11, last=20)
            rolling = {**settings, **ROLLING, "cadence.best_from": 4}
            back = [e for e in train(folder / "rolled-2", data, rolling, ranks) if isinstance(e, ev.RolledBack)]
            assert [(e.step, e.to_step) for e in back] == [(20, 10)], back
        if not ranks.is_first:
            (folder / "second-rank-was-here").touch()
        ranks.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]))
