"""Kill one of two ranks at random moments; torchrun starts both again, and the run goes on. At last it is stopped.

python -m tests.faults.rank_kills        6 kills
python -m tests.faults.rank_kills 40     more

A kill is SIGKILL. Where it was the second rank the first saves what it has, and no step that was reported is lost.
"""

import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from tests.faults.kills import LONGEST, RECOVERY, SETTINGS, START_SECONDS
from tests.faults.tally import Tally
from tests.helpers import write_dataset
from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import events as ev
from vsrpp_core.messages import journal
from vsrpp_core.remote.link import ask
from vsrpp_core.run.folder import RunFolder

KILLS = 6


def train(run: Path, data: Path, restarts: int) -> "subprocess.Popen[bytes]":
    """Two ranks, by the command of the beginning at every start."""
    launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--max-restarts", str(restarts)]
    words = ["-m", "vsrpp_core", "train", str(run), "--data", str(data), "--fresh"]
    settings = [f"--set={key}={value}" for key, value in SETTINGS.items()]
    log = (run.parent / "ranks.log").open("ab")
    return subprocess.Popen([sys.executable, "-m", *launcher, *words, *settings], stdout=log, stderr=log)


def wait_for_session(folder: RunFolder, number: int) -> list[ev.Event]:
    """The journal once its session ``number``, counted from 1, has reported a step."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        events = list(journal.replay(folder.journal)) if folder.journal.exists() else []
        starts = [place for place, event in enumerate(events) if isinstance(event, ev.SessionStarted)]
        if len(starts) == number and any(isinstance(event, ev.StepReported) for event in events[starts[-1] :]):
            return events
        time.sleep(0.1)
    raise AssertionError(f"session {number} does not begin within {START_SECONDS} s")


def rank(launcher: int, number: int) -> psutil.Process:
    """The process of this rank."""
    return next(p for p in psutil.Process(launcher).children() if p.environ().get("RANK") == str(number))


def fault(events: list[ev.Event], killed: int) -> str:
    """What is wrong with how the last session went on; or nothing."""
    place = max(place for place, event in enumerate(events) if isinstance(event, ev.SessionStarted))
    started = events[place]
    assert isinstance(started, ev.SessionStarted)
    reported = [event for event in events[:place] if isinstance(event, ev.StepReported)]
    lost = [event.time for event in reported if event.step > started.step]
    if killed and lost:
        return f"{len(lost)} steps are lost, though the first rank could save"
    seconds = lost[-1] - lost[0] if lost else 0.0
    return f"{seconds:.1f} s are lost" if seconds > 60 * RECOVERY + LONGEST else ""


def campaign(where: Path, kills: int) -> Tally:
    tally, chance = Tally("rank_kills"), random.Random(1)
    folder, data = RunFolder(where / "run"), write_dataset(where / "data")
    with train(folder.path, data, kills) as launcher:
        try:
            wait_for_session(folder, 1)
            for number in range(1, kills + 1):
                time.sleep(chance.uniform(0, LONGEST))
                killed = number % 2
                rank(launcher.pid, killed).send_signal(signal.SIGKILL)
                if wrong := fault(wait_for_session(folder, number + 1), killed):
                    tally.failed(wrong)
                else:
                    tally.held("the second" if killed else "the first")
            ask(folder, cmd.Stop(), START_SECONDS)
            if status := launcher.wait(START_SECONDS):
                tally.failed(f"torchrun ended with {status} though the run was stopped")
            else:
                tally.held("stopped")
        finally:
            launcher.terminate()
    return tally


def main() -> None:
    with tempfile.TemporaryDirectory() as where:
        sys.exit(not campaign(Path(where), int(sys.argv[1]) if len(sys.argv) > 1 else KILLS).tell())


if __name__ == "__main__":
    main()
