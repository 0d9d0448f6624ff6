"""The background thread of work besides training: upscaling, making a dataset, checking one.

Beside worker.py the only module that knows the heavy parts of the core, and it imports them inside the thread. A plain
thread for the same reason: the application must be able to end while a picture or a patch is finished.
"""

import os
import shlex
import time
import traceback
from collections import deque
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any

from vsrpp_core.errors import VsrppError
from vsrpp_tui.forms.prepare import PrepareRequest
from vsrpp_tui.forms.upscale import UpscaleRequest
from vsrpp_tui.state.job import JobEnded, JobFailed
from vsrpp_tui.threads.priority import stand_back

if TYPE_CHECKING:
    from vsrpp_core.data.check import Fault

PROGRESS = ("UpscaleLooked", "UpscaleProgress", "UpscalePreview", "PrepareProgress", "CheckProgress")
"""Events of which only the newest matters: unseen ones are replaced, not queued."""


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """``faults`` of a check before: what is bad by them is moved aside first."""

    root: Path
    faults: "tuple[Fault, ...]" = ()

    @property
    def command(self) -> str:
        return shlex.join(["vsrpp", "check", str(self.root)])


JobRequest = UpscaleRequest | PrepareRequest | CheckRequest


class JobMailbox:
    """Events on their way to the screen, with the time they came (seconds since the Unix epoch)."""

    def __init__(self) -> None:
        self._events: deque[tuple[Any, float]] = deque()
        self._lock = Lock()

    def put(self, event: object) -> None:
        with self._lock:
            last = self._events[-1][0] if self._events else None
            if type(event) is type(last) and type(event).__name__ in PROGRESS:
                self._events.pop()
            self._events.append((event, time.time()))

    def take(self) -> list[tuple[Any, float]]:
        """All that waits, oldest first."""
        with self._lock:
            events = list(self._events)
            self._events.clear()
        return events


class Job:
    """Does what is asked in a thread of its own. Its last event is JobEnded or JobFailed."""

    def __init__(self, request: JobRequest) -> None:
        self.request = request
        self.mailbox = JobMailbox()
        self._stopping = Event()
        self._thread = Thread(target=self._work, name="job")

    def start(self) -> None:
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        """Ask for the end: what is at hand is finished, what is finished stays."""
        self._stopping.set()

    def finish(self) -> None:
        """Ask for the end and wait for it. Safe to call at any time, also twice."""
        if self._thread.is_alive():
            self.stop()
            self._thread.join()

    def _work(self) -> None:
        stand_back()
        try:
            with closing(_events(self.request)) as events:
                for event in events:
                    self.mailbox.put(event)
                    if self._stopping.is_set():
                        break
            self.mailbox.put(JobEnded(stopped=self._stopping.is_set()))
        except VsrppError as error:
            self.mailbox.put(JobFailed(str(error)))
        except Exception as error:
            traceback.print_exc()  # into the application's log file
            self.mailbox.put(JobFailed(f"{type(error).__name__}: {error}; the traceback is in the application's log"))


def _events(request: JobRequest) -> Generator[object, None, None]:
    os.environ.setdefault("SVT_LOG", "1")  # errors only, as the application's log is read by people
    match request:
        case UpscaleRequest():
            yield from _upscaling(request)
        case PrepareRequest():
            from vsrpp_core.prepare.pipeline import prepare

            yield from prepare(request.recipe(), request.out, fresh=request.fresh)
        case CheckRequest():
            yield from _checking(request)


def _checking(request: CheckRequest) -> Generator[object, None, None]:
    from vsrpp_core.data.check import check
    from vsrpp_core.data.quarantine import move_aside, to_move
    from vsrpp_tui.state.check_job import MovedAside

    if groups := to_move(request.faults):
        yield MovedAside(move_aside(request.root, groups), len(groups))
    yield from check(request.root)


def _upscaling(request: UpscaleRequest) -> Generator[object, None, None]:
    from vsrpp_core.apply.upscale.inspect import inspect_job
    from vsrpp_core.apply.upscale.upscale import upscale
    from vsrpp_tui.state.upscale_job import FileState, UpscaleLooked

    planned, options = request.read()
    files = [FileState(job.source.name, job.out) for job in planned.jobs]
    yield UpscaleLooked(tuple(files), tuple(planned.skipped))
    for place, job in enumerate(planned.jobs if len(files) > 1 else ()):  # how long each is, for the total
        try:
            seen = inspect_job(job, options)
        except VsrppError:
            continue  # the job itself tells it when its turn comes
        files[place] = FileState(job.source.name, job.out, seen.frames, seen.pixels)
        yield UpscaleLooked(tuple(files), tuple(planned.skipped))
    yield from upscale(request.network, planned.jobs, options)
