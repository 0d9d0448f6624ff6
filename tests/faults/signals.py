"""End a training by signals and by closing its terminal: each time it saves its last step and says how it ended.

python -m tests.faults.signals 50                 trials, divided among the ways
"""

import fcntl
import os
import random
import signal
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.faults.kills import last_session, look, size, training, wait_for
from tests.faults.tally import Tally
from tests.helpers import TINY, write_dataset
from tests.preloaded import started
from vsrpp_core.messages import events as ev

TRIALS = 50
LONGEST = 1.0
"""Seconds of training before the signal, at most."""

ENDING_SECONDS = 60.0
STATUS = 130
SETTINGS = {**TINY, "training.max_steps": 1_000_000, "cadence.validate_every": 40, "cadence.recovery_minutes": 60}

Process = subprocess.Popen[str]
End = Callable[[Process, Path, int], None]
"""Of a training with its run's folder and the terminal that it writes to, from outside."""


def by_sigterm(process: Process, run: Path, terminal: int) -> None:
    process.send_signal(signal.SIGTERM)


def by_sighup(process: Process, run: Path, terminal: int) -> None:
    process.send_signal(signal.SIGHUP)


def by_closing_its_terminal(process: Process, run: Path, terminal: int) -> None:
    os.close(terminal)


def by_a_second_signal_in_the_save(process: Process, run: Path, terminal: int) -> None:
    known = size(run)
    process.send_signal(signal.SIGINT)
    wait_for('"stopping"', process, run, known)
    process.send_signal(signal.SIGINT)


WAYS: tuple[End, ...] = (by_sigterm, by_sighup, by_closing_its_terminal, by_a_second_signal_in_the_save)


def take_terminal() -> None:
    """Its own input is what a closed terminal closes; that is heard of also where the campaign runs under nohup."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def ended(run: Path, data: Path, seconds: float, end: End) -> int:
    """The status of a training that was ended ``seconds`` after its first step."""
    outside, inside = os.openpty()
    known = size(run)
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}  # as a user's is
    with started(
        training(run, data, SETTINGS),
        stdin=inside,
        stdout=inside,
        stderr=subprocess.DEVNULL,
        text=True,
        env=buffered,
        start_new_session=True,
        preexec_fn=take_terminal,
    ) as process:
        os.close(inside)
        try:
            wait_for('"StepReported"', process, run, known)
            time.sleep(seconds)
            end(process, run, outside)
            return process.wait(ENDING_SECONDS)
        finally:
            process.kill()
            if end is not by_closing_its_terminal:
                os.close(outside)


def campaign(folder: Path, trials: int, ways: Sequence[End] = WAYS) -> Tally:
    tally, data, chance = Tally("signals"), write_dataset(folder / "data"), random.Random(3)
    run, before = folder / "run", 0
    for number in range(trials):
        end = ways[number % len(ways)]
        name = end.__name__.replace("_", " ")
        try:
            status = ended(run, data, chance.uniform(0, LONGEST), end)
        except subprocess.TimeoutExpired:
            tally.failed(f"{name}: still there after {ENDING_SECONDS:g} s")
            continue
        left, last = look(run), last_session(run)[-1]
        if status != STATUS or not isinstance(last, ev.SessionEnded) or left.damaged or left.lost:
            tally.failed(f"{name}: status {status}, {type(last).__name__}, {left}")
        elif left.resumed_from != before:
            tally.failed(f"{name}: went on from step {left.resumed_from}, not {before}")
        else:
            tally.held(name)
        before = left.resumable
    return tally


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(not campaign(Path(folder), int(sys.argv[1]) if len(sys.argv) > 1 else TRIALS).tell())


if __name__ == "__main__":
    main()
