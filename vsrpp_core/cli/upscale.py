"""What ``vsrpp upscale`` shows: how far it is, how fast, how long it will take, and how to go on after an end.

Separate from console.py because the options of a job that lasts days are many.
"""

import argparse
import os
import time
from collections import deque
from contextlib import closing
from threading import Event
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress, TaskID

from vsrpp_core.cli.console import (
    EXIT_DONE,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    PLAIN_SECONDS,
    clock,
    on_signals,
    progress_line,
    same_command,
)
from vsrpp_core.errors import UsageError
from vsrpp_core.messages.events import WarningRaised
from vsrpp_core.sinks.describe import describe

if TYPE_CHECKING:
    from vsrpp_core.apply.upscale.job_events import UpscaleEvent, UpscaleProgress
    from vsrpp_core.apply.upscale.jobs import Options

SPEED_SECONDS = 60.0
"""The speed shown is the mean over so long: a scene of a film is not faster than another."""


def show_upscaling(options: argparse.Namespace) -> int:
    os.environ.setdefault("SVT_LOG", "1")  # errors only; it would write onto the screen
    from vsrpp_core.apply.upscale.job_events import UpscaleFailed, UpscaleFinished
    from vsrpp_core.apply.upscale.jobs import plan
    from vsrpp_core.apply.upscale.upscale import upscale

    planned = plan(options.sources, options.out, options.png, options.overwrite)
    settings, stopping, ended, failed = _settings(options), Event(), 0, 0
    console = Console()
    # after a signal the picture at hand is finished; a second Ctrl-C costs no more, for what counts is on the disk
    with progress_line(console) as progress, on_signals(stopping.set):
        view = _View(console, progress)
        for out in planned.skipped:
            view.say(f"{out} is there already, so it is left as it is; --overwrite makes it again")
        with closing(upscale(options.checkpoint, planned.jobs, settings)) as events:
            for event in events:
                view.show(event)
                failed += isinstance(event, UpscaleFailed)
                ended += isinstance(event, UpscaleFailed | UpscaleFinished)
                if stopping.is_set():
                    break
    if stopping.is_set() and ended < len(planned.jobs):
        view.say(f"stopped; what is finished stays. Go on with: {same_command()}")
        return EXIT_INTERRUPTED
    return EXIT_FAILED if failed else EXIT_DONE


def _settings(options: argparse.Namespace) -> "Options":
    from vsrpp_core.apply.upscale.encoding import EncodingRequest
    from vsrpp_core.apply.upscale.jobs import Options, read_length, read_rate, read_seconds
    from vsrpp_core.apply.upscale.source import Span

    length = None if options.preview is None else read_length("--preview", options.preview)
    start = 0.0 if options.start is None else read_seconds("--start", options.start)
    if options.tile < 0:
        raise UsageError(f"--tile {options.tile} is less than nothing; give a number of pixels, or 0")
    return Options(
        EncodingRequest(options.codec, options.crf, options.preset, options.pixels),
        options.precision,
        Span(start, length),
        None if options.fps is None else read_rate("--fps", options.fps),
        options.tile,
        read_length("--segment", options.segment),
        overwrite=options.overwrite,
        fresh=options.fresh,
        force=options.force,
        drop_tracks=options.drop_tracks,
    )


class _View:
    """Prints events as lines and keeps the progress line."""

    def __init__(self, console: Console, progress: Progress) -> None:
        self._console, self._progress = console, progress
        self._stage: tuple[str, str] | None = None
        self._task: TaskID | None = None
        self._speed = Speed()
        self._printed_at = time.monotonic()

    def say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def show(self, event: "UpscaleEvent") -> None:
        from vsrpp_core.apply.upscale import job_events as up

        match event:
            case up.UpscaleStarted():
                self.say(
                    f"{event.name}: {event.size}, {event.codec} {event.pixels}, on {event.device} in {event.precision}"
                    + (f"; goes on after {event.resumed_from:,} frames" if event.resumed_from else "")
                )
            case up.UpscaleProgress():
                self._advance(event)
            case up.UpscaleFinished(is_kept=True):
                self.say(f"{event.out} is finished, by an earlier call of this very job; --fresh makes it again")
            case up.UpscaleFinished():
                frames = event.frames - event.resumed_from
                rate = f", {frames / event.seconds:.2f} fps" if frames and event.seconds else ""
                self.say(f"{event.out}: {event.frames:,} frames in {clock(event.seconds)}{rate}")
            case up.UpscaleFailed():
                line = f"vsrpp: {event.name} is left out: {event.error}"
                Console(stderr=True).print(line, style="red", markup=False, highlight=False, soft_wrap=True)
            case WarningRaised():
                self.say(describe(event))

    def _advance(self, event: "UpscaleProgress") -> None:
        if self._stage != (event.name, event.stage):
            self._stage, self._speed = (event.name, event.stage), Speed()
            if self._task is not None:
                self._progress.remove_task(self._task)
            self._task = self._progress.add_task(f"{event.name}: {event.stage}", total=None, figures="")
        now = time.monotonic()
        self._speed.note(now, event.done)
        figures = "" if event.stage == "reading" else self._speed.figures(event.total)
        assert self._task is not None
        self._progress.update(self._task, completed=event.done, total=event.total or None, figures=figures)
        if not self._console.is_terminal and now - self._printed_at >= PLAIN_SECONDS:
            self._printed_at = now
            of = f" of {event.total:,}" if event.total else ""
            self.say(f"{event.name}: {event.stage}, frame {event.done:,}{of}  {figures}".rstrip())


class Speed:
    """Frames per second over the last minute, and what that means for the rest."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, now: float, done: int) -> None:
        self._seen.append((now, done))
        while len(self._seen) > 2 and now - self._seen[1][0] >= SPEED_SECONDS:
            self._seen.popleft()

    def figures(self, total: int) -> str:
        (begin, first), (end, last) = self._seen[0], self._seen[-1]
        if end <= begin or last <= first:
            return ""
        rate = (last - first) / (end - begin)
        return f"{rate:.2f} fps" + (f", {clock((total - last) / rate)} left" if total else "")
