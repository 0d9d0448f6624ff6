"""``vsrpp train --restarts``: starts a training again after a crash that may pass.

A process of its own that loads nothing that could crash. What may pass is data: a process that was killed, or a
SessionFailed that says so. Between two starts it holds the run and hears commands for it, so that a run that waits is
stopped, or resumed at once, like any other.
"""

import os
import queue
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack, suppress

from vsrpp_core.cli.shared.console import (
    EXIT_DONE,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_STOPPED_UNSAVED,
    EXIT_USAGE,
    on_signals,
    patient_terminal,
)
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import events as ev
from vsrpp_core.messages import journal
from vsrpp_core.messages.describe import describe
from vsrpp_core.messages.journal import JournalWriter
from vsrpp_core.remote.channel import Channel
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.sinks.hooks import Hooks
from vsrpp_core.sinks.training_log import TrainingLog

FIRST_WAIT, LONGEST_WAIT, GROWTH = 10.0, 3_600.0, 6.0
"""Seconds before the first restart, at most, and what each wait in a row is multiplied by."""

STEADY_SECONDS = 3_600.0
"""A session that lasted so long has overcome what ended the one before: restarts are counted anew."""

LOOK_SECONDS = 0.5
FOR_GOOD = (EXIT_DONE, EXIT_USAGE, EXIT_INTERRUPTED, EXIT_STOPPED_UNSAVED)
"""Exit statuses that another start would not change, or should not."""


