"""The real program in a pseudo-terminal, driven by its keys and read by what it draws."""

import fcntl
import json
import os
import pty
import select
import signal
import sys
import termios
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from tests.preloaded import Preloaded
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.folder import RunFolder

TINY = {
    "model.n_feats": 4,
    "model.n_blocks": 2,
    "training.batch_size": 2,
    "training.max_steps": 100_000,
    "training.precision": "fp32",
}


def tiny_run(path: Path) -> Path:
    """A run whose settings make a step a matter of milliseconds."""
    path.mkdir()
    RunConfig().with_overrides(TINY).save(RunFolder(path).config)
    return path


GONE_SECONDS = 30


def take_terminal() -> None:
    """Make standard input this session's terminal."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Program:
    """The application in a terminal of 100 × 32; ``heard``: it is that terminal's own, and the system sends SIGHUP."""

    def __init__(self, run: Path, data: Path, heard: bool, program: Sequence[str] = ("-m", "vsrpp_tui")) -> None:
        self._leader, follower = pty.openpty()
        termios.tcsetwinsize(follower, (32, 100))
        self._process = Preloaded(
            [sys.executable, *program, str(run), "--data", str(data)],
            stdin=follower,
            stdout=follower,
            stderr=follower,
            env={**os.environ, "TERM": "xterm-256color"},
            start_new_session=True,
            preexec_fn=take_terminal if heard else None,
        )
        os.close(follower)
        self.drawn = b""

    def keys(self, keys: str) -> None:
        os.write(self._leader, keys.encode())

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    @property
    def is_stopped(self) -> bool:
        return psutil.Process(self._process.pid).status() == psutil.STATUS_STOPPED

    def until(self, condition: Callable[[], object], what: str, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, (
                f"{what} did not come about in {seconds} s; drawn last: {self.drawn[-2000:]!r}"
            )
            if select.select([self._leader], [], [], 0.05)[0]:
                self.drawn += os.read(self._leader, 65536)

    def resize(self, width: int, height: int) -> None:
        termios.tcsetwinsize(self._leader, (height, width))
        self.signal(signal.SIGWINCH)

    @property
    def is_canonical(self) -> bool:
        """Whether the terminal hands over lines again, as a shell expects it."""
        return bool(termios.tcgetattr(self._leader)[3] & termios.ICANON)

    def end(self, seconds: float = 60) -> int:
        """Its exit status, once it has ended by itself; all that it drew until then is in ``drawn``."""
        with suppress(OSError):  # nobody has the terminal open any more
            self.until(lambda: False, "its end", seconds)
        return self._process.wait(GONE_SECONDS)

    def close_terminal(self) -> list[psutil.Process]:
        """The program and its children that are alive after GONE_SECONDS."""
        program = psutil.Process(self._process.pid)
        family = [program, *program.children(recursive=True)]
        os.close(self._leader)
        self._leader = -1
        return psutil.wait_procs(family, timeout=GONE_SECONDS)[1]

    def kill(self) -> None:
        if self._leader >= 0:
            os.close(self._leader)
        self._process.kill()
        self._process.wait()


StartProgram = Callable[..., Program]


def last_event(run: Path) -> str:
    lines = (run / "events.jsonl").read_text().splitlines() if (run / "events.jsonl").exists() else []
    return str(json.loads(lines[-1])["event"]) if lines else ""
