"""Programs that start at once: a server that has loaded what they need forks them.

Loading torch and the rest takes over a second of CPU, and some sixty tests start a program.

python -m tests.preloaded FOLDER PID    serve in FOLDER until that folder or that process is gone
"""

import fcntl
import gc
import importlib
import io
import os
import pickle
import runpy
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

FOLDER, OWNER = "VSRPP_TEST_SERVER", "VSRPP_TEST_RUN"
"""The environment variables that name the folder of this test run's server, and the process of the test run."""

LOADED = (
    "av",
    "torch._dynamo",
    "torch.utils.tensorboard",
    "vsrpp_core.apply.upscale.upscale",
    "vsrpp_core.session.session",
    "vsrpp_tui.app.watching",
    "vsrpp_tui.cli",
    "vsrpp_tui.screens.run.training",
    "vsrpp_tui.screens.shared.help",
    "vsrpp_tui.threads.session",
)
LONGEST_ORDER = 1 << 17
START_SECONDS = 120
NUMBER = struct.Struct("i")


@dataclass(frozen=True, slots=True)
class Order:
    """What is started: the words after ``python``, and where."""

    words: Sequence[str]
    folder: str
    environment: dict[str, str]
    new_session: bool
    first: Callable[[], object] | None
    """A module's function that is called in the new process before all else."""


class Preloaded(subprocess.Popen[Any]):
    """``Popen`` of this Python with ``-m MODULE`` or ``-c CODE``, perhaps after ``-u``; ``preexec_fn`` as in Order."""

    _status: int | None = None

    def _execute_child(
        self,
        args: Sequence[str],
        executable: None,
        preexec_fn: Callable[[], object] | None,
        close_fds: bool,
        pass_fds: tuple[()],
        cwd: str | Path | None,
        env: dict[str, str] | None,
        startupinfo: None,
        creationflags: int,
        shell: bool,
        p2cread: int,
        p2cwrite: int,
        c2pread: int,
        c2pwrite: int,
        errread: int,
        errwrite: int,
        restore_signals: bool,
        gid: None,
        gids: None,
        uid: None,
        umask: int,
        start_new_session: bool,
        process_group: int = -1,
    ) -> None:
        assert args[0] == sys.executable
        order = Order(args[1:], str(cwd or Path.cwd()), dict(env or os.environ), start_new_session, preexec_fn)
        self._server = connected()
        given = (p2cread, c2pwrite, errwrite)
        fds = [number if fd == -1 else fd for number, fd in enumerate(given)]
        socket.send_fds(self._server, [pickle.dumps(order)], fds)
        self.pid = self._told()
        self._child_created = True
        self._close_pipe_fds(p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite)  # type: ignore[attr-defined]

    def _told(self) -> int:
        (number,) = NUMBER.unpack(self._server.recv(NUMBER.size))
        return int(number)

    def poll(self) -> int | None:
        return self._status if self._status is not None or not self._has_ended(0) else self.wait()

    def wait(self, timeout: float | None = None) -> int:
        if self._status is None:
            if not self._has_ended(timeout):
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            self.returncode = self._status = os.waitstatus_to_exitcode(self._told())
            self._server.close()
        return self._status

    def _has_ended(self, timeout: float | None) -> bool:
        return bool(select.select([self._server], [], [], timeout)[0])


def started(words: Sequence[str], **more: Any) -> subprocess.Popen[Any]:
    """``Popen``, preloaded where this test run has a server: a campaign that runs by itself has none."""
    return (Preloaded if FOLDER in os.environ else subprocess.Popen)(words, **more)


def run(words: Sequence[str], **more: Any) -> subprocess.CompletedProcess[str]:
    """``subprocess.run`` with both outputs as text."""
    with Preloaded(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more) as process:
        out, errors = process.communicate()
    return subprocess.CompletedProcess(words, process.returncode, out, errors)


def connected() -> socket.socket:
    """A connection to this test run's server, started by whoever needs it first."""
    folder = Path(os.environ[FOLDER])
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LONGEST_ORDER)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "socket").exists():
            words = [sys.executable, "-m", "tests.preloaded", str(folder), os.environ[OWNER]]
            os.posix_spawn(sys.executable, words, os.environ, setsid=True)
        end = time.monotonic() + START_SECONDS
        while connection.connect_ex(str(folder / "socket")):
            assert time.monotonic() < end, "the server of preloaded programs does not start"
            time.sleep(0.05)
    return connection


def serve(folder: Path, owner: int) -> Order:
    """Returns in every process that was ordered. Ends with ``owner``, which may be killed."""
    watched = os.pidfd_open(owner)
    for name in LOADED:
        importlib.import_module(name)
    gc.freeze()  # or the first full collection of each program would copy all these pages
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that watch over a program
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(folder / "socket"))
        listener.listen(64)
        while folder.is_dir():
            ready, _, _ = select.select([listener.fileno(), watched], [], [], 1)
            if watched in ready:
                shutil.rmtree(folder, ignore_errors=True)
            elif ready:
                connection, _ = listener.accept()
                if os.fork() == 0:
                    listener.close()
                    os.close(watched)
                    return watch_over(connection)
                connection.close()
    sys.exit(0)


def watch_over(connection: socket.socket) -> Order:
    """Start what is ordered, where this returns, and tell its number and its status."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    connection.settimeout(None)
    packed, fds, _, _ = socket.recv_fds(connection, LONGEST_ORDER, 3)
    order: Order = pickle.loads(packed)
    if (number := os.fork()) == 0:
        connection.close()
        for place, fd in enumerate(fds):
            os.dup2(fd, place)
        os.closerange(3, max(fds) + 1)
        return order
    for fd in fds:
        os.close(fd)
    with suppress(OSError):  # the test has ended
        connection.send(NUMBER.pack(number))
        connection.send(NUMBER.pack(os.waitpid(number, 0)[1]))
    os._exit(0)


def become(order: Order) -> None:
    """The program, as ``python`` runs it."""
    if order.new_session:
        os.setsid()
    if order.first:
        order.first()
    os.chdir(order.folder)
    os.environ.clear()
    os.environ.update(order.environment)
    unbuffered, words = order.words[0] == "-u", [word for word in order.words if word != "-u"]
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    if unbuffered:
        sys.stdout = io.TextIOWrapper(open(1, "wb", 0, closefd=False), write_through=True)  # noqa: SIM115
    else:
        sys.stdout = open(1, "w", buffering=1 if os.isatty(1) else -1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False, errors="backslashreplace")  # noqa: SIM115
    for name in ("stdin", "stdout", "stderr"):
        setattr(sys, f"__{name}__", getattr(sys, name))
    kind, what, *sys.argv[1:] = words
    if kind == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
        return
    sys.argv[0] = "-c"
    main = sys.modules["__main__"] = ModuleType("__main__")
    exec(compile(what, "<string>", "exec"), main.__dict__)


if __name__ == "__main__":
    become(serve(Path(sys.argv[1]), int(sys.argv[2])))
