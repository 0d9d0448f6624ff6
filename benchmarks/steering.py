"""What it takes to steer a run from outside: from a command to its answer, and what watchers cost the training.

The demo's network on this machine's cores. Commands are notes, which a session answers at once, in its own process and
through the run's socket; then ten watchers, as an attached screen has them, and none, in turns. Prints one JSON line:
milliseconds (median and worst), and the CPU seconds of a step with watchers over those without.
"""

import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

import psutil

from benchmarks.rig.demo import demo_run, trained
from benchmarks.rig.ending import signals_unwind
from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import events as ev
from vsrpp_core.remote.link import ask
from vsrpp_core.remote.standing import standing_of
from vsrpp_core.run.folder import RunFolder

COMMANDS, WATCHERS, ROUNDS, ROUND_SECONDS = 40, 10, 3, 15.0
LONGEST_PAUSE = 0.5
"""Seconds before a command: one that follows at once finds the trainer between the same two steps."""

WATCH = """
import sys, time
from pathlib import Path
from vsrpp_core.run.folder import RunFolder
from vsrpp_tui.threads.follower import Follower
from vsrpp_tui.threads.orders import Orders
folder = RunFolder(Path(sys.argv[1]))
follower = Follower(folder)
follower.start()
Orders(folder, follower).start()
time.sleep(3600)
"""


def main() -> None:
    with signals_unwind(), tempfile.TemporaryDirectory() as place:
        run, data = demo_run(Path(place))
        inside = _inside(run, data)
        with trained(run) as folder:
            outside = [_milliseconds(lambda: ask(folder, cmd.Mark("x"), 60)) for _ in range(COMMANDS)]
            cost = _cost(folder)
    figures = {
        "inside_ms": _summary(inside),
        "outside_ms": _summary(outside),
        "step_ms": round(1000 * cost[2]),
        "cpu_with_watchers": round(cost[0] / cost[1], 3),
    }
    print(json.dumps({"benchmark": "steering", "watchers": WATCHERS, **figures}))


def _summary(values: list[float]) -> dict[str, float]:
    return {"median": round(statistics.median(values), 1), "worst": round(max(values), 1)}


def _milliseconds(work: Callable[[], object]) -> float:
    time.sleep(random.uniform(0, LONGEST_PAUSE))
    begun = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - begun)


def _inside(run: Path, data: Path) -> list[float]:
    """A session in a thread, as the application has it, ended after the measurement."""
    from vsrpp_core.session.session import open_session

    commands, answered = cmd.CommandQueue(), SimpleQueue[None]()
    begun = SimpleQueue[None]()

    def train() -> None:
        for event in open_session(run, data, start="fresh").events(commands):
            if isinstance(event, ev.StepReported):
                begun.put(None)
            elif isinstance(event, ev.CommandAnswered):
                answered.put(None)

    def give() -> None:
        commands.put(cmd.Mark("x"))
        answered.get()

    thread = Thread(target=train)
    thread.start()
    begun.get()
    try:
        return [_milliseconds(give) for _ in range(COMMANDS)]
    finally:
        commands.put(cmd.Stop())
        thread.join()


def _cost(folder: RunFolder) -> tuple[float, float, float]:
    """CPU seconds of a step with watchers and without, medians of rounds in turns; and seconds of a step."""
    trainer = psutil.Process(folder.owner())
    rounds: dict[bool, list[float]] = {True: [], False: []}
    pace = []
    for place in range(2 * ROUNDS):
        is_watched = place % 2 == 1
        command = [sys.executable, "-c", WATCH, str(folder.path)]
        watchers = [subprocess.Popen(command) for _ in range(WATCHERS if is_watched else 0)]
        try:
            time.sleep(5 if is_watched else 0)  # they read what was before
            before, step, begun = trainer.cpu_times(), standing_of(folder).step, time.monotonic()
            time.sleep(ROUND_SECONDS)
            after, steps = trainer.cpu_times(), standing_of(folder).step - step
        finally:
            for watcher in watchers:
                watcher.kill()
                watcher.wait()
        rounds[is_watched].append((after.user + after.system - before.user - before.system) / steps)
        pace.append((time.monotonic() - begun) / steps)
    return statistics.median(rounds[True]), statistics.median(rounds[False]), statistics.median(pace)


if __name__ == "__main__":
    main()
