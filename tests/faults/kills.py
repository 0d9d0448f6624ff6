"""Kill a training run at random moments, again and again, and see whether each time it goes on from where it may.

make faults                            30 kills, half of them inside a save
python -m tests.faults.kills 200 100   more

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

from tests.faults.tally import Tally
from tests.helpers import TINY, write_dataset
from tests.preloaded import started
from vsrpp_core.checkpoint import checkpoints
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages import events as ev
from vsrpp_core.messages import journal
from vsrpp_core.run.folder import BEST_NAME, RunFolder
from vsrpp_core.run.settings import Overrides

KILLS = 30
START_SECONDS = 120.0
LONGEST, LONGEST_SAVE = 2.0, 0.01
"""Seconds of training before a kill, at most, and of a save."""

JOURNAL = "events.jsonl"

RECOVERY = 0.01
"""Minutes; what is lost at most, and the time that a save takes."""

SETTINGS = {
    **TINY,
    "training.max_steps": 1_000_000,
    "cadence.validate_every": 40,
    "cadence.checkpoint_every": 50,
    "cadence.best_from": 0,
    "cadence.best_until": 49,
    "cadence.recovery_minutes": RECOVERY,
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
    in_save: bool = False
    seconds_lost: float = 0.0
    """Between the step that can be resumed and the last one."""

    @property
    def lost(self) -> int:
        """Steps that have to be trained again."""
        return self.reached - self.resumable


def kill_once(run: Path, data: Path, seconds: float, settings: Overrides, in_save: bool = False) -> Outcome:
    """Start or resume the run, kill it ``seconds`` after its first step, and look at what is there.

    ``in_save``: after a tenth of that, then in its next save, after the same part of ``LONGEST_SAVE``.
    """
    known = size(run)
    command = training(run, data, settings)
    with started(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_for('"StepReported"', process, run, known)
            time.sleep(seconds / 10 if in_save else seconds)
            if in_save:
                wait_for('"saving"', process, run, size(run))
                time.sleep(seconds / LONGEST * LONGEST_SAVE)
        finally:
            process.send_signal(signal.SIGKILL)
    return look(run)


def training(run: Path, data: Path, settings: Overrides) -> list[str]:
    """The command that trains, from the newest checkpoint if there is one."""
    command = [sys.executable, "-m", "vsrpp_core", "train", str(run), "--data", str(data)]
    command += ["--resume"] if RunFolder(run).checkpoint_infos() else ["--fresh"]
    return [*command, *(part for key, value in settings.items() for part in ("--set", f"{key}={value}"))]


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
    started, *rest = last_session(run)
    assert isinstance(started, ev.SessionStarted)
    reported = [event for event in rest if isinstance(event, ev.StepReported)]
    lost = [event.time for event in reported if event.step > max(steps)]
    return Outcome(
        started.step if started.resumed_from else 0,
        max([started.step, *(event.step for event in reported)]),
        max(steps),
        tuple(damaged),
        misnamed_best(run),
        in_save=bool(rest) and isinstance(rest[-1], ev.PhaseChanged) and rest[-1].phase == "saving",
        seconds_lost=lost[-1] - lost[0] if lost else 0.0,
    )


def misnamed_best(run: Path) -> str:
    """Where the best link names another file than that of the best step. Of the newest checkpoint it may: it was killed
    before it could be named, and the next session does that."""
    newest, *_ = [*RunFolder(run).checkpoint_infos(), None]
    best, link = RunFolder(run).checkpoint(newest.best_step if newest else 0), run / BEST_NAME
    if newest is None or newest.best_step in (0, newest.step) or not best.is_file():
        return ""
    named = link.readlink().name if link.is_symlink() else "nothing"
    return "" if named == best.name else f"{BEST_NAME} names {named}, and {best.name} is the best"


def last_session(run: Path) -> list[ev.Event]:
    """Its events in the journal."""
    session: list[ev.Event] = []
    for event in journal.replay(run / JOURNAL):
        if isinstance(event, ev.SessionStarted):
            session.clear()
        session.append(event)
    return session


def size(run: Path) -> int:
    return (run / JOURNAL).stat().st_size if (run / JOURNAL).exists() else 0


def wait_for(words: str, process: "subprocess.Popen[str]", run: Path, known: int) -> None:
    """Until they stand in the journal, after its first ``known`` bytes."""
    end = time.monotonic() + START_SECONDS
    while not (run / JOURNAL).exists() or words.encode() not in (run / JOURNAL).read_bytes()[known:]:
        if process.poll() is not None:
            raise AssertionError(f"the run does not start: {process.stderr.read() if process.stderr else ''}")
        assert time.monotonic() < end, f"no {words} within {START_SECONDS} s"
        time.sleep(0.005 if known else 0.02)


def campaign(folder: Path, kills: int, in_saves: int) -> Iterator[Outcome]:
    """A run killed ``kills`` times, the last ``in_saves`` in a save; and once after them all."""
    data, chance = write_dataset(folder / "data"), random.Random(1)
    for number in range(kills + 1):
        in_save = number >= kills - in_saves
        settings = SAVING if in_save else SETTINGS
        yield kill_once(folder / "run", data, chance.uniform(0, LONGEST), settings, in_save)


def main() -> None:
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else KILLS
    in_saves = int(sys.argv[2]) if len(sys.argv) > 2 else kills // 2
    tally, outcomes = Tally("kills"), list[Outcome]()
    with tempfile.TemporaryDirectory() as folder:
        for outcome in campaign(Path(folder), kills, in_saves):
            outcomes.append(outcome)
            sys.stderr.write(f"{outcome}\n")
            for before, after in pairwise(outcomes[-2:]):
                if wrong := fault(before, after):
                    tally.failed(wrong)
                else:
                    tally.held("in a save" if before.in_save else "elsewhere")
    most = max(outcome.seconds_lost for outcome in outcomes)
    sys.stderr.write(f"{most:.1f} s lost at most, {outcomes[-1].reached:,} steps reached\n")
    sys.exit(not tally.tell())


def fault(killed: Outcome, after: Outcome) -> str:
    """What is wrong with what a kill left, and with how the next session went on; or nothing."""
    if killed.damaged or killed.misnamed:
        return f"cannot be read: {', '.join(killed.damaged)} {killed.misnamed}"
    if after.resumed_from != killed.resumable:
        return f"went on from step {after.resumed_from}, not {killed.resumable}"
    return f"{killed.seconds_lost:.1f} s are lost" if killed.seconds_lost > 60 * RECOVERY + LONGEST else ""


if __name__ == "__main__":
    main()
