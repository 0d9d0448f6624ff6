"""The real program in a pseudo-terminal, when something breaks or makes noise beside it."""

import os
import re
import time
from pathlib import Path

import pytest

from tests.vsrpp_tui.program import TINY, StartProgram, last_event
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.folder import RunFolder
from vsrpp_tui.terminal.output import log_path
from vsrpp_tui.widgets.panels.view_line import VIEWS

pytestmark = pytest.mark.terminal

BROKEN_PANEL = """
import sys
from vsrpp_tui.widgets.panels.learning import LossPanel
picture = LossPanel.picture
def broken(panel, state, width):
    if state.current_step > 10:
        raise RuntimeError("a panel broke")
    return picture(panel, state, width)
LossPanel.picture = broken
from vsrpp_tui.cli import main
sys.exit(main())
"""

NOISE = """
import os, threading, time
def noise():
    while True:
        os.write(1, b"NOISE-1 of a library\\n")
        os.write(2, b"NOISE-2 of a library\\n")
        time.sleep(0.02)
os.register_at_fork(after_in_child=threading.Thread(target=noise, daemon=True).start)
"""
"""As sitecustomize: the loader's workers, which a server forks, write to both descriptors as native code does."""


def words(drawn: bytes) -> str:
    """What was printed, without escape sequences."""
    return re.sub(r"\x1b\[[0-9;?<>=]*[a-zA-Z]|\x1b[=>]", "", drawn.decode(errors="replace"))


def test_a_widget_that_breaks_ends_the_program_and_saves_the_run(tmp_path: Path, start_program: StartProgram) -> None:
    program, run = start_program(program=("-c", BROKEN_PANEL)), tmp_path / "run"
    program.keys("s")
    assert program.end() == 1
    assert last_event(run) == "SessionEnded" and (run / "checkpoint_recovery.pth").is_file()
    assert b"\x1b[?1049l" in program.drawn, "the alternate screen was not left"
    said = words(program.drawn.split(b"\x1b[?1049l")[-1]).strip()
    assert said.count("\n") == 0 and said.startswith("vsrpp-tui: ") and "Traceback" not in said
    assert "checkpoint_recovery.pth" in said and str(log_path()) in said
    assert "a panel broke" in log_path().read_text(), "the traceback is lost"
    assert program.is_canonical


def test_the_training_goes_on_without_a_screen_where_that_was_asked(
    tmp_path: Path, start_program: StartProgram
) -> None:
    program, run = start_program(program=("-c", BROKEN_PANEL, "--go-on")), tmp_path / "run"
    program.keys("s")
    program.until(lambda: b"training continues without it" in program.drawn, "the word that it continues")
    before = steps_of(run)
    program.until(lambda: steps_of(run) > before + 1, "steps without a screen")
    assert program.is_canonical
    program.keys("\x03")
    assert program.end() == 0
    assert last_event(run) == "SessionEnded" and "checkpoint_recovery.pth" in words(program.drawn).splitlines()[-1]


def test_what_workers_write_tears_no_screen(
    tmp_path: Path, start_program: StartProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "noise").mkdir()
    (tmp_path / "noise" / "sitecustomize.py").write_text(NOISE)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'noise'}:{os.environ.get('PYTHONPATH', '')}")
    run = tmp_path / "run"
    run.mkdir()
    RunConfig().with_overrides({**TINY, "data.workers": 2}).save(RunFolder(run).config)
    program = start_program()
    program.keys("s")
    program.until(lambda: steps_of(run) > 1 and "NOISE-2" in log_path().read_text(), "training with noisy workers")
    program.keys("q")
    assert program.end() == 0
    assert "NOISE-1" in log_path().read_text() and b"NOISE" not in program.drawn
    assert last_event(run) == "SessionEnded"


def test_a_terminal_made_tiny_and_large_again_changes_nothing(tmp_path: Path, start_program: StartProgram) -> None:
    program, run = start_program(), tmp_path / "run"
    program.keys("s")
    program.until(lambda: last_event(run) == "StepReported", "training")
    for view in VIEWS[1:]:
        for size in ((20, 5), (1, 1), (200, 60), (20, 5), (100, 32)):
            program.resize(*size)
            shown = time.monotonic() + 0.2
            program.until(lambda shown=shown: time.monotonic() > shown, "a moment")  # type: ignore[misc]
        program.drawn = b""
        program.keys("s")
        program.until(lambda view=view: f"▸ {view}" in words(program.drawn), "the next view")  # type: ignore[misc]
    before = steps_of(run)
    program.until(lambda: steps_of(run) > before, "more steps")
    program.keys("q")
    assert program.end() == 0 and last_event(run) == "SessionEnded"


def steps_of(run: Path) -> int:
    """Steps that its journal tells of."""
    journal = run / "events.jsonl"
    return journal.read_text().count('"StepReported"') if journal.exists() else 0
