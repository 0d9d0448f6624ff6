"""The rig's terminal: it sees what a user sees, says what went wrong, and leaves nothing running."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from benchmarks.rig.ending import lives
from benchmarks.rig.terminal import Terminal
from tests.helpers import ROOT

pytestmark = [
    pytest.mark.terminal,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]

STUBBORN = "import signal, time; signal.signal(signal.SIGHUP, signal.SIG_IGN); print('up', flush=True); time.sleep(300)"
CHILD = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-S", "-c", code, *arguments]


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def test_words_are_seen_whose_cells_came_one_by_one() -> None:
    code = "import time; print('old', end='', flush=True); input(); print('\\x1b[1;1Hc', end='', flush=True)"
    with Terminal(python(f"{code}; time.sleep(300)"), {}) as terminal:
        terminal.until("old")
        terminal.press("\n")
        terminal.until("cld")
        terminal.until("cld")  # what stands there already counts too
        terminal.until_gone("old")


ECHO = """
import sys, tty
tty.setraw(0)
print("ready", end="", flush=True)
while key := sys.stdin.read(1):
    print(f"\\x1b[2;1H<{ord(key):03}>", end="", flush=True)
"""


def test_the_time_from_a_key_to_what_it_draws() -> None:
    with Terminal(python(ECHO), {}) as terminal:
        terminal.until("ready")
        assert 0 < terminal.reaction("a", "<097>") < 20
        assert 0 < terminal.reaction("\x1b", "<000>", "<027>") < 20
        with pytest.raises(SystemExit, match="“<027>” stands on the screen before the key 'b'"):
            terminal.reaction("b", "<027>")
        with pytest.raises(SystemExit, match=r"(?s)does not show “never” within 0 s; the screen:.*ready"):
            terminal.until("never", patience=0.2)


def test_a_program_that_dies_is_told_at_once_with_what_it_said_last() -> None:
    with Terminal(python("raise RuntimeError('no such luck')"), {}) as terminal:
        with pytest.raises(SystemExit, match=r"(?s)the program ended before the screen did show “Start”.*no such luck"):
            terminal.until("Start", patience=60)
        terminal.until_ended(0)


def test_a_program_that_does_not_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.rig.terminal.GRACE", 0.5)
    with Terminal(python(STUBBORN), {}) as terminal:
        terminal.until("up")
        with pytest.raises(SystemExit, match=r"(?s)has not ended within 0 s.*up"):
            terminal.until_ended(0)


def test_an_exception_ends_program_children_and_tmux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.rig.terminal.GRACE", 0.5)
    processes: list[psutil.Process] = []
    with pytest.raises(ZeroDivisionError), Terminal(python(CHILD, STUBBORN), {}) as terminal:
        terminal.until("up")
        program = psutil.Process(terminal.pid)
        processes = [program, psutil.Process(terminal.server), *program.children()]
        raise ZeroDivisionError
    assert len(processes) == 3 and not any(map(lives, processes))


BENCHMARK = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
from benchmarks.rig.terminal import Terminal
with Terminal(sys.argv[1:], {}) as terminal:
    terminal.until("up")
    print(terminal.pid, terminal.server, flush=True)
    terminal.watch(300)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=lambda number: number.name)
def test_a_signal_to_the_benchmark_ends_what_it_started(tmp_path: Path, number: signal.Signals) -> None:
    code = "import time; print('up', flush=True); time.sleep(300)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", BENCHMARK, *python(code)]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as benchmark:
        assert benchmark.stdout
        processes = [psutil.Process(int(word)) for word in benchmark.stdout.readline().split()]
        benchmark.send_signal(number)
        benchmark.wait(30)
    assert len(processes) == 2 and wait_for(lambda: not any(map(lives, processes)))
    if number != signal.SIGKILL:
        assert list(tmp_path.iterdir()) == [], "its folder is left"
