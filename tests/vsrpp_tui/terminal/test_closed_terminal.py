"""The real program in a pseudo-terminal that is closed under it, as a window or an ssh connection is."""

import fcntl
import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import MakeDataset
from tests.vsrpp_core.apply.conftest import Film, shot, write_film, write_network
from tests.vsrpp_tui.threads.test_session import tiny_run
from vsrpp_tui.terminal import TerminalFile, log_path

pytestmark = pytest.mark.terminal

GONE_SECONDS = 30
ALTERNATE_SCREEN = b"\x1b[?1049h"


class Program:
    """The application in a terminal of 100 × 32; ``heard``: it is that terminal's own, and the system sends SIGHUP."""

    def __init__(self, run: Path, data: Path, heard: bool, program: Sequence[str] = ("-m", "vsrpp_tui")) -> None:
        self._leader, follower = pty.openpty()
        termios.tcsetwinsize(follower, (32, 100))
        self._process = subprocess.Popen(
            [sys.executable, *program, str(run), "--data", str(data)],
            stdin=follower,
            stdout=follower,
            stderr=follower,
            env={**os.environ, "TERM": "xterm-256color"},
            start_new_session=True,
            preexec_fn=(lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)) if heard else None,
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


@pytest.fixture
def start(tmp_path: Path, make_dataset: MakeDataset) -> Iterator[StartProgram]:
    """Start the application on a tiny run in ``tmp_path/run``, and wait for its start screen."""
    started = []

    def make(heard: bool = True, **other: Any) -> Program:
        """``other``: what else Program takes; a run that is there already is used."""
        run = tmp_path / "run" if (tmp_path / "run").is_dir() else tiny_run(tmp_path / "run")
        started.append(program := Program(run, make_dataset(), heard, **other))
        program.until(lambda: b"[S]tart" in program.drawn, "the start screen")
        return program

    yield make
    for program in started:
        program.kill()


def last_event(run: Path) -> str:
    lines = (run / "events.jsonl").read_text().splitlines() if (run / "events.jsonl").exists() else []
    return str(json.loads(lines[-1])["event"]) if lines else ""


@pytest.mark.parametrize("heard", [True, False], ids=["with SIGHUP", "unheard"])
def test_closing_it_while_training_saves_and_ends_all(tmp_path: Path, start: StartProgram, heard: bool) -> None:
    program, run = start(heard), tmp_path / "run"
    program.keys("s")
    program.until(lambda: last_event(run) == "StepReported", "training")
    program.keys("b")
    program.until(lambda: b"http://127.0.0.1:" in program.drawn, "TensorBoard's address")
    assert program.close_terminal() == []
    assert last_event(run) == "SessionEnded" and (run / "checkpoint_recovery.pth").is_file()
    assert "checkpoint_recovery.pth" in log_path().read_text(), "the last words are lost"


@pytest.mark.parametrize("heard", [True, False], ids=["with SIGHUP", "unheard"])
def test_closing_it_on_the_start_screen_ends_the_program(start: StartProgram, heard: bool) -> None:
    assert start(heard).close_terminal() == []


def test_sigcont_alone_does_not_start_the_screen_again(start: StartProgram) -> None:
    program = start()
    program.signal(signal.SIGCONT)
    program.keys("?")
    program.until(lambda: b"Keys and words" in program.drawn, "help")
    assert program.drawn.count(ALTERNATE_SCREEN) == 1


def test_a_suspended_screen_comes_back(start: StartProgram) -> None:
    program = start()
    program.signal(signal.SIGTSTP)
    program.until(lambda: program.is_stopped, "standstill")
    program.signal(signal.SIGCONT)
    program.until(lambda: program.drawn.count(ALTERNATE_SCREEN) == 2, "the screen")
    program.keys("?")
    program.until(lambda: b"Keys and words" in program.drawn, "help")


def test_a_terminal_file_takes_everything_also_when_it_is_gone() -> None:
    leader, follower = pty.openpty()
    with TerminalFile(follower, "w") as file:
        assert file.write(b"seen") == 4 and os.read(leader, 10) == b"seen"
        os.close(leader)
        assert file.write(b"unseen") == 6


@pytest.mark.parametrize("how", ["closed", "SIGTERM"])
def test_an_upscaling_that_is_ended_goes_on_with_the_command_told(
    tmp_path: Path, start: StartProgram, how: str
) -> None:
    run, source = tmp_path / "run", tmp_path / "film.mkv"
    write_film(source, Film(shot(1, 900), times=[1000 * n for n in range(900)]))
    program = start()
    write_network(run / "checkpoint_best.pth", adds=3.0)
    program.keys("u")
    program.until(lambda: b"ctrl+s" in program.drawn or b"upscale films" in program.drawn, "the form")
    program.keys(str(source))
    program.until(lambda: b"32x24 to 96x72" in program.drawn, "what will become of it")
    program.keys("\x13")
    segment = tmp_path / ".film-3x.mkv.vsrpp" / "segment_000000.json"
    program.until(segment.exists, "a segment")
    if how == "closed":
        assert program.close_terminal() == []
        told = log_path().read_text()
    else:
        program.signal(signal.SIGTERM)
        assert program.end() == 0
        told = program.drawn.decode(errors="replace")
    assert segment.exists() and not (tmp_path / "film-3x.mkv").exists()
    command = f"vsrpp upscale {run / 'checkpoint_best.pth'} {source} {tmp_path / 'film-3x.mkv'}"
    assert f"Go on with: {command}" in told.replace("\r\n", "")
    goes_on = subprocess.run([sys.executable, "-m", "vsrpp_core", *command.split()[1:]], capture_output=True, text=True)
    assert goes_on.returncode == 0 and "goes on after" in goes_on.stdout, goes_on.stderr
    assert (tmp_path / "film-3x.mkv").exists()
