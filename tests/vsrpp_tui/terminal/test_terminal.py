"""The real program in a real terminal: tmux types, and reads what stands on the screen."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import MakeDataset
from tests.vsrpp_tui.program import tiny_run

pytestmark = [
    pytest.mark.terminal,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]

PROMPT = "shell-is-back"


class Terminal:
    """One tmux session on a server of its own."""

    def __init__(self, socket: Path, width: int, height: int) -> None:
        self._tmux = ["tmux", "-S", str(socket)]
        size = ["-x", str(width), "-y", str(height)]
        shell = f"env PS1='{PROMPT} ' bash --norc --noprofile"
        subprocess.run([*self._tmux, "-f", os.devnull, "new-session", "-d", "-s", "t", *size, shell], check=True)

    def keys(self, *keys: str) -> None:
        subprocess.run([*self._tmux, "send-keys", "-t", "t", *keys], check=True)

    def run(self, command: str) -> None:
        subprocess.run([*self._tmux, "send-keys", "-t", "t", "-l", command], check=True)
        self.keys("Enter")

    @property
    def screen(self) -> str:
        capture = [*self._tmux, "capture-pane", "-p", "-t", "t"]
        return subprocess.run(capture, check=True, capture_output=True, text=True).stdout

    def until(self, condition: Callable[[str], object], what: str, seconds: float = 60) -> str:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if condition(screen := self.screen):
                return screen
            time.sleep(0.1)
        raise AssertionError(f"{what} did not come about in {seconds} s; the screen:\n{self.screen}")

    def close(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], check=False)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path / "tmux", 100, 32)
    yield terminal
    terminal.close()


def step_on(screen: str) -> int:
    found = re.search(r"step ([\d,]+) of", screen)
    return int(found[1].replace(",", "")) if found else -1


def application(run: Path, data: Path) -> str:
    return f"{sys.executable} -m vsrpp_tui {run} --data {data}"


def test_from_start_to_resume(terminal: Terminal, tmp_path: Path, make_dataset: MakeDataset) -> None:
    run, data = tiny_run(tmp_path / "run"), make_dataset()
    terminal.until(lambda s: PROMPT in s, "the shell")
    terminal.run(application(run, data))
    terminal.until(lambda s: "[S]tart" in s, "the start screen")
    terminal.keys("l")
    terminal.until(lambda s: step_on(s) > 5, "training")

    terminal.keys("p")
    stood = step_on(terminal.until(lambda s: "‖ paused" in s, "the pause"))
    time.sleep(1)
    assert step_on(terminal.screen) - stood <= 1, "steps went on while paused"
    terminal.keys("c")
    terminal.until(lambda s: "checkpoint_step_" in s, "the checkpoint's line")
    assert list(run.glob("checkpoint_step_*.pth"))
    terminal.keys("p")
    terminal.until(lambda s: step_on(s) > stood + 5, "training after the pause")

    terminal.keys("q")
    screen = terminal.until(lambda s: s.rstrip().endswith(PROMPT), "the shell's return")
    assert "checkpoint_recovery.pth" in screen.replace("\n", "")
    terminal.run(application(run, data))
    resumed = terminal.until(lambda s: "[F]ortsetzen" in s, "the start screen of a trained run")
    at = int(re.search(r"resume at step ([\d,]+)", resumed)[1].replace(",", ""))  # type: ignore[index]
    terminal.keys("f", "Enter")
    terminal.until(lambda s: step_on(s) > at, "going on")
    terminal.keys("C-c")
    terminal.until(lambda s: s.rstrip().endswith(PROMPT), "the shell's return after ctrl+c")
    terminal.run("stty -a | grep -c ' icanon'")
    terminal.until(lambda s: re.search(r"^1$", s, re.MULTILINE), "a terminal as it was")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda n: n.name)
def test_a_signal_saves(terminal: Terminal, tmp_path: Path, make_dataset: MakeDataset, number: signal.Signals) -> None:
    run = tiny_run(tmp_path / "run")
    terminal.until(lambda s: PROMPT in s, "the shell")
    terminal.run(application(run, make_dataset()))
    terminal.until(lambda s: "[S]tart" in s, "the start screen")
    terminal.keys("s")
    terminal.until(lambda s: step_on(s) > 5, "training")
    os.kill(int((run / ".owner").read_text()), number)
    terminal.until(lambda s: s.rstrip().endswith(PROMPT), "the shell's return")
    assert (run / "checkpoint_recovery.pth").is_file()


def test_tensorboard_goes_with_the_application(terminal: Terminal, tmp_path: Path, make_dataset: MakeDataset) -> None:
    import psutil

    run = tiny_run(tmp_path / "run")
    terminal.until(lambda s: PROMPT in s, "the shell")
    terminal.run(application(run, make_dataset()))
    terminal.until(lambda s: "[S]tart" in s, "the start screen")
    terminal.keys("s")
    terminal.until(lambda s: step_on(s) > 5, "training")
    terminal.keys("b")
    terminal.until(lambda s: "http://127.0.0.1:" in s, "TensorBoard's address")
    owner = psutil.Process(int((run / ".owner").read_text()))
    servers = [child for child in owner.children() if "vsrpp_tui.threads.tensorboard_server" in child.cmdline()]
    assert len(servers) == 1
    owner.kill()  # no goodbye: the server must notice by itself
    assert psutil.wait_procs(servers, timeout=20)[1] == []
