"""What becomes of the training when the screen breaks: it is saved and ends, or goes on without a screen if asked to.

Apart from app.py, since none of this may need anything of the screen.
"""

import signal
import sys
import threading

from vsrpp_core.messages import events as ev
from vsrpp_tui.state.run import RunState, reduce
from vsrpp_tui.terminal import log_path
from vsrpp_tui.threads.session import Worker

LOOK_SECONDS = 0.2


def train_on(worker: Worker, state: RunState) -> RunState:
    """Say that it goes on, and wait for the session's end; Ctrl-C and signals save and end it. The state at its end."""
    asked = threading.Event()
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: asked.set())
    told = f"the screen broke, the traceback is in {log_path()}; training goes on without it, Ctrl-C saves and ends it"
    print(f"vsrpp-tui: {told}", file=sys.stderr, flush=True)  # noqa: T201
    while worker.is_alive:
        if asked.wait(LOOK_SECONDS):
            worker.finish()
        state = heard(worker, state)
    return heard(worker, state)


def heard(worker: Worker, state: RunState) -> RunState:
    """``state`` with what the worker has said since."""
    for event in worker.mailbox.take():
        state = reduce(state, event)
    return state


def last_words(state: RunState) -> str:
    """What happened, what is saved, and where the traceback is."""
    told = f"the screen ended unexpectedly, the traceback is in {log_path()}"
    return f"{told}; {_kept(state.failed or state.ended)}"


def _kept(end: ev.SessionFailed | ev.SessionEnded | None) -> str:
    if isinstance(end, ev.SessionFailed):
        return f"training failed as well: {end.error}"
    if end and end.checkpoint:
        return f"step {end.step:,} is in {end.checkpoint} in the run's folder, go on from it by starting again"
    return "nothing was being trained"
