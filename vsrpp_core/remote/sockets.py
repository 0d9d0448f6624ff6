"""The Unix socket of a run: how it is made, reached, and who may speak through it."""

import errno
import os
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vsrpp_core.run.files import TEMPORARY_PREFIX

LONGEST_ADDRESS = 103
"""Bytes: macOS takes 103 and Linux 107."""

WAITING = 16
"""Processes that may knock at the same moment."""

KNOCK_SECONDS = 0.02
"""Until one that was not among them knocks again."""


def listen(path: Path) -> socket.socket:
    """A socket that this user alone can reach; what an ended process has left under ``path`` is replaced.

    For the holder of the run's lock: nobody else listens there. Raises OSError where the drive has no sockets.
    """
    draft = path.with_name(f"{TEMPORARY_PREFIX}{path.name.lstrip('.')}")
    listener = _new_socket()
    try:
        os.fchmod(listener.fileno(), 0o600)  # before it has a name, or others could reach it for a moment
        draft.unlink(missing_ok=True)
        with _address(draft) as address:
            listener.bind(address)
        draft.chmod(0o600)  # for systems on which the first has no effect
        listener.listen(WAITING)
        listener.setblocking(False)
        draft.replace(path)  # whoever finds it is not turned away
    except OSError:
        listener.close()
        raise
    return listener


def connect(path: Path, seconds: float) -> socket.socket:
    """A connection to whoever listens, on which nothing takes longer than ``seconds``. Raises OSError."""
    connection, deadline = _new_socket(), time.monotonic() + seconds
    try:
        connection.settimeout(seconds)
        with _address(path) as address:
            while True:
                try:
                    connection.connect(address)
                except BlockingIOError:  # more than ``WAITING`` are knocking, for which Linux lets nobody wait
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(KNOCK_SECONDS)
                else:
                    return connection
    except OSError:
        connection.close()
        raise


def is_trusted(connection: socket.socket) -> bool:
    """Whether the process at the other end belongs to this user, or to root. Where the system does not tell, the mode
    of the socket has kept others out."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, user, _ = struct.unpack("3i", credentials)
    return user in (os.geteuid(), 0)


def _new_socket() -> socket.socket:
    if not hasattr(socket, "AF_UNIX"):
        raise OSError(errno.EAFNOSUPPORT, "this system has no Unix sockets")
    return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)


@contextmanager
def _address(path: Path) -> Iterator[str]:
    """A name short enough for the system, which copies it into 108 bytes: through the folder, opened meanwhile."""
    if len(os.fsencode(path)) <= LONGEST_ADDRESS:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
