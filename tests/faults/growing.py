"""Kill a training whose dataset grows, at ten moments, and resume it: the pairs of each epoch are as undisturbed.

python -m tests.faults.growing                    ten kills, each in a run of its own
python -m tests.faults.growing 22 35              after these steps

A kill is SIGKILL, after the step was seen and so somewhere in the next ones. Additions appear within the second and the
third epoch; the steps before a join, at it and after it are all among the ten. Half of the runs have loader processes.
Every pair's ground truth is of a colour of its own, so what a step took is read off its batches.
"""

import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.faults.checkpoint_files import is_same
from tests.faults.tally import Tally
from tests.helpers import TINY
from tests.preloaded import started
from vsrpp_core.batches.dataset import Batch, TrainingStream
from vsrpp_core.checkpoint import checkpoints
from vsrpp_core.data.layouts import addition_folder
from vsrpp_core.data.stacked import DatasetFolder, write_pair
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.commands import CommandQueue
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.session.session import open_session

BEGAN, ADDED = 24, ((21, 8), (34, 5))
"""Pairs; and after which step how many more appear. Epochs have 12, 12, 16 and then 19 steps of at most two pairs."""

EPOCHS = {1: 24, 2: 24, 3: 32, 4: 37}
STEPS, SIDE, FRAMES = 62, 8, 5
MOMENTS = (3, 14, 20, 22, 24, 25, 30, 36, 40, 50)
START_SECONDS = 120.0
SETTINGS = {
    **TINY,
    "data.augment": False,
    "training.batch_size": 2,
    "cadence.validate_every": STEPS,
    "cadence.checkpoint_every": 4,
    "cadence.best_from": 0,
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What a step took: numbers of pairs."""

    step: int
    epoch: int
    pairs: tuple[int, ...]


def write_growing(root: Path) -> Path:
    """A dataset, and beside its pairs what will be added, in hidden folders."""
    first = BEGAN
    _write(root, "train", range(first))
    _write(root, "val", range(200, 202))
    for number, (_, count) in enumerate(ADDED, start=1):
        _write(_waiting(root, number), "train", range(first, first + count))
        first += count
    return root


def _write(root: Path, split: Any, numbers: range) -> None:
    """Their names are in no order that the numbers are in, so that only the addition decides which come last."""
    for number in numbers:
        frames = [np.full((SIDE, SIDE, 3), number, dtype=np.uint8)] * FRAMES
        truth = np.full((3 * SIDE, 3 * SIDE, 3), number, dtype=np.uint8)
        write_pair(DatasetFolder(root), split, f"{number * 7 % 10}_{number:03}.png", frames, truth)


def _waiting(root: Path, number: int) -> Path:
    return root / f".waiting-{number}"


def appear(root: Path, step: int) -> None:
    """What is added after this step, unless it is there already."""
    for number, (after, _) in enumerate(ADDED, start=1):
        if step == after and _waiting(root, number).exists():
            addition_folder(root, number).parent.mkdir(exist_ok=True)
            _waiting(root, number).rename(addition_folder(root, number))


def train(run: Path, data: Path, workers: int, steps: int) -> None:
    """To the end, noting what each step took; the notes of a killed one stay."""
    drawn, next_step = list[int](), TrainingStream.next_step

    def noted(stream: TrainingStream) -> list[Batch]:
        step = next_step(stream)
        drawn[:] = [int(number) for batch in step for number in batch.ground_truth[:, 0, 0, 0]]
        return step

    TrainingStream.next_step = noted  # type: ignore[assignment, method-assign]
    start: Any = "resume" if RunFolder(run).checkpoint_infos() else "fresh"
    settings = {**SETTINGS, "data.workers": workers, "training.max_steps": steps}
    with _notes(run).open("ab", buffering=0) as notes:
        for event in open_session(run, data, start=start, overrides=settings).events(CommandQueue()):
            if isinstance(event, ev.StepReported):
                notes.write(f"{event.step} {event.epoch} {' '.join(map(str, drawn))}\n".encode())
                appear(data, event.step)
            elif isinstance(event, ev.SessionFailed):
                raise SystemExit(event.error)


def _notes(run: Path) -> Path:
    return run.with_suffix(".notes")


def seen(run: Path) -> dict[int, Seen]:
    """What each step took, the last time that it was taken; a line that a kill has torn is not one."""
    lines = _notes(run).read_text().split("\n")[:-1] if _notes(run).exists() else []
    rows = [[int(word) for word in line.split()] for line in lines]
    return {step: Seen(step, epoch, tuple(pairs)) for step, epoch, *pairs in rows}


def child(run: Path, data: Path, workers: int, steps: int) -> "subprocess.Popen[str]":
    words = ["-m", "tests.faults.growing", "train", *map(str, (run, data, workers, steps))]
    return started([sys.executable, *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def finished(process: "subprocess.Popen[str]") -> str:
    """What it said of a failure; nothing where there was none."""
    _, said = process.communicate(timeout=START_SECONDS)
    return said if process.returncode else ""


def kill(process: "subprocess.Popen[str]", run: Path, moment: int) -> None:
    """Once step ``moment`` was seen."""
    end = time.monotonic() + START_SECONDS
    with process:
        while max(seen(run), default=0) < moment:
            assert process.poll() is None and time.monotonic() < end, f"the run does not come to step {moment}"
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)


def fault(run: Path, whole: Path) -> str:
    """What is wrong with a run that was killed and resumed, beside one that was not; or nothing."""
    steps, undisturbed = seen(run), seen(whole)
    if other := [step for step in undisturbed if steps.get(step) != undisturbed[step]]:
        return f"step {other[0]} took {steps.get(other[0])}, not {undisturbed[other[0]]}"
    last = max(step.epoch for step in undisturbed.values())
    for epoch, count in EPOCHS.items():
        if epoch >= last:
            break
        pairs = sorted(number for step in steps.values() if step.epoch == epoch for number in step.pairs)
        if pairs != list(range(count)):
            return f"epoch {epoch} took {pairs}, not each of {count} once"
    name = RunFolder(whole).checkpoint_infos()[0].name
    one, two = (checkpoints.load(path / name) for path in (run, whole))
    parts = {name: part for name, part in two.items() if name != "config"}  # which names the dataset
    different = [name for name, part in parts.items() if not is_same(part, one.get(name))]
    return f"ends with other {', '.join(different)}" if different else ""


def campaign(folder: Path, moments: Sequence[int] = MOMENTS, steps: int = STEPS) -> Tally:
    tally, whole = Tally("growing"), folder / "whole"
    if failed := finished(child(whole, write_growing(folder / "data-whole"), 0, steps)):
        tally.failed(failed)
    for number, moment in enumerate(moments):
        workers, run, data = 2 * (number % 2), folder / f"{moment}", write_growing(folder / f"data-{moment}")
        kill(child(run, data, workers, steps), run, moment)
        reached = max(seen(run))
        wrong = finished(child(run, data, workers, steps)) or fault(run, whole)
        if wrong:
            tally.failed(f"killed after step {reached}, {workers} workers: {wrong}")
        else:
            tally.held(f"{workers} workers")
        shutil.rmtree(data)
    return tally


def main() -> None:
    if sys.argv[1:2] == ["train"]:
        run, data, workers, steps = sys.argv[2:]
        train(Path(run), Path(data), int(workers), int(steps))
        return
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(not campaign(Path(folder), [int(word) for word in sys.argv[1:]] or MOMENTS).tell())


if __name__ == "__main__":
    main()
