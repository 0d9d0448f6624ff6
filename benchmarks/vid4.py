"""What two cores reach: the preset trained on a folder of clips for a given time and scored on Vid4's.

    make vid4 CLIPS=FOLDER [VID4=FOLDER]
    python benchmarks/vid4.py CLIPS VID4 [--keep vid4] [--minutes 20 120] [--seeds 1]

``CLIPS`` is a folder of videos to learn from, ``VID4`` one of folders of frames, such as ``walk`` and ``foliage``,
which are ground truth. ``vsrpp prepare`` makes the dataset once (480 lines, 288 pixels of ground truth, 340 places
tried a minute). A run lasts as long as it is given: its number of steps is set from its own pace while it trains, so
that its learning rate has fallen when the time is over. The same command goes on where an earlier one was ended.

Prints a table of PSNR, dB, and SSIM, mean over the frames: on Y and RGB, with the border and without 8 pixels of it,
bicubic beside each run. The last line is JSON, with seeds, steps, times and versions.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from vsrpp_core import __version__
from vsrpp_core.apply.evaluate import ClipScores, Options, compare, mean_scores
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages.commands import CommandQueue, SetParameter
from vsrpp_core.messages.events import Event, SessionEnded, SessionFailed, SessionStarted, StepReported
from vsrpp_core.messages.journal import replay
from vsrpp_core.network.metrics import Score
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.run.settings import Overrides
from vsrpp_core.session.session import open_session

BORDERS = (0, 8)
PREPARED: Overrides = {"height": 480, "patch": 288, "per-minute": 340}
SETTLED = 0.95
"""Share of the time after which the number of steps stays."""


def main() -> None:
    options = arguments()
    clips = sorted(path for path in options.vid4.iterdir() if path.is_dir()) if options.vid4.is_dir() else []
    if not clips:
        sys.exit(f"{options.vid4} holds no folders of frames; name Vid4's with VID4=FOLDER")
    data = options.keep / "data"
    prepare(options.clips, data)
    runs = {}
    for minutes in options.minutes:
        for seed in range(options.seeds):
            run = options.keep / f"{minutes:g}-minutes-{seed}"
            runs[run] = train(run, data, 60 * minutes, {"training.seed": seed})
    rows = {border: scores(list(runs), clips, border) for border in BORDERS}
    Console(width=130).print(table(rows))
    print(json.dumps(result(runs, rows)))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clips", type=Path)
    parser.add_argument("vid4", type=Path)
    parser.add_argument("--keep", type=Path, default=Path("vid4"), help="dataset and runs (default: vid4)")
    parser.add_argument("--minutes", type=float, nargs="+", default=[20.0, 120.0])
    parser.add_argument("--seeds", type=int, default=1)
    return parser.parse_args()


def prepare(clips: Path, data: Path) -> None:
    """As the same command resumes what was interrupted, the dataset's report tells that it is whole."""
    if (data / "report.txt").exists():
        return
    how = (part for key, value in PREPARED.items() for part in (f"--{key}", str(value)))
    subprocess.run([sys.executable, "-m", "vsrpp_core", "prepare", str(clips), "--out", str(data), *how], check=True)


# a run of so many seconds


def train(run: Path, data: Path, seconds: float, settings: Overrides) -> dict[str, Any]:
    """Train ``run`` for ``seconds`` in all, those of earlier sessions included; its steps and seconds."""
    checkpoints = RunFolder(run).checkpoint_infos()
    if not any(checkpoint.kind == "regular" for checkpoint in checkpoints):
        ended = train_on(run, data, seconds, settings, resume=bool(checkpoints))
        if isinstance(ended, SessionFailed):
            sys.exit(ended.error)
        if ended.reason == "stopped":
            sys.exit(f"{run} was stopped; the same command goes on with it")
    return {"steps": RunFolder(run).checkpoint_infos()[0].step, "seconds": round(spent(run))}


