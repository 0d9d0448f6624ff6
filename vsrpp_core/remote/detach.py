"""A training in a process of its own, which outlives the terminal it was started from."""

import os
import subprocess
import sys
from collections.abc import Sequence

from vsrpp_core.errors import VsrppError, command, os_errors
from vsrpp_core.run.folder import RunFolder

READY = b"+"
"""What the new process writes into the descriptor it is given once it trains."""

MOST_OUTPUT = 4_000
"""Bytes of what a process that did not begin has printed."""


def train_detached(folder: RunFolder, arguments: Sequence[str]) -> int:
    """Start ``vsrpp train`` with ``arguments`` in a session of its own; returns its PID once it trains.

    What it prints is added to the run's ``output.log``. Raises DetachError where it does not come so far.
    """
    folder.create()
    told, ready = os.pipe()
    with os.fdopen(told, "rb") as told_file, os_errors(folder.output, "cannot be written"):
        try:
            with folder.output.open("a+b") as output:
                begun = output.seek(0, os.SEEK_END)
                process = subprocess.Popen(
                    [sys.executable, "-m", "vsrpp_core", "train", *arguments, "--ready", str(ready)],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    pass_fds=(ready,),
                )
        finally:
            os.close(ready)
        if told_file.read(1) == READY:
            process.returncode = 0  # it outlives this program, which does not wait for it
            return folder.owner() or process.pid  # the keeper of the process that trains
        raise DetachError(process.wait(), _printed(folder, begun))


def in_background(folder: RunFolder, pid: int) -> tuple[str, ...]:
    """What can be done with a run that was detached."""
    return (
        f"process {pid} trains {folder.path}; its output is in {folder.output}",
        f"look in and steer with: {command('vsrpp-tui', folder.path)}",
    )


class DetachError(VsrppError):
    """The process ended before it trained; ``status`` is how."""

    def __init__(self, status: int, printed: str) -> None:
        self.status = status
        super().__init__(printed or f"the process in the background ended at once, with status {status}")


def _printed(folder: RunFolder, begun: int) -> str:
    with folder.output.open("rb") as output:
        output.seek(begun)
        return output.read(MOST_OUTPUT).decode("utf-8", errors="replace").strip().removeprefix("vsrpp: ")
