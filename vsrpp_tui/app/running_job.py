"""A job of the application: its thread, its state, its screen, and the sentence for the shell at its end.

Apart from app.py, which knows when; this knows which reducer and which screen belong to which work.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from vsrpp_tui.forms.prepare import PrepareRequest
from vsrpp_tui.forms.upscale import UpscaleRequest
from vsrpp_tui.screens.jobs.check import CheckScreen
from vsrpp_tui.screens.jobs.job import JobScreen
from vsrpp_tui.screens.jobs.prepare import PrepareScreen
from vsrpp_tui.screens.jobs.upscale import UpscaleScreen
from vsrpp_tui.state import check_job, prepare_job, upscale_job
from vsrpp_tui.state.job import JobStopping
from vsrpp_tui.threads.jobs import CheckRequest, Job, JobRequest

JobState = upscale_job.UpscaleState | prepare_job.PrepareState | check_job.CheckState


class RunningJob:
    """``run`` is the name of the run that a dataset made here can be used for, or empty."""

    def __init__(self, request: JobRequest, run: str) -> None:
        self.request = request
        self.job = Job(request)
        self._run = run
        self._reduce: Callable[[Any, Any, float], Any]
        self.state: JobState
        match request:
            case UpscaleRequest():
                self.state, self._reduce = (
                    upscale_job.UpscaleState(epoch=time.time() - time.monotonic()),
                    upscale_job.reduce,
                )
            case PrepareRequest():
                self.state, self._reduce = prepare_job.PrepareState(), prepare_job.reduce
            case CheckRequest():
                self.state, self._reduce = check_job.CheckState(), check_job.reduce

    def screen(self) -> JobScreen:
        command = self.request.command
        match self.state:
            case upscale_job.UpscaleState() as state:
                return UpscaleScreen(state, command)
            case prepare_job.PrepareState() as state:
                adds = isinstance(self.request, PrepareRequest) and self.request.adds
                return PrepareScreen(state, command, "" if adds else self._run)
            case check_job.CheckState() as state:
                return CheckScreen(state, command)

    def start(self) -> None:
        self.job.start()

    def take(self) -> JobState:
        """The state after the thread's events; the clock of a running job advances."""
        for event, now in self.job.mailbox.take():
            self.state = self._reduce(self.state, event, now)
        if not self.state.is_over and self.state.begun_at:
            self.state = replace(self.state, now=time.monotonic())
        return self.state

    def stop(self) -> None:
        """Ask for the end; the current item is finished first."""
        self.job.stop()
        self.state = self._reduce(self.state, JobStopping(), time.monotonic())

    def farewell(self) -> tuple[bool, str]:
        """Whether it failed, and a sentence for the shell: how to continue, or where the result is."""
        state, request = self.state, self.request
        if state.phase == "failed":
            return True, state.failure
        if state.phase == "stopped":
            if isinstance(request, CheckRequest):
                return False, f"The check was stopped; run it again with: {request.command}"
            return False, f"Stopped. Finished work is kept; continue with: {request.command}"
        return False, _made(request, state)


def _made(request: JobRequest, state: JobState) -> str:
    match request, state:
        case UpscaleRequest(), upscale_job.UpscaleState(files=files):
            left_out = f"; {state.n_failed} left out" if state.n_failed else ""
            made = [file.out for file in files if file.stage == "done"]
            return f"upscaled: {', '.join(map(str, made))}{left_out}" if made else f"nothing was upscaled{left_out}"
        case PrepareRequest(), prepare_job.PrepareState(report=report) if report:
            return f"made {report.out}: {report.train:,} training and {report.val:,} validation pairs"
        case CheckRequest(), check_job.CheckState(report=report) if report:
            return str(report)
        case _:
            return ""