def train_on(run: Path, data: Path, seconds: float, settings: Overrides, resume: bool) -> SessionEnded | SessionFailed:
    queue, earlier = CommandQueue(), spent(run) if resume else 0.0
    try:
        session = open_session(
            run, None if resume else data, start="resume" if resume else "fresh", overrides={} if resume else settings
        )
    except VsrppError as error:
        sys.exit(str(error))
    plan: Plan | None = None
    for event in session.events(queue):
        if isinstance(event, SessionStarted):
            plan = Plan(event.time - earlier, seconds, event.max_steps)
        elif isinstance(event, StepReported) and plan and (steps := plan.revised(event.step, event.time)):
            queue.put(SetParameter("training.max_steps", steps))
        elif isinstance(event, SessionEnded | SessionFailed):
            return event
    raise AssertionError("the last event of a session is its end")


class Plan:
    """How many steps fit into ``seconds`` that began at ``begun``."""

    def __init__(self, begun: float, seconds: float, steps: int) -> None:
        self._begun, self._seconds, self._steps = begun, seconds, steps

    def revised(self, step: int, now: float) -> int:
        """The steps in all at the pace so far, where that is a percent more or fewer than planned before; else 0."""
        elapsed = now - self._begun
        if not self._seconds / 50 < elapsed < SETTLED * self._seconds:
            return 0
        steps = max(round(step * self._seconds / elapsed), step + 1)
        if abs(steps / self._steps - 1) < 0.01:
            return 0
        self._steps = steps
        return steps


def spent(run: Path) -> float:
    """Seconds of all sessions in a run's journal, without the pauses between them."""
    events: Iterator[Event] = replay(RunFolder(run).journal)
    return sum(later.time - event.time for event, later in pairwise(events) if not isinstance(later, SessionStarted))


# scores


def scores(runs: list[Path], clips: list[Path], border: int) -> dict[Path, list[ClipScores]]:
    """Of each run on each clip, and their mean."""
    rows: dict[Path, list[ClipScores]] = {run: [] for run in runs}
    newest = {run / RunFolder(run).checkpoint_infos()[0].name: run for run in runs}
    for checkpoint, step in compare(list(newest), clips, Options(border=border)):
        if isinstance(step, ClipScores):
            rows[newest[checkpoint]].append(step)
    return {run: [*own, mean_scores(own)] for run, own in rows.items()}


def table(rows: dict[int, dict[Path, list[ClipScores]]]) -> Table:
    """A line for bicubic and each run on each clip."""
    made = Table()
    for heading in ("clip", "", *(f"{colours}, border {border}" for colours in ("Y", "RGB") for border in BORDERS)):
        made.add_column(heading)
    first = next(iter(rows[0]))
    for index, row in enumerate(rows[0][first]):
        of_clip = [rows[border][first][index] for border in BORDERS]
        cells = [*(cell(c.bicubic_y) for c in of_clip), *(cell(c.bicubic_rgb) for c in of_clip)]
        made.add_row(row.clip, "bicubic", *cells)
        for run in rows[0]:
            of_clip = [rows[border][run][index] for border in BORDERS]
            made.add_row("", run.name, *(cell(c.ki_y) for c in of_clip), *(cell(c.ki_rgb) for c in of_clip))
        made.add_section()
    return made


def cell(score: Score) -> str:
    return f"{score.psnr:.2f} / {score.ssim:.4f}"


def result(runs: dict[Path, dict[str, Any]], rows: dict[int, dict[Path, list[ClipScores]]]) -> dict[str, Any]:
    """As JSON: the gain over bicubic on Y, border 0, beside what a reader needs to repeat it."""
    gains = {run.name: round(row[-1].ki_y.psnr - row[-1].bicubic_y.psnr, 3) for run, row in rows[0].items()}
    made = [{"run": run.name, **figures, "gain": gains[run.name]} for run, figures in runs.items()]
    versions = {"vsrpp": __version__, "torch": torch.__version__, "python": platform.python_version()}
    return {"benchmark": "vid4", "runs": made, "cores": os.cpu_count(), "threads": torch.get_num_threads(), **versions}


if __name__ == "__main__":
    main()
