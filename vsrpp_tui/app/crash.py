"""After a crash of the screen: training is saved and ends, or continues without a screen if ``--go-on`` was given.

Apart from app.py, since none of this may need the screen.
"""

import signal
import sys
import threading

from vsrpp_core.messages import events as ev
from vsrpp_tui.state.run import RunState, reduce
from vsrpp_tui.terminal.output import log_path
from vsrpp_tui.threads.session import Worker

POLL_SECONDS = 0.2


def train_on(worker: Worker, state: RunState) -> RunState:
    """Wait for the session's end; Ctrl-C and signals save and end it. Returns the state at its end."""
    wants_end = threading.Event()
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: wants_end.set())
    message = f"the screen crashed (traceback: {log_path()}); training continues without it, Ctrl-C saves and ends it"
    print(f"vsrpp-tui: {message}", file=sys.stderr, flush=True)  # noqa: T201
    while worker.is_alive:
        if wants_end.wait(POLL_SECONDS):
            worker.finish()
        state = drain(worker, state)
    return drain(worker, state)


def drain(worker: Worker, state: RunState) -> RunState:
    """``state`` after the events that wait in the worker's mailbox."""
    for event in worker.mailbox.take():
        state = reduce(state, event)
    return state


def crash_message(state: RunState) -> str:
    """That the screen crashed, where the traceback is, and what is saved."""
    return f"the screen crashed (traceback: {log_path()}); {_kept(state.failed or state.ended)}"


def _kept(end: ev.SessionFailed | ev.SessionEnded | None) -> str:
    if isinstance(end, ev.SessionFailed):
        return f"training failed as well: {end.error}"
    if end and end.checkpoint:
        return f"step {end.step:,} is in {end.checkpoint} in the run's folder; start again to resume from it"
    return "nothing was being trained"
