"""The real program in a pseudo-terminal that is closed under it, as a window or an ssh connection is."""

import os
import pty
import signal
import sys
from pathlib import Path

import pytest

from tests import preloaded
from tests.vsrpp_core.apply.conftest import Film, shot, write_film, write_network
from tests.vsrpp_tui.program import StartProgram, last_event
from vsrpp_tui.terminal.output import TerminalFile, log_path

pytestmark = pytest.mark.terminal

ALTERNATE_SCREEN = b"\x1b[?1049h"


@pytest.mark.parametrize("heard", [True, False], ids=["with SIGHUP", "unheard"])
def test_closing_it_while_training_saves_and_ends_all(tmp_path: Path, start_program: StartProgram, heard: bool) -> None:
    program, run = start_program(heard), tmp_path / "run"
    program.keys("s")
    program.until(lambda: last_event(run) == "StepReported", "training")
    program.keys("b")
    program.until(lambda: b"http://127.0.0.1:" in program.drawn, "TensorBoard's address")
    assert program.close_terminal() == []
    assert last_event(run) == "SessionEnded" and (run / "checkpoint_recovery.pth").is_file()
    assert "checkpoint_recovery.pth" in log_path().read_text(), "the last words are lost"


@pytest.mark.parametrize("heard", [True, False], ids=["with SIGHUP", "unheard"])
def test_closing_it_on_the_start_screen_ends_the_program(start_program: StartProgram, heard: bool) -> None:
    assert start_program(heard).close_terminal() == []


def test_sigcont_alone_draws_again_and_leaves_no_thread_behind(start_program: StartProgram) -> None:
    program = start_program()
    program.signal(signal.SIGCONT)
    program.until(lambda: program.drawn.count(ALTERNATE_SCREEN) == 2, "the screen")
    program.keys("?")
    program.until(lambda: b"Keys and words" in program.drawn, "help")
    assert program.close_terminal() == []


@pytest.mark.parametrize("stop", [signal.SIGTSTP, signal.SIGSTOP, "\x1a"], ids=["SIGTSTP", "SIGSTOP", "ctrl+z"])
def test_a_suspended_screen_comes_back(start_program: StartProgram, stop: signal.Signals | str) -> None:
    program = start_program()
    if isinstance(stop, str):
        program.keys(stop)
    else:
        program.signal(stop)
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
    tmp_path: Path, start_program: StartProgram, how: str
) -> None:
    run, source = tmp_path / "run", tmp_path / "film.mkv"
    write_film(source, Film(shot(1, 900), times=[1000 * n for n in range(900)]))
    program = start_program()
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
    assert f"continue with: {command}" in told.replace("\r\n", "")
    goes_on = preloaded.run([sys.executable, "-m", "vsrpp_core", *command.split()[1:]])
    assert goes_on.returncode == 0 and "resumes after" in goes_on.stdout, goes_on.stderr
    assert (tmp_path / "film-3x.mkv").exists()
