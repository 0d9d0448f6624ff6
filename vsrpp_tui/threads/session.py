"""The background thread that runs a session, and the two queues between it and the screen.

The only module of the application that knows the trainer, and it imports it inside the thread: the start screen stands
before torch is loaded. A plain thread, not a Textual worker: the application must be able to end while it saves.
"""

import gc
import traceback
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Literal

from vsrpp_core.errors import VsrppError
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.commands import Command, CommandQueue, Stop
from vsrpp_tui.threads.priority import stand_back

STEPS_WAITING = 256
"""Step reports that may wait for a screen that does not look; beyond, the newest replaces the last."""

STEPS_TAKEN = 64
"""Step reports that one look at the mailbox brings: each costs some 0.2 ms, and a chart has few columns."""


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """What the start screen asks for."""

    run: Path
    data: Path | None
    start: Literal["fresh", "resume"]
    demo: bool = False
    checkpoint: str = ""
    """Name of the one to resume from; empty for the newest that can be read."""
    tune: bool = False
    """Look for a network first, whatever settings and device the run has."""


class Mailbox:
    """Events on their way to the screen. Progress that nobody has seen yet is replaced, not queued."""

    def __init__(self) -> None:
        self._events: deque[ev.Event] = deque()
        self._lock = Lock()
        self._steps = 0

    def __len__(self) -> int:
        return len(self._events)

    def put(self, event: ev.Event) -> None:
        with self._lock:
            if self._events and self._replaces(event, self._events[-1]):
                self._events[-1] = event
                return
            self._steps += isinstance(event, ev.StepReported)
            self._events.append(event)

    def take(self) -> list[ev.Event]:
        """All that waits, oldest first; of very many step reports some, the last one among them."""
        with self._lock:
            events, steps = list(self._events), self._steps
            self._events.clear()
            self._steps = 0
        return list(_thinned(events, steps)) if steps > STEPS_TAKEN else events

    def _replaces(self, new: ev.Event, last: ev.Event) -> bool:
        match new, last:
            case (ev.PreparationProgressed(), ev.PreparationProgressed()):
                return True
            case (ev.ValidationProgressed(), ev.ValidationProgressed()):
                return True
            case (ev.StepReported(), ev.StepReported()):
                return self._steps >= STEPS_WAITING
            case _:
                return False


def _thinned(events: list[ev.Event], steps: int) -> Iterator[ev.Event]:
    """``events`` with about STEPS_TAKEN of their ``steps`` step reports."""
    every = -(-steps // STEPS_TAKEN)
    for event in events:
        if isinstance(event, ev.StepReported):
            steps -= 1
            if steps % every:
                continue
        yield event


class Worker:
    """Runs one session in a thread of its own."""

    def __init__(self, request: SessionRequest) -> None:
        self.request = request
        self.mailbox = Mailbox()
        self._commands = CommandQueue()
        self._stopping = Event()
        self._thread = Thread(target=self._work, name="session")

    def start(self) -> None:
        self._thread.start()

    def send(self, command: Command) -> None:
        self._commands.put(command)

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        """Ask the session to save and end."""
        self._stopping.set()
        self.send(Stop())

    def finish(self) -> None:
        """Ask for the end and wait for it. Safe to call at any time, also twice."""
        if self._thread.is_alive():
            self.stop()
            self._thread.join()

    def _work(self) -> None:
        """Whatever goes wrong before the session can tell it itself becomes a SessionFailed too."""
        stand_back()
        try:
            for event in self._events():
                self.mailbox.put(event)
        except VsrppError as error:
            self.mailbox.put(ev.SessionFailed(step=0, error=str(error), checkpoint=""))
        except Exception as error:
            traceback.print_exc()  # into the application's log file
            message = f"{type(error).__name__}: {error}; the traceback is in the application's log"
            self.mailbox.put(ev.SessionFailed(step=0, error=message, checkpoint=""))

    def _events(self) -> Iterator[ev.Event]:
        yield ev.PreparationProgressed(task="loading the trainer", done=0, total=0)
        from vsrpp_core.data.demo import make_demo_dataset
        from vsrpp_core.session.session import open_session

        leave_out_of_collections()
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
            tune=request.tune,
            attended=True,
        )
        yield from session.events(self._commands)


def leave_out_of_collections() -> None:
    """Let the garbage collector pass over what is there now, the libraries above all, which stay until the end.

    A full collection through torch's objects takes 200 ms, every few seconds, in which the screen stands still.
    """
    gc.collect()
    gc.freeze()


def device_line() -> str:
    """The device training would use, in a few words. Loads torch: seconds, so not on the screen's thread."""
    from vsrpp_core.device.hardware import describe_device

    device = describe_device()
    return f"{device.name} · {device.memory / 2**30:.1f} GB"
