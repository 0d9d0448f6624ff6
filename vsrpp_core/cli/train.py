"""What the command line shows while it works: lines that stay, and on a terminal one calm line of progress."""

import json
import math
import time
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    Progress,
    TaskID,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from vsrpp_core.cli.console import (
    EXIT_DONE,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    PLAIN_SECONDS,
    StageLine,
    on_signals,
    progress_line,
)
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.commands import CommandQueue, Stop
from vsrpp_core.run.files import write_text_atomically
from vsrpp_core.run.folder import BEST_NAME, RunFolder
from vsrpp_core.sinks.describe import describe

if TYPE_CHECKING:
    from vsrpp_core.apply.evaluate import Options
    from vsrpp_core.session.session import Session


# training


def run_session(session: "Session") -> int:
    """Run a session to its end, printing what happens.

    Ctrl-C, SIGTERM and SIGHUP save and end it (status 130); so does the loss of who reads the output.
    """
    console, commands, outcome = _Console(), CommandQueue(), _Outcome()
    with _stop_on_signals(commands), closing(session.events(commands)) as events:
        try:
            with progress_line(console, TimeRemainingColumn()) as progress:
                view = _TrainingView(console, progress)
                for event in events:
                    outcome.note(event)
                    view.show(event)
            console.print(*outcome.farewell(session.folder), sep="\n", markup=False, highlight=False, soft_wrap=True)
        except OSError:  # of the console alone: a session tells its faults as events
            commands.put(Stop())
            for event in events:
                outcome.note(event)
    return outcome.status


