"""The trainer's end of a run's socket: takes commands of other processes into the session's queue.

A thread that sleeps until somebody speaks. Whatever comes in, the session goes on: lines of bounded length, a bounded
number of speakers, none of whom is waited for.
"""

import selectors
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Self

from vsrpp_core.errors import UsageError
from vsrpp_core.messages.commands import Command
from vsrpp_core.messages.wire import LONGEST, Receipt, decode_command, encode_receipt
from vsrpp_core.remote.sockets import is_trusted, listen

MOST_SPEAKERS = 64
RETRY_SECONDS = 0.2
LOOK_SECONDS = 5.0
"""Of silence, after which the socket is looked for under its name."""
LONGEST_FAULT = 1_000
"""Characters: a fault may quote what was sent."""


class Channel:
    """Open while it is entered; ``take`` is called in a thread of its own. Entering raises OSError without sockets."""

    def __init__(self, path: Path, take: Callable[[Command], object]) -> None:
        self._path, self._take = path, take
        self._unread: dict[socket.socket, bytes] = {}
        """What each speaker has said of a line that is not complete."""
        self._thread = Thread(target=self._work, name="channel", daemon=True)

    def __enter__(self) -> Self:
        self._listener = listen(self._path)
        self._inode = self._named
        self._end, self._told_to_end = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        for source in (self._listener, self._told_to_end):
            self._selector.register(source, selectors.EVENT_READ)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.close()
        self._thread.join()
        with suppress(OSError):  # the drive is gone, and the socket with it
            if self._named == self._inode:
                self._path.unlink()

    @property
    def _named(self) -> int:
        """What has the socket's name now; 0 for nothing."""
        try:
            return self._path.stat().st_ino
        except OSError:
            return 0

    def _work(self) -> None:
        while True:
            heard = self._selector.select(LOOK_SECONDS)
            if not heard and self._named != self._inode:
                self._listen_again()
            for key, _ in heard:
                if key.fileobj is self._told_to_end:
                    self._close()
                    return
                if key.fileobj is self._listener:
                    self._greet()
                elif isinstance(key.fileobj, socket.socket):
                    self._hear(key.fileobj)

    def _listen_again(self) -> None:
        """Somebody has removed the socket; those who have a connection keep it."""
        with suppress(OSError):  # it is tried again
            listener = listen(self._path)
            self._selector.unregister(self._listener)
            self._listener.close()
            self._listener, self._inode = listener, self._named
            self._selector.register(listener, selectors.EVENT_READ)

    def _close(self) -> None:
        for source in (self._listener, self._told_to_end, *self._unread):
            source.close()
        self._selector.close()

    def _greet(self) -> None:
        try:
            speaker, _ = self._listener.accept()
        except OSError:  # it has left already; or this process has no descriptor free, and may have one later
            time.sleep(RETRY_SECONDS)
            return
        if len(self._unread) >= MOST_SPEAKERS or not is_trusted(speaker):
            speaker.close()
            return
        speaker.setblocking(False)
        self._unread[speaker] = b""
        self._selector.register(speaker, selectors.EVENT_READ)

    def _hear(self, speaker: socket.socket) -> None:
        try:
            said = speaker.recv(LONGEST)
            *lines, rest = (self._unread[speaker] + said).split(b"\n")
            for line in lines:
                speaker.sendall(encode_receipt(self._read(line)))
            if len(rest) > LONGEST:
                speaker.sendall(encode_receipt(self._read(rest)))
                said = b""  # where its next line begins is not known
        except OSError:  # it is gone, or does not read what it is told
            said = b""
        if said:
            self._unread[speaker] = rest
        else:
            self._selector.unregister(speaker)
            speaker.close()
            del self._unread[speaker]

    def _read(self, line: bytes) -> Receipt:
        try:
            command = decode_command(line)
        except UsageError as error:
            return Receipt(taken=False, fault=str(error)[:LONGEST_FAULT])
        self._take(command)
        return Receipt(taken=True, number=command.number)
