"""The other end of a run's socket: gives commands to the process that trains the run, and waits for their answers."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Self

from vsrpp_core.errors import UsageError, VsrppError
from vsrpp_core.messages import events as ev
from vsrpp_core.messages import journal
from vsrpp_core.messages.commands import Command
from vsrpp_core.messages.wire import LONGEST, decode_receipt, encode_command
from vsrpp_core.remote.sockets import connect
from vsrpp_core.run.folder import RunFolder

RECEIPT_SECONDS = 10.0
"""A receipt comes from a thread that does nothing else; only a machine that stands still takes longer."""

SLOW_SECONDS = 10.0
"""Without an answer: a step, a validation and a save take their time, but a full disk has no room for answers."""

POLL_SECONDS = 0.05
"""Between two looks for an answer in the journal."""


class NoLinkError(VsrppError):
    """No process takes commands for this run, or the one that took them has ended."""


class Link:
    """A connection to the process that trains a run. Raises NoLinkError where there is none."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        try:
            self._socket = connect(folder.socket, RECEIPT_SECONDS)
        except OSError as error:
            raise NoLinkError(self._why_not(error)) from None

    def _why_not(self, error: OSError) -> str:
        owner = self._folder.owner()
        if not owner:
            return f"no process trains {self._folder.path} now"
        return (
            f"process {owner} trains {self._folder.path} but takes no commands from here ({error.strerror or error}); "
            f"its drive may have no sockets, or an older version trains it: see {self._folder.training_log}"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def send(self, command: Command) -> None:
        """Returns once the session has the command. Raises NoLinkError, and UsageError for what it does not know."""
        try:
            self._socket.sendall(encode_command(command))
            line = b""
            while not line.endswith(b"\n") and len(line) <= LONGEST:
                said = self._socket.recv(LONGEST)
                if not said:
                    raise NoLinkError(self._ended())
                line += said
        except TimeoutError:
            raise NoLinkError(
                f"process {self._folder.owner()} trains {self._folder.path} but stands still: it has not said within "
                f"{RECEIPT_SECONDS:g} seconds that it has the command, which may still be carried out"
            ) from None
        except OSError as error:
            raise NoLinkError(f"{self._ended()} ({error.strerror or error})") from None
        receipt = decode_receipt(line)
        if not receipt.taken:
            raise UsageError(receipt.fault)

    def has_ended(self) -> bool:
        """Whether the other process has closed the connection. Nothing is said between two commands."""
        self._socket.setblocking(False)
        try:
            return self._socket.recv(1) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True
        finally:
            with suppress(OSError):
                self._socket.settimeout(RECEIPT_SECONDS)

    def _ended(self) -> str:
        return f"the process that trained {self._folder.path} has ended"


def ask(
    folder: RunFolder, command: Command, seconds: float, is_slow: Callable[[], object] = lambda: None
) -> ev.CommandAnswered:
    """Give a command and wait for its answer, ``seconds`` at most; ``is_slow`` is called once where it takes long.

    Raises NoLinkError, UsageError and VsrppError.
    """
    with Link(folder) as link:
        for event in _events_after(folder, link, command, seconds, is_slow):
            if isinstance(event, ev.CommandAnswered) and event.number == command.number:
                return event
            if isinstance(event, ev.SessionEnded | ev.SessionFailed):
                raise NoLinkError(f"the training of {folder.path} ended before it answered {command.name}")
        if link.has_ended():
            raise NoLinkError(f"the process that trained {folder.path} ended before it answered {command.name}")
    raise VsrppError(f"{command.name} was not answered in time; it may still be carried out: see {folder.training_log}")


def _events_after(
    folder: RunFolder, link: Link, command: Command, seconds: float, is_slow: Callable[[], object]
) -> Iterator[ev.Event]:
    """What the journal says from now on, until the link or the time has ended."""
    begun, now = journal.end_of(folder.journal), time.monotonic()
    deadline, slow_at = now + seconds, now + SLOW_SECONDS
    link.send(command)
    is_over = False

    def wait() -> bool:
        nonlocal is_over, slow_at
        if is_over:  # what was written last has been read by now
            return False
        if time.monotonic() > slow_at:
            slow_at = math.inf
            is_slow()
        is_over = link.has_ended() or time.monotonic() > deadline
        time.sleep(POLL_SECONDS)
        return True

    yield from journal.follow_from(folder.journal, begun, wait)
