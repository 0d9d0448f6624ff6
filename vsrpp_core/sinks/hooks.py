"""Commands of the user's that are run when something happens: mail, a message on the phone, a notification.

Not a sink, as it has something to say itself: what did not work. A thread runs one command after the other, so that
training waits for none.
"""

import json
import math
import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from queue import Full, Queue, SimpleQueue
from threading import Thread
from typing import BinaryIO

from vsrpp_core.errors import VsrppError, os_errors
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.changes import as_text
from vsrpp_core.messages.describe import describe
from vsrpp_core.run.config import HooksConfig
from vsrpp_core.run.names import user_folder
from vsrpp_core.run.settings import Settings

SECONDS = 60.0
"""A command has; after them it is killed, with all that it started."""

MOST_WAITING = 16
"""Commands that may wait for their turn; what happens beyond is passed over."""

MOST_ERROR = 300
"""Bytes of what a command said that failed."""


def hook_of(event: ev.Event) -> str:
    """The setting of section ``hooks`` that is about this event; empty for most."""
    match event:
        case ev.ValidationFinished(is_best=True):
            return "on_best"
        case ev.SessionEnded(reason="completed"):
            return "on_finished"
        case ev.SessionFailed() | ev.RunLost():
            return "on_failed"
        case ev.CardThrottled() | ev.CoolingBegan():
            return "on_throttled"
        case ev.LearningRateReduced():
            return "on_plateau"
        case ev.RestartPlanned():
            return "on_restarted"
        case _:
            return ""


class UserHooks(Settings):
    """``hooks.toml`` among the user's settings: commands for all runs that name none of their own."""

    ALL_ARE_LISTED = "`vsrpp config` lists all hooks"

    hooks: HooksConfig = HooksConfig()


def user_hooks_path() -> Path:
    return user_folder("config") / "hooks.toml"


def user_hooks() -> HooksConfig:
    """The user's, or none where there is no such file. Raises VsrppError about the first fault in it."""
    path = user_hooks_path()
    with os_errors(
        path, "cannot be read"
    ):  # whatever else lies there, a folder or a link to nowhere, is no file of none
        return UserHooks.load(path).hooks if path.is_symlink() or path.exists() else HooksConfig()


class Hooks:
    """Runs the commands of one session's events: the run's, or where that names none the user's."""

    def __init__(self, config: HooksConfig, run: str, seconds: float = SECONDS) -> None:
        self.config, self._user, self._run, self._seconds = config, HooksConfig(), run, seconds
        self._waiting: Queue[tuple[str, str, ev.Event] | None] = Queue(MOST_WAITING)
        self._failed: SimpleQueue[tuple[str, str]] = SimpleQueue()
        self._told: set[str] = set()
        """Hooks whose failure was said; one without a name is the user's file."""
        try:
            self._user = user_hooks()
        except VsrppError as error:
            self._failed.put(("", str(error)))
        self._thread = Thread(target=self._work, name="hooks", daemon=True)

    def handle(self, event: ev.Event) -> None:
        """Let the command of this event, if there is one, be run soon."""
        name = hook_of(event)
        if not name or not (line := getattr(self.config, name) or getattr(self._user, name)):
            return
        if not self._thread.ident:
            self._thread.start()
        try:
            self._waiting.put_nowait((name, line, event))
        except Full:
            self._failed.put((name, f"more than {MOST_WAITING} are waiting to be run"))

    def failures(self) -> Iterator[str]:
        """What has not worked since the last call; of each hook once, until it is changed."""
        while not self._failed.empty():
            name, why = self._failed.get()
            if name not in self._told:
                self._told.add(name)
                yield f"hooks.{name}: {why}" if name else why

    def reconfigure(self, config: HooksConfig) -> None:
        before, self.config = self.config, config
        self._told = {name for name in self._told if not name or getattr(before, name) == getattr(config, name)}

    def close(self) -> Iterator[str]:
        """Wait until all have been run; what has not worked."""
        if self._thread.ident:
            self._waiting.put(None)
            self._thread.join()
        yield from self.failures()

    def _work(self) -> None:
        while order := self._waiting.get():
            name, line, event = order
            try:
                why = run_command(shlex.split(line), event, self._run, self._seconds)
            except OSError as error:
                why = f"{line} cannot be started ({error.strerror or error})"
            except ValueError as error:  # no program can be told it; the thread must live, as close waits for it
                why = f"{line} cannot be started ({error})"
            if why:
                self._failed.put((name, why))


def run_command(words: list[str], event: ev.Event, run: str, seconds: float) -> str:
    """Run a command about ``event``; why it failed, or empty. Raises OSError where it cannot be started."""
    with _place_for_errors() as errors:
        process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env={**os.environ, **_environment(event, run)},
            start_new_session=True,
        )
        try:
            process.communicate(_json(event, run), timeout=seconds)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return f"{words[0]} did not end within {seconds:g} seconds and was killed"
        if process.returncode:
            return f"{words[0]} failed with status {process.returncode}{_said(errors)}"
    return ""


def _place_for_errors() -> BinaryIO:
    """A file rather than a pipe, which a command's children may hold open. Where the disk is full the command runs
    without: it may be there to tell just that."""
    try:
        return tempfile.TemporaryFile()
    except OSError:
        return Path(os.devnull).open("w+b")


def _said(errors: BinaryIO) -> str:
    errors.seek(0)
    text = " ".join(errors.read(MOST_ERROR).decode("utf-8", errors="replace").split())
    return f": {text}" if text else ""


def _fields(event: ev.Event, run: str) -> dict[str, object]:
    """What a command is told: the event's name and fields, the run, and the event in words."""
    return {"event": type(event).__name__, "run": run, "text": describe(event).in_full, **asdict(event)}


def _environment(event: ev.Event, run: str) -> dict[str, str]:
    return {f"VSRPP_{name.upper()}": as_text(value).replace("\0", "") for name, value in _fields(event, run).items()}


def _json(event: ev.Event, run: str) -> bytes:
    """One line; figures that are not finite, which JSON does not have, are null."""
    fields = _fields(event, run).items()
    finite = {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in fields}
    return json.dumps(finite).encode() + b"\n"
