"""A program in tmux, seen by a client in a pseudo-terminal of ours: keys go in, changes come out, as for a user."""

import fcntl
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

ESCAPES = re.compile(rb"\x1b(\[[0-9;:?<>=]*[a-zA-Z]|\][^\x07\x1b]*(\x07|\x1b\\)|[()][A-Z0-9]|[=>78M])")
GIVE_UP = 40.0


class Terminal:
    def __init__(self, command: list[str], environment: dict[str, str], size: tuple[int, int] = (140, 45)) -> None:
        if shutil.which("tmux") is None:
            sys.exit("this benchmark needs tmux")
        self._folder = tempfile.TemporaryDirectory()
        self._tmux = ["tmux", "-u", "-S", str(Path(self._folder.name) / "socket"), "-f", os.devnull]
        environment = {**os.environ, **environment, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        place = ["-x", str(size[0]), "-y", str(size[1])]
        options = [";", "set", "-g", "status", "off", ";", "set", "-sg", "escape-time", "0"]
        shell = "exec " + " ".join(f"'{word}'" for word in command)
        subprocess.run([*self._tmux, "new-session", "-d", *place, shell, *options], env=environment, check=True)
        self._leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self._client = subprocess.Popen(
            [*self._tmux, "attach"],
            stdin=follower,
            stdout=follower,
            stderr=follower,
            env=environment,
            start_new_session=True,
        )
        os.close(follower)

    @property
    def pid(self) -> int:
        told = subprocess.run([*self._tmux, "list-panes", "-F", "#{pane_pid}"], capture_output=True, check=True)
        return int(told.stdout)

    def press(self, key: str) -> None:
        os.write(self._leader, key.encode())

    def until(self, words: str, patience: float = GIVE_UP) -> float:
        """Read until ``words`` are drawn; the moment they were, by time.monotonic."""
        seen, end = b"", time.monotonic() + patience
        while words.encode() not in ESCAPES.sub(b"", seen):
            left = end - time.monotonic()
            if left <= 0 or not select.select([self._leader], [], [], left)[0]:
                sys.exit(f"the screen does not show “{words}” within {patience:.0f} s:\n{self.screen}")
            seen = seen[-65536:] + os.read(self._leader, 65536)
        return time.monotonic()

    def watch(self, seconds: float) -> None:
        """Let time pass; what is drawn meanwhile is read and forgotten."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self._leader], [], [], left)[0]:
                os.read(self._leader, 65536)

    def reaction(self, key: str, words: str) -> float:
        """Seconds from the key until the screen shows ``words``."""
        start = time.monotonic()
        self.press(key)
        return self.until(words) - start

    @property
    def screen(self) -> str:
        return subprocess.run([*self._tmux, "capture-pane", "-p"], capture_output=True, text=True, check=False).stdout

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        subprocess.run([*self._tmux, "kill-server"], check=False, stderr=subprocess.DEVNULL)
        self._client.wait()
        os.close(self._leader)
        self._folder.cleanup()


KEYS = (
    *(("s", f"▸ {view}") for view in ("charts", "activity", "pictures", "log", "overview")),
    ("?", "Keys and words"),
    ("l", "following"),
    ("m", "Mark this moment"),
)
"""Keys and what they make appear. Those beyond the views open a screen, which Escape closes."""


def reactions(terminal: Terminal, rounds: int, keys: Iterable[tuple[str, str]] = KEYS) -> list[float]:
    """Seconds of each key of ``rounds`` times ``keys``, at uneven moments."""
    seconds = []
    for round_ in range(rounds):
        for index, (key, words) in enumerate(keys):
            terminal.watch(0.15 + 0.037 * ((7 * index + 3 * round_) % 6))
            seconds.append(terminal.reaction(key, words))
            if key != "s":
                terminal.press("\x1b")
                terminal.watch(0.3)
    return seconds


def peak_memory(pid: int) -> float:
    """The most that the process has held, MB."""
    return _status(pid, "VmHWM")


def memory(pid: int) -> float:
    return _status(pid, "VmRSS")


def _status(pid: int, kind: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(kind):
            return round(int(line.split()[1]) / 1000, 1)
    sys.exit(f"/proc/{pid}/status does not tell {kind}; this benchmark needs Linux")


def quantile(values: Iterable[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]
