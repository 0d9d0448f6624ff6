"""The thread of work besides training: upscaling, making a dataset, checking one.

Beside session.py the only module that runs the network, and it imports torch inside the thread.
"""

import os
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vsrpp_core.apply.upscale.job_events import UpscalePreview, UpscaleProgress
from vsrpp_core.data.check import CheckProgress, Problem, check
from vsrpp_core.data.quarantine import groups_to_move, move_aside
from vsrpp_core.errors import VsrppError, command
from vsrpp_core.messages.events import WarningRaised
from vsrpp_core.prepare.job.prepare_events import PrepareProgress
from vsrpp_tui.forms.prepare import PrepareRequest
from vsrpp_tui.forms.upscale import UpscaleRequest
from vsrpp_tui.state.check_job import MovedAside
from vsrpp_tui.state.job import JobEnded, JobFailed
from vsrpp_tui.state.upscale_job import FileState, UpscalePlanned
from vsrpp_tui.threads.background import EventThread, Mailbox

PROGRESS = (UpscalePlanned, UpscaleProgress, UpscalePreview, PrepareProgress, CheckProgress)
"""Events of which only the newest matters."""


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """``faults``: found by an earlier check; the pairs they name are moved aside first."""

    root: Path
    problems: tuple[Problem, ...] = ()

    @property
    def command(self) -> str:
        return command("vsrpp", "check", self.root)


JobRequest = UpscaleRequest | PrepareRequest | CheckRequest


Timed = tuple[Any, float]
"""An event of a job and when it happened, by the monotonic clock."""


class JobMailbox(Mailbox[Timed]):
    """Of progress only the newest event waits."""

    def replaces(self, new: Timed, last: Timed) -> bool:
        return type(new[0]) is type(last[0]) and isinstance(new[0], PROGRESS)


class Job(EventThread[Timed]):
    """Does one piece of work. Its last event is JobEnded or JobFailed."""

    def __init__(self, request: JobRequest) -> None:
        super().__init__("job", JobMailbox())
        self.request = request

    def events(self) -> Iterator[Timed]:
        with closing(_events(self.request)) as events:
            for event in events:
                yield event, time.monotonic()
                if self._stopping.is_set():
                    break
        yield JobEnded(stopped=self._stopping.is_set()), time.monotonic()

    def failure(self, message: str) -> Timed:
        return JobFailed(message), time.monotonic()


def _events(request: JobRequest) -> Generator[object, None, None]:
    os.environ.setdefault("SVT_LOG", "1")  # errors only, as the application's log is read by people
    match request:
        case UpscaleRequest():
            yield from _upscaling(request)
        case PrepareRequest():
            from vsrpp_core.prepare.job.addition import addition_to
            from vsrpp_core.prepare.job.pipeline import add, prepare

            recipe = request.recipe()
            if request.adds:
                yield from add(recipe, request.out, addition_to(request.out, recipe), request.fresh)
            else:
                yield from prepare(recipe, request.out, fresh=request.fresh)
        case CheckRequest():
            yield from _checking(request)


def _checking(request: CheckRequest) -> Generator[object, None, None]:
    if groups := groups_to_move(request.problems):
        yield MovedAside(move_aside(request.root, groups), len(groups))
    yield from check(request.root)


def _upscaling(request: UpscaleRequest) -> Generator[object, None, None]:
    from vsrpp_core.apply.upscale.inspect import inspect_job
    from vsrpp_core.apply.upscale.upscale import upscale

    planned, options = request.read()
    files = [FileState(job.source.name, job.out) for job in planned.jobs]
    yield UpscalePlanned(tuple(files), tuple(planned.skipped))
    yield from (WarningRaised(message=note) for note in planned.notes)
    for place, job in enumerate(planned.jobs if len(files) > 1 else ()):  # how long each is, for the total
        try:
            seen = inspect_job(job, options)
        except VsrppError:
            continue  # the job itself reports it when its turn comes
        files[place] = FileState(job.source.name, job.out, seen.frames, seen.pixels)
        yield UpscalePlanned(tuple(files), tuple(planned.skipped))
    yield from upscale(request.network, planned.jobs, options)
