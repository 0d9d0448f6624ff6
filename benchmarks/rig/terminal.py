"""A program in tmux, seen by a client in a pseudo-terminal of ours: keys go in, changes come out, as for a user.

What stands on the screen is asked of tmux and not read off the stream, which has only the cells that change. And
what is started here ends with the benchmark: after an exception, Ctrl-C, SIGTERM or a closed terminal the program is
asked to end, then killed; where the benchmark itself is killed, its client goes and takes tmux with it.
"""

import fcntl
import os
import pty
import re
import select
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

from .ending import family, lives, see_off, signals_unwind, undisturbed
from .load import OURS

GIVE_UP = 40.0
GRACE = 15.0
"""Seconds for a program that is asked to end: it may save first."""

LOOK = 0.1
"""Seconds between two looks at a screen on which nothing changes."""

FRAME = 0.001
"""What follows sooner than this belongs to the same drawing."""

ANSWER = re.compile(rb"%begin (\d+ \d+ 1)\n(.*?)%(?:end|error) \1\n", re.DOTALL)
"""What tmux answers to a command in control mode."""


class Terminal:
    def __init__(self, command: list[str], environment: dict[str, str], size: tuple[int, int] = (140, 45)) -> None:
        """``size`` in columns and rows. All begins with the ``with`` block, and ends with it."""
        if shutil.which("tmux") is None:
            sys.exit("this benchmark needs tmux")
        self._command, self._size = command, size
        self._environment = {**os.environ, **environment, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        self._held = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._held.enter_context(signals_unwind())
            folder = self._held.enter_context(tempfile.TemporaryDirectory())
            self._tmux = ["tmux", "-u", "-S", str(Path(folder) / "socket"), "-f", os.devnull]
            self._leader = self._open_client()
            self._control = self._open_control()
            told = self._ask("list-panes -F '#{pane_pid} #{pid}'").split()
            self.pid, self.server = int(told[0]), int(told[1])
            self._program = next((one for one in family(self.pid) if one.pid == self.pid), None)
            OURS.take_in(self.server)
            self._held.callback(self._end_program)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    # starting and ending

    def _open_client(self) -> int:
        """Start the server with the program in it and a client that shows it; our end of the client's terminal."""
        leader, follower = pty.openpty()
        self._held.callback(os.close, leader)
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", self._size[1], self._size[0], 0, 0))
        options = ["start-server", ";", "set", "-g", "status", "off", ";", "set", "-sg", "escape-time", "0", ";"]
        options += ["set", "-g", "remain-on-exit", "on", ";"]  # what a program said last can still be read
        options += ["set-hook", "-g", "client-detached", "run-shell 'kill -9 #{pid}'", ";"]
        command = [*self._tmux, *options, "new-session", f"exec {shlex.join(self._command)}"]
        client = subprocess.Popen(
            command, stdin=follower, stdout=follower, stderr=follower, env=self._environment, start_new_session=True
        )
        os.close(follower)
        self._held.callback(self._end_client, client)
        return leader

    def _open_control(self) -> "subprocess.Popen[bytes]":
        """A second client, that draws nothing and answers questions in a fraction of a millisecond."""
        end = time.monotonic() + GIVE_UP
        while subprocess.run([*self._tmux, "has-session"], capture_output=True, check=False).returncode:
            if time.monotonic() > end:
                sys.exit(f"tmux does not start within {GIVE_UP:.0f} s")
            time.sleep(0.02)
        control = subprocess.Popen(
            [*self._tmux, "-C", "attach", "-f", "no-output,ignore-size"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self._environment,
            start_new_session=True,
        )
        self._held.callback(self._end_client, control)
        return control

    def _end(self) -> None:
        with undisturbed():
            self._held.close()

    def _end_program(self) -> None:
        """The whole family, and the server: tmux hangs up, which the application takes as the wish to save and end."""
        OURS.let_go(self.server)
        processes = family(self.pid, self.server)
        with suppress(subprocess.TimeoutExpired):
            subprocess.run([*self._tmux, "kill-server"], check=False, capture_output=True, timeout=GRACE)
        see_off(processes, GRACE)

    def _end_client(self, client: "subprocess.Popen[bytes]") -> None:
        for pipe in (client.stdin, client.stdout):
            if pipe:
                with suppress(BrokenPipeError):
                    pipe.close()
        with suppress(subprocess.TimeoutExpired):
            client.wait(1.0)
        client.kill()
        client.wait()

    # keys and what they do

    def press(self, key: str) -> None:
        os.write(self._leader, key.encode())

    def until(self, *words: str, patience: float = GIVE_UP) -> float:
        """Wait until any of ``words`` stand on the screen; the moment they were drawn, by time.monotonic."""
        quoted = " or ".join(f"“{one}”" for one in words)
        return self._wait(lambda screen: any(one in screen for one in words), f"show {quoted}", patience)

    def until_gone(self, words: str, patience: float = GIVE_UP) -> float:
        return self._wait(lambda screen: words not in screen, f"lose “{words}”", patience)

    def reaction(self, key: str, *words: str) -> float:
        """Seconds from the key until the screen shows any of ``words``, which it must not show before."""
        screen = self.screen
        if there := [one for one in words if one in screen]:
            self.fail(f"“{there[0]}” stands on the screen before the key {key!r} that is to bring it is pressed")
        start = time.monotonic()
        self.press(key)
        return self.until(*words) - start

    def watch(self, seconds: float) -> None:
        """Let time pass; what is drawn meanwhile is read and forgotten."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._read(left)

    def until_ended(self, patience: float = GIVE_UP) -> None:
        """Wait until the program has come to its end."""
        end = time.monotonic() + patience
        while not self.is_over:
            if time.monotonic() > end:
                self.fail(f"the program has not ended within {patience:.0f} s")
            self._read(LOOK)

    @property
    def is_over(self) -> bool:
        return self._program is None or not lives(self._program)  # tmux does not always collect it

    @property
    def screen(self) -> str:
        """What stands on it, or stood when the program ended."""
        return self._ask("capture-pane -p")

    def fail(self, reason: str) -> NoReturn:
        sys.exit(f"{reason}; the screen:\n{self.screen.rstrip()}")

    def _wait(self, come_true: Callable[[str], bool], what: str, patience: float) -> float:
        end = time.monotonic() + patience
        while True:
            over = self.is_over  # asked first: what it drew last is then on the screen
            moment = time.monotonic()
            if come_true(self.screen):
                return max(moment, self._drawn())
            if over:
                self.fail(f"the program ended before the screen did {what}")
            if time.monotonic() > end:
                self.fail(f"the screen does not {what} within {patience:.0f} s")
            self._read(LOOK)

    def _drawn(self) -> float:
        """When the last of what is on its way to the client arrived there."""
        moment, end = 0.0, time.monotonic() + LOOK
        while time.monotonic() < end and self._read(FRAME):
            moment = time.monotonic()
        return moment

    def _read(self, patience: float) -> bytes:
        """What the client draws, once there is something; nothing where that takes longer than ``patience`` seconds."""
        if not select.select([self._leader], [], [], patience)[0]:
            return b""
        try:
            return os.read(self._leader, 65536)
        except OSError:  # how Linux tells that the other end is closed
            sys.exit("tmux ended, and the program with it")

    def _ask(self, command: str) -> str:
        assert self._control.stdin and self._control.stdout
        answers = self._control.stdout.fileno()
        told, end = b"", time.monotonic() + GIVE_UP
        try:
            self._control.stdin.write(f"{command}\n".encode())
            self._control.stdin.flush()
            while not (found := ANSWER.search(told)):
                ready = select.select([answers], [], [], max(end - time.monotonic(), 0))[0]
                if not ready or not (more := os.read(answers, 65536)):
                    sys.exit(f"tmux does not answer {command!r}")
                told += more
        except BrokenPipeError:
            sys.exit("tmux ended, and the program with it")
        return found[2].decode(errors="replace")
