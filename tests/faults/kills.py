"""Kill a training run at random moments, again and again, and see whether each time it goes on from where it may.

make faults                      30 kills, ten of them while every step is saved
python -m tests.faults.kills 5   fewer

Prints one JSON line. A kill is SIGKILL: nothing of the program runs after it.
"""

import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tests.helpers import TINY, write_dataset
from vsrpp_core.checkpoint import checkpoints
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages import events as ev
from vsrpp_core.messages import journal
from vsrpp_core.run.folder import BEST_NAME, RunFolder
from vsrpp_core.run.settings import Overrides

KILLS, IN_SAVES = 30, 10
START_SECONDS = 120.0
LONGEST = 2.0
"""Seconds of training before a kill, at most."""

SETTINGS = {
    **TINY,
    "training.max_steps": 1_000_000,
    "cadence.validate_every": 40,
    "cadence.checkpoint_every": 50,
    "cadence.best_from": 0,
    "cadence.best_until": 49,
    "cadence.recovery_minutes": 0.01,
}
SAVING = {**SETTINGS, "cadence.checkpoint_every": 1, "cadence.best_until": 0}
"""A checkpoint after every step: most of the time is spent saving, and most kills fall into a save."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one kill left. ``damaged`` names files under a final name that cannot be read."""

    resumed_from: int
    """The step that the killed session had gone on from; 0 for one that was begun fresh."""
    reached: int
    resumable: int
    damaged: tuple[str, ...]
    misnamed: str = ""
    """What is wrong with the best link, or empty."""

    @property
    def lost(self) -> int:
        """Steps that have to be trained again."""
        return self.reached - self.resumable


def kill_once(run: Path, data: Path, seconds: float, settings: Overrides) -> Outcome:
    """Start or resume the run, kill it ``seconds`` after its first step, and look at what is there."""
    known = _steps(run)
    command = [sys.executable, "-m", "vsrpp_core", "train", str(run), "--data", str(data)]
    command += ["--resume"] if RunFolder(run).checkpoint_infos() else ["--fresh"]
    command += [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            _wait_for_a_step(process, run, known)
            time.sleep(seconds)
        finally:
            process.send_signal(signal.SIGKILL)
    return look(run)


def look(run: Path) -> Outcome:
    """How far the run had come, from where it can go on, and what is broken."""
    damaged, steps = [], [0]
    for path in [*run.glob("checkpoint_*.pth"), *run.glob("checkpoint_*.json")]:
        try:
            if path.suffix == ".pth":
                steps.append(checkpoints.load(path)["progress"]["step"])
            else:
                json.loads(path.read_text())
        except (VsrppError, ValueError) as error:
            damaged.append(f"{path.name}: {error}")
    return Outcome(_begun_at(run), _last_step(run), max(steps), tuple(damaged), misnamed_best(run))


def misnamed_best(run: Path) -> str:
    """Where the best link names another file than that of the best step. Of the newest checkpoint it may: it was killed
    before it could be named, and the next session does that."""
    newest, *_ = [*RunFolder(run).checkpoint_infos(), None]
    best, link = RunFolder(run).checkpoint(newest.best_step if newest else 0), run / BEST_NAME
    if newest is None or newest.best_step in (0, newest.step) or not best.is_file():
        return ""
    named = link.readlink().name if link.is_symlink() else "nothing"
    return "" if named == best.name else f"{BEST_NAME} names {named}, and {best.name} is the best"


def _begun_at(run: Path) -> int:
    """Where the last session in the journal went on from; 0 for a fresh one."""
    started = [event for event in journal.replay(run / "events.jsonl") if isinstance(event, ev.SessionStarted)]
    return started[-1].step if started and started[-1].resumed_from else 0


def _steps(run: Path) -> int:
    return sum(isinstance(event, ev.StepReported) for event in journal.replay(run / "events.jsonl"))


def _last_step(run: Path) -> int:
    """Of the last session in the journal."""
    last = 0
    for event in journal.replay(run / "events.jsonl"):
        if isinstance(event, ev.SessionStarted | ev.StepReported):
            last = event.step
    return last


def _wait_for_a_step(process: "subprocess.Popen[str]", run: Path, known: int) -> None:
    end = time.monotonic() + START_SECONDS
    while _steps(run) <= known:
        if process.poll() is not None:
            raise AssertionError(f"the run does not start: {process.stderr.read() if process.stderr else ''}")
        assert time.monotonic() < end, f"no step within {START_SECONDS} s"
        time.sleep(0.02)


def campaign(folder: Path, kills: int, in_saves: int) -> Iterator[Outcome]:
    """A run killed ``kills`` times, the last ``in_saves`` while every step is saved; and once after them all."""
    data, chance = write_dataset(folder / "data"), random.Random(1)
    for number in range(kills + 1):
        settings = SETTINGS if number < kills - in_saves else SAVING
        yield kill_once(folder / "run", data, chance.uniform(0, LONGEST), settings)


def main() -> None:
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else KILLS
    with tempfile.TemporaryDirectory() as folder:
        outcomes = []
        for outcome in campaign(Path(folder), kills, min(IN_SAVES, kills // 3)):
            outcomes.append(outcome)
            sys.stderr.write(f"{outcome}\n")
        result = {
            "faults": "kills",
            "tried": kills,
            "held": sum(after.resumed_from == before.resumable > 0 for before, after in pairwise(outcomes)),
            "resumable": sum(outcome.resumable > 0 for outcome in outcomes[:-1]),
            "misnamed_best": sum(bool(outcome.misnamed) for outcome in outcomes),
            "damaged_files": sum(len(outcome.damaged) for outcome in outcomes),
            "steps_lost_at_most": max(outcome.lost for outcome in outcomes),
            "steps_reached": outcomes[-1].reached,
        }
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