class Keeper:
    """Trains ``folder`` by ``vsrpp train`` with ``arguments``, restarted up to ``restarts`` times in a row."""

    def __init__(self, folder: RunFolder, arguments: Sequence[str], restarts: int, ready: int = 0) -> None:
        """``ready``: a descriptor for the first start, as of train_detached."""
        self._folder, self._arguments, self._restarts, self._ready = folder, list(arguments), restarts, ready
        self._trainer: subprocess.Popen[bytes] | None = None
        self._is_stopped = False

    def run(self) -> int:
        """The exit status of the last session."""
        with on_signals(self._stop, patience=float("inf")):
            attempt, arguments = 0, self._arguments
            while True:
                before, begun = self._last_end, time.monotonic()
                status = self._train(arguments)
                if self._is_stopped:
                    return status if status >= 0 else EXIT_INTERRUPTED  # it may not have come to hear signals
                reason = self._may_pass(status, before, attempt)
                attempt = 0 if time.monotonic() - begun >= STEADY_SECONDS else attempt
                if not reason:
                    return EXIT_FAILED if status < 0 or status == EXIT_STOPPED_UNSAVED else status
                if attempt >= self._restarts:
                    return self._give_up(status, reason)
                attempt += 1
                if not self._wait(attempt, reason):
                    return EXIT_INTERRUPTED
                arguments = [str(self._folder.path), "--resume"] if self._newest else self._arguments

    @property
    def _newest(self) -> ev.SessionEnded | None:
        """Where a resumed session would begin, as the end that it could have had."""
        newest = next((info for info in self._folder.checkpoint_infos() if not info.is_damaged), None)
        return ev.SessionEnded(reason="stopped", step=newest.step, checkpoint=newest.name) if newest else None

    def _stop(self) -> None:
        self._is_stopped = True
        if self._trainer:
            self._trainer.send_signal(signal.SIGTERM)  # it saves; what a terminal sends it has had already

    def _train(self, arguments: Sequence[str]) -> int:
        """One session, to its end; its exit status, negative after a signal."""
        ready, self._ready = self._ready, 0
        more = ("--ready", str(ready)) if ready else ()
        command = [sys.executable, "-m", "vsrpp_core", "train", *arguments, *more, "--kept"]
        self._trainer = subprocess.Popen(command, pass_fds=(ready,) if ready else ())
        if self._is_stopped:  # meanwhile
            self._trainer.send_signal(signal.SIGTERM)
        if ready:
            os.close(ready)
        try:
            return self._trainer.wait()
        finally:
            self._trainer = None

    @property
    def _last_end(self) -> ev.Event | None:
        """Of the sessions of this run. Told apart by itself: a clock may be put back while one trains."""
        kinds, ends = (ev.SessionFailed, ev.SessionEnded), deque[ev.Event](maxlen=1)
        with suppress(OSError):  # the drive is gone, which may pass
            ends.extend(journal.replay_of(self._folder.journal, kinds, kinds))
        return ends[0] if ends else None

    def _may_pass(self, status: int, before: ev.Event | None, attempt: int) -> str:
        """Why the session ended, where another start may help; else empty. ``before``: the end of the one before."""
        if status in FOR_GOOD:
            return ""
        if status < 0:
            return f"the process was ended by {signal.Signals(-status).name}"
        last = self._last_end
        if isinstance(last, ev.SessionFailed) and last != before:
            return last.error if last.may_pass else ""
        return "it could not be resumed" if attempt else ""

    def _wait(self, attempt: int, reason: str) -> bool:
        """Tell of the restart and wait for its time; False where it is not to be."""
        seconds = min(FIRST_WAIT * GROWTH ** (attempt - 1), LONGEST_WAIT)
        deadline, heard = time.monotonic() + seconds, queue.SimpleQueue[cmd.Command]()
        with ExitStack() as held:
            channel: Channel | None = Channel(self._folder.socket, heard.put)
            try:
                held.enter_context(self._folder.lock())
            except VsrppError:  # a full disk may be free by then
                if self._folder.owner():  # somebody has resumed it by hand
                    return False
                channel = None
            step = self._newest.step if self._newest else 0
            self._tell(
                ev.RestartPlanned(step=step, attempt=attempt, restarts=self._restarts, seconds=seconds, reason=reason)
            )
            if channel:
                with suppress(OSError):  # without sockets it can be stopped by a signal
                    held.enter_context(channel)
            return self._hear(heard, deadline)

    def _hear(self, heard: "queue.SimpleQueue[cmd.Command]", deadline: float) -> bool:
        """Answer commands until the time has come; False once the run is not to be started again."""
        while not self._is_stopped and (left := deadline - time.monotonic()) > 0:
            try:
                command = heard.get(timeout=min(left, LOOK_SECONDS))
            except queue.Empty:
                continue
            known = isinstance(command, cmd.Stop | cmd.Resume)
            self._answer(command, known, "done" if known else "the run waits to be started again")
            if isinstance(command, cmd.Resume):
                return True
            if isinstance(command, cmd.Stop):
                if end := self._newest:
                    self._tell(end)
                return False
        return not self._is_stopped

    def _answer(self, command: cmd.Command, accepted: bool, message: str) -> None:
        self._tell(
            ev.CommandAnswered(
                command=command.name,
                accepted=accepted,
                message=message,
                step=self._newest.step if self._newest else 0,
                number=command.number,
            )
        )

    def _give_up(self, status: int, reason: str) -> int:
        """A process that was killed could not say that it failed."""
        if status < 0:
            end = self._newest
            error = f"{reason}, and was started again {self._restarts} times before"
            with suppress(VsrppError), self._folder.lock():
                step, checkpoint = (end.step, end.checkpoint) if end else (0, "")
                self._tell(ev.SessionFailed(step=step, error=error, checkpoint=checkpoint, may_pass=True))
        return EXIT_FAILED

    def _tell(self, event: ev.Event) -> None:
        """As a session does: in the journal, in the log, to whom it prints to, and to the user's hooks."""
        terminal = patient_terminal()
        terminal.say(describe(event).in_full)
        with suppress(OSError), JournalWriter(self._folder.journal) as writer:  # the drive that failed before
            writer.handle(event)
            log = TrainingLog(self._folder.training_log)
            log.handle(event)
            log.close()
        with suppress(VsrppError):  # settings that cannot be read are told by the session
            hooks = Hooks(RunConfig.load(self._folder.config).hooks, str(self._folder.path))
            hooks.handle(event)
            for failure in hooks.close():
                terminal.say(failure)