def follow_session(session: "Session", rank: int) -> int:
    """Take part in a session that the first rank tells of; only a failure of this one is printed."""
    commands, outcome = CommandQueue(), _Outcome()
    with _stop_on_signals(commands), closing(session.events(commands)) as events:
        for event in events:
            outcome.note(event)
            if isinstance(event, ev.SessionFailed):
                line = f"rank {rank}: {describe(event)}"
                Console(stderr=True).print(line, style="red", markup=False, highlight=False, soft_wrap=True)
    return outcome.status


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Let the caller know; rich would end the program on the spot."""
        raise BrokenPipeError


class _Outcome:
    """How a session ended."""

    def __init__(self) -> None:
        self._end: ev.SessionEnded | None = None

    def note(self, event: ev.Event) -> None:
        if isinstance(event, ev.SessionEnded):
            self._end = event

    @property
    def status(self) -> int:
        if self._end is None:
            return EXIT_FAILED
        return EXIT_DONE if self._end.reason == "completed" else EXIT_INTERRUPTED

    def farewell(self, folder: RunFolder) -> list[str]:
        """What can be done with the run now."""
        if self._end is None or not self._end.checkpoint:
            return []
        if self._end.reason == "stopped":
            return [f"go on with: vsrpp train {folder.path} --resume"]
        best = folder.path / BEST_NAME
        return [f"score it with: vsrpp evaluate {best if best.exists() else folder.path / self._end.checkpoint} CLIP"]


class _TrainingView:
    """Prints events as lines and keeps the progress line."""

    def __init__(self, console: Console, progress: Progress) -> None:
        self._console, self._progress = console, progress
        self._preparing: StageLine | None = None
        self._task: TaskID | None = None
        self._max_steps = 0
        self._printed_at = 0.0

    def show(self, event: ev.Event) -> None:
        line = describe(event)
        if line:
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)
        match event:
            case ev.PreparationProgressed():
                self._preparing = self._preparing or StageLine(self._console, self._progress, event.task)
                self._preparing.show(event.task, event.done, event.total)
            case ev.SessionStarted():
                if self._preparing:
                    self._preparing.end()
                self._max_steps = event.max_steps
                self._task = self._progress.add_task(
                    "training", total=event.max_steps, completed=event.step, figures=""
                )
            case ev.ParameterChanged(key="training.max_steps") if self._task is not None:
                self._max_steps = int(event.new)
                self._progress.update(self._task, total=self._max_steps)
            case ev.PhaseChanged() if self._task is not None:
                self._progress.update(self._task, description=event.phase)
            case ev.StepReported():
                self._step(event)

    def _step(self, event: ev.StepReported) -> None:
        figures = f"loss {event.loss_total:.4f}  {event.seconds_per_step:.2f} s/step"
        if self._task is not None:
            self._progress.update(self._task, completed=event.step, figures=figures)
        now = time.monotonic()
        if not self._console.is_terminal and now - self._printed_at >= PLAIN_SECONDS:
            self._printed_at = now
            self._console.print(f"step {event.step:,} of {self._max_steps:,}  {figures}", highlight=False)


def _stop_on_signals(commands: CommandQueue) -> AbstractContextManager[None]:
    """The first signal asks the session to stop after its step."""
    return on_signals(lambda: commands.put(Stop()))


def show_config(run: Path | None) -> int:
    """Every setting of a run: its value, the line of config.toml it is from, its default, what it means and may be.

    Of one that shares its line with others, in braces, only the file is named.
    Without a run the defaults; VsrppError where ``run`` is none.
    """
    from vsrpp_core.run.config import RunConfig
    from vsrpp_core.run.settings import line_of, read_toml

    console, config, text, written = Console(), RunConfig(), "", set[str]()
    if run is not None:
        file = RunFolder(run).config
        if not file.is_file():
            what = "has no config.toml, so it is no run" if run.is_dir() else "does not exist"
            raise VsrppError(f"{run} {what}; name a run's folder, or none to list the defaults")
        document, text = read_toml(file)
        config = RunConfig.from_mapping(document, source=str(file), text=text)
        written = {f"{section}.{name}" for section, table in document.items() for name in table}
    table = Table(box=None, pad_edge=False)
    for heading in ("setting", "value", "source", "default", "meaning"):
        table.add_column(heading, overflow="fold")
    for setting in config.settings():
        line = line_of(tuple(setting.key.split(".")), text)
        default = "" if setting.value == setting.default else json.dumps(setting.default)
        meaning = f"{setting.description} ({setting.range})" if setting.range else setting.description
        value = Text(json.dumps(setting.value), "bold" if default else "")
        source = f"line {line}" if line else "config.toml" if setting.key in written else "default"
        table.add_row(setting.key, value, source, default, Text(meaning, "dim"))
    console.print(table)
    return EXIT_DONE


# use


def show_evaluation(
    checkpoints: list[Path], clips: list[Path], options: "Options", as_json: bool, out: Path | None
) -> int:
    """A table of PSNR and SSIM, Y and RGB, per clip and mean, beside bicubic; or the same figures as one JSON line.

    With ``out`` they are written there too, as CSV.
    """
    from vsrpp_core.apply.evaluate import ClipScores, compare
    from vsrpp_core.apply.score_report import Report

    console, report = Console(), Report(checkpoints, options)
    with progress_line(console, TimeRemainingColumn()) as progress:
        line = StageLine(console, progress, "evaluating")
        for checkpoint, step in compare(checkpoints, clips, options):
            if isinstance(step, ClipScores):
                report.add(checkpoint, step)
            elif isinstance(step, ev.WarningRaised):
                Console(stderr=True).print(describe(step), markup=False, highlight=False, soft_wrap=True)
            else:
                line.show(step.clip, step.done, step.total, checkpoint.name if len(checkpoints) > 1 else "")
    if as_json:
        console.print(report.json(), markup=False, highlight=False, soft_wrap=True)
    else:
        console.print(report.table())
    if out:
        _write_report(report.csv(), out)
    return EXIT_DONE


def _write_report(text: str, out: Path) -> None:
    try:
        write_text_atomically(out, text)
    except OSError as error:
        raise VsrppError(f"{out} could not be written ({error.strerror}); name another place") from None


def show_export(checkpoint: Path, out: Path, overwrite: bool) -> int:
    """Write a network for other programs, and tell what it is and how well it agrees."""
    from vsrpp_core.apply.export import export

    made = export(checkpoint, out, overwrite)
    network = made.network
    weights = "the moving average of the weights" if network.is_average else "the raw weights"
    lines = [
        f"wrote {out}, {made.size / 1e6:.1f} MB: {network.n_feats} feature maps, {network.n_blocks} blocks, "
        f"{network.n_frames} frames, {weights} at step {network.step:,}"
    ]
    if not math.isnan(made.difference):
        lines.append(f"onnxruntime and torch agree: largest difference {made.difference:.1e}")
    Console().print(*lines, sep="\n", markup=False, highlight=False, soft_wrap=True)
    return EXIT_DONE
