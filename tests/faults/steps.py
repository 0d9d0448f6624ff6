"""Take a million steps whose arithmetic is left out: what listens, saves and shows holds no more at the end.

python -m tests.faults.steps                      1,000,000 steps

The trainer, its adaptive parts, checkpoints and validations are real, and so are journal, log, curves and status file.
Their events are folded into the state that screens show.
"""

import itertools
import json
import sys
import tempfile
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import psutil
import torch

from tests.faults.tally import Tally
from tests.helpers import TINY, write_dataset
from vsrpp_core.batches.dataset import Batch, TrainingStream
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.commands import CommandQueue
from vsrpp_core.session.session import open_session
from vsrpp_core.training.step import FIGURES, OptimizerStep
from vsrpp_tui.state.run import RunState, reduce

STEPS = 1_000_000
GROWTH = 0.05
"""Of resident memory, at most, from the second tenth of the way to its last."""
LOOKS = 10
"""In each of the two."""


@dataclass(frozen=True, slots=True)
class Held:
    memory: int
    """Bytes."""
    descriptors: int
    threads: int

    @classmethod
    def now(cls) -> "Held":
        process = psutil.Process()
        return cls(process.memory_info().rss, process.num_fds(), process.num_threads())

    def least(self, other: "Held") -> "Held":
        """What both hold: a file that is just being written is not held for good."""
        return Held(*map(min, astuple(self), astuple(other)))


def settings(steps: int) -> dict[str, Any]:
    every = max(1, steps // 20)
    due = {"validate_every": every, "checkpoint_every": every, "tensorboard_every": 100}
    due |= {"journal_every": 10, "status_every": 10, "best_from": 0, "best_until": 0}
    return {**TINY, "training.max_steps": steps, **{f"cadence.{key}": value for key, value in due.items()}}


def drawn(stream: TrainingStream) -> list[Batch]:
    """The next step's samples count as drawn."""
    stream._drawn = sum(stream._sizes())
    return []


def trained(folder: Path, steps: int) -> tuple[Held, Held, RunState]:
    """What is held throughout the second tenth of the steps and the last one, and what screens show then."""
    rows = [torch.rand(len(FIGURES), generator=torch.Generator().manual_seed(number)) for number in range(997)]
    figures, state = itertools.cycle(rows), RunState()
    tenths: dict[int, Held] = {}
    with (
        mock.patch.object(OptimizerStep, "run", lambda self, *given, **more: next(figures)),
        mock.patch.object(TrainingStream, "is_ready", lambda self, seconds: True),
        mock.patch.object(TrainingStream, "next_step", drawn),
    ):
        data = write_dataset(folder / "data")
        session = open_session(folder / "run", data, start="fresh", overrides=settings(steps))
        for event in session.events(CommandQueue()):
            state = reduce(state, event)
            if isinstance(event, ev.StepReported) and event.step % (steps // (10 * LOOKS)) == 0:
                tenth = (event.step - 1) * 10 // steps
                if tenth in (1, 9):
                    tenths[tenth] = Held.now().least(tenths.get(tenth, Held.now()))
    return tenths[1], tenths[9], state


def campaign(folder: Path, steps: int) -> Tally:
    tally = Tally("steps")
    early, late, state = trained(folder, steps)
    growth = late.memory / early.memory - 1
    sys.stderr.write(json.dumps({"early": str(early), "late": str(late), "growth": round(growth, 4)}) + "\n")
    for what, wrong in {
        f"not the last step is shown, but {state.step}": not state.step or state.step.step != steps,
        f"memory grows by {growth:.1%}": growth > GROWTH,
        f"{early.descriptors} descriptors become {late.descriptors}": early.descriptors != late.descriptors,
        f"{early.threads} threads become {late.threads}": early.threads != late.threads,
    }.items():
        tally.failed(what) if wrong else tally.held("as at the start")
    return tally


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(not campaign(Path(folder), int(sys.argv[1]) if len(sys.argv) > 1 else STEPS).tell())


if __name__ == "__main__":
    main()
