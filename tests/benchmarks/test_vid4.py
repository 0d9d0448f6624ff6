"""A run of so many seconds ends when they are over, however fast the machine is and however often it was ended."""

import math
from pathlib import Path

from rich.console import Console

from benchmarks.vid4 import BORDERS, Plan, result, spent, table
from tests.helpers import make_event
from vsrpp_core.apply.evaluate import ClipScores
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.journal import JournalWriter
from vsrpp_core.network.metrics import Score
from vsrpp_core.run.folder import RunFolder


def ended(pace: float, slower: float = 1.0) -> tuple[float, int]:
    """When a run of 1,000 s ends, and how often its steps were revised; half-way a step becomes ``slower``."""
    plan, steps, now, changes, step = Plan(50.0, 1000.0, 10_000), 10_000, 50.0, 0, 0
    while step < steps:
        step, now = step + 1, now + pace * (slower if step > 500 / pace else 1)
        if revised := plan.revised(step, now):
            steps, changes = revised, changes + 1
    return now - 50, changes


def test_a_run_ends_when_its_time_is_over() -> None:
    for pace, slower in ((0.2, 1.0), (0.05, 1.0), (0.2, 2.0)):
        seconds, changes = ended(pace, slower)
        assert math.isclose(seconds, 1000, rel_tol=0.04) and changes < 60, (pace, slower)


def test_pauses_between_sessions_are_not_training(tmp_path: Path) -> None:
    journal = JournalWriter(RunFolder(tmp_path).journal, 1)
    for begun in (100.0, 5_000.0):
        journal.handle(make_event(ev.SessionStarted, time=begun))
        journal.handle(make_event(ev.StepReported, time=begun + 40))
        journal.handle(make_event(ev.SessionEnded, time=begun + 60, reason="stopped"))
    journal.close()
    assert spent(tmp_path) == 120


def test_the_table_has_bicubic_beside_each_run_and_the_result_its_gain() -> None:
    run = Path("20-minutes-0")
    scored = [
        ClipScores(clip, 2, *(Score(psnr, 0.8) for psnr in (28.0, 30.0, 27.0, 28.5))) for clip in ("walk", "mean")
    ]
    rows = {border: {run: scored} for border in BORDERS}
    console = Console(width=200)
    with console.capture() as captured:
        console.print(table(rows))
    lines = captured.get().splitlines()
    assert sum("bicubic" in line for line in lines) == sum("20-minutes-0" in line for line in lines) == 2
    (found,) = result({run: {"steps": 9, "seconds": 1200}}, rows)["runs"]
    assert found == {"run": "20-minutes-0", "steps": 9, "seconds": 1200, "gain": 2.0}
