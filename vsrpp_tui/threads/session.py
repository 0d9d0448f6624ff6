"""The thread that runs a session.

The only module of the application that knows the trainer, and it imports it inside the thread: the start screen is
there before torch is loaded.
"""

import gc
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vsrpp_core.messages import events as ev
from vsrpp_core.messages.commands import Command, CommandQueue, Stop
from vsrpp_core.run.presets import NAMED, Preset
from vsrpp_tui.threads.background import EventThread, Mailbox

if TYPE_CHECKING:
    from vsrpp_core.run.settings import Overrides

MAX_WAITING = 256
"""Events that may wait for a screen that does not take them; beyond, a step report replaces the one before it."""

MAX_STEPS = 64
"""Step reports taken at once: each costs some 0.2 ms, and a chart has few columns."""

PROGRESS = (ev.PreparationProgressed, ev.ValidationProgressed)
"""Events of which only the newest matters."""


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """What the start screen wants run."""

    run: Path
    data: Path | None
    start: Literal["fresh", "resume"]
    demo: bool = False
    checkpoint: str = ""
    """Name of the one to resume from; empty for the newest that can be read."""
    tune: bool = False
    """Run auto-tune first, whatever settings and device the run has."""
    max_steps: int = 0
    """Where a complete run is to end now; 0 leaves that to its settings."""
    preset: Preset | Literal[""] = ""
    """Of a fresh run, as in Choice."""


class SessionMailbox(Mailbox[ev.Event]):
    """Step reports wait while there is room; of other progress only the newest event."""

    def take(self) -> list[ev.Event]:
        """Everything that waits; of very many step reports some, the last one among them."""
        return list(_thinned(super().take()))

    def replaces(self, new: ev.Event, last: ev.Event) -> bool:
        if type(new) is not type(last):
            return False
        return isinstance(new, PROGRESS) or (isinstance(new, ev.StepReported) and len(self) >= MAX_WAITING)


def _thinned(events: list[ev.Event]) -> Iterator[ev.Event]:
    """``events`` with about MAX_STEPS of their step reports."""
    steps = sum(isinstance(event, ev.StepReported) for event in events)
    every = -(-steps // MAX_STEPS)
    for event in events:
        if isinstance(event, ev.StepReported):
            steps -= 1
            if steps % every:
                continue
        yield event


class Worker(EventThread[ev.Event]):
    """Runs one session."""

    def __init__(self, request: SessionRequest) -> None:
        super().__init__("session", SessionMailbox())
        self.request = request
        self._commands = CommandQueue()

    def send(self, command: Command) -> None:
        self._commands.put(command)

    def stop(self) -> None:
        """Ask the session to save and end."""
        super().stop()
        self.send(Stop())

    def failure(self, message: str) -> ev.Event:
        """For an error that the session itself could not report."""
        return ev.SessionFailed(step=0, error=message, checkpoint="")

    def _overrides(self) -> "Overrides":
        if self.request.start == "fresh" and self.request.preset:
            return NAMED[self.request.preset]
        return {"training.max_steps": self.request.max_steps} if self.request.max_steps else {}

    def events(self) -> Iterator[ev.Event]:
        yield ev.PreparationProgressed(task="loading the trainer", done=0, total=0)
        from vsrpp_core.data.demo import make_demo_dataset
        from vsrpp_core.session.session import open_session

        freeze_gc()
        request = self.request
        for progress in make_demo_dataset() if request.demo else ():
            yield progress
            if self._stopping.is_set():
                yield ev.SessionEnded(reason="stopped", step=0, checkpoint="")
                return
        session = open_session(
            request.run,
            request.data,
            start=request.start,
            demo=request.demo,
            checkpoint=request.checkpoint,
            overrides=self._overrides(),
            tune=request.tune,
            attended=True,
        )
        yield from session.events(self._commands)


def freeze_gc() -> None:
    """Exempt everything allocated so far, the libraries above all, from garbage collection.

    A full collection through torch's objects takes 200 ms, every few seconds, during which the screen freezes.
    """
    gc.collect()
    gc.freeze()


def device_line() -> str:
    """The device training would use, in a few words. Loads torch: seconds, so not on the screen's thread."""
    from vsrpp_core.device.hardware import describe_device

    device = describe_device()
    return f"{device.name} · {device.memory / 2**30:.1f} GB"
