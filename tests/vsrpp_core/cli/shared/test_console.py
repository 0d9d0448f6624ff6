import errno
import io
import json
import math
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from typing import Any
from unittest.mock import Mock

import pytest

from vsrpp_core.apply.evaluate import ClipScores, Options
from vsrpp_core.cli.networks.evaluate import show_evaluation
from vsrpp_core.cli.runs.train import SAVING_SECONDS, _stop_on_signals
from vsrpp_core.cli.shared.console import Progressed, ProgressView, Terminal, on_signals, same_command
from vsrpp_core.errors import VsrppError, command
from vsrpp_core.messages.commands import CommandQueue, Stop
from vsrpp_core.messages.events import WarningRaised
from vsrpp_core.network.metrics import Score

pytestmark = pytest.mark.usefixtures("heard_signals")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_asks_the_session_to_stop(number: signal.Signals) -> None:
    commands, before = CommandQueue(), signal.getsignal(number)
    with _stop_on_signals(commands):
        os.kill(os.getpid(), number)
        assert commands.get(timeout=5) == Stop()
    assert signal.getsignal(number) is before


def test_what_nohup_ignores_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    commands = CommandQueue()
    with _stop_on_signals(commands):
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGTERM)
        assert commands.get(timeout=5) == Stop()
    with pytest.raises(Empty):
        commands.get_nowait()
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_a_second_interrupt_gives_up_at_once_and_a_second_hang_up_does_not() -> None:
    with pytest.raises(KeyboardInterrupt), on_signals(lambda: None):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupt_pressed_twice_does_not_cost_a_save_and_a_late_one_gives_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with pytest.raises(KeyboardInterrupt), _stop_on_signals(CommandQueue()):
        for second in (0.0, 0.01, SAVING_SECONDS - 1):
            now[0] = second
            os.kill(os.getpid(), signal.SIGINT)
        assert now[0] == SAVING_SECONDS - 1, "still asked only"
        now[0] = SAVING_SECONDS + 1
        os.kill(os.getpid(), signal.SIGINT)
    assert now[0] == SAVING_SECONDS + 1


def test_a_warning_of_an_evaluation_leaves_its_json_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one = Score(30.0, 0.5)

    def compare(networks: list[Path], *anything: Any) -> Iterator[tuple[Path, WarningRaised | ClipScores]]:
        yield networks[0], WarningRaised(message="frames are upscaled in tiles")
        yield networks[0], ClipScores("walk", 2, one, one, one, one)

    monkeypatch.setattr("vsrpp_core.apply.evaluate.compare", compare)
    assert show_evaluation([Path("a.pth")], [Path("walk")], Options(), as_json=True, out=None) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)[0]["clip"] == "walk" and told.err == "warning: frames are upscaled in tiles\n"


def test_scores_that_cannot_be_written_are_printed_and_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    one = Score(30.0, 0.5)
    steps = [(Path("a.pth"), ClipScores("walk", 2, one, one, one, one))]
    monkeypatch.setattr("vsrpp_core.apply.evaluate.compare", lambda *anything: iter(steps))
    full = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr("vsrpp_core.cli.networks.evaluate.write_text_atomically", Mock(side_effect=full))
    with pytest.raises(VsrppError, match=r"a\.csv could not be written"):
        show_evaluation([Path("a.pth")], [Path("walk")], Options(), as_json=True, out=tmp_path / "a.csv")
    assert json.loads(capsys.readouterr().out)[0]["clip"] == "walk"


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("vsrpp_core.cli.shared.console.time.monotonic", lambda: self.now)


def test_without_a_terminal_a_line_of_progress_is_printed_every_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, terminal = Clock(monkeypatch), Terminal(file=io.StringIO(), width=20)
    with ProgressView(terminal) as view:
        for done in range(26):
            view.show(Progressed("upscaling [film]", done, 1000, unit="frame ", rate_unit="fps", figures="loud"))
            clock.now += 1
        view.show(Progressed("muxing", 0, 0))
        clock.now += 10
        view.show(Progressed("muxing", 0, 0))
    assert terminal.file.getvalue().splitlines() == [  # type: ignore[attr-defined]
        "upscaling [film]: frame 10 of 1,000  loud, 1.00 fps, 0:16:30 left",
        "upscaling [film]: frame 20 of 1,000  loud, 1.00 fps, 0:16:20 left",
        "muxing",
    ]


def test_a_stage_that_begins_again_has_a_pace_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, view = Clock(monkeypatch), ProgressView(Terminal(file=io.StringIO()))
    figures = []
    for done in (0, 10, 20, 0, 1):
        figures.append(view.draw(Progressed("a clip", done, 30)))
        clock.now += 1
    assert figures == ["", "0:00:02 left", "0:00:01 left", "", "0:00:29 left"]
    assert view.draw(Progressed("a clip", 2, 30, seconds_left=7)) == "0:00:07 left"
    assert view.draw(Progressed("a clip", 3, 30, seconds_left=math.nan)) == ""


def test_on_a_terminal_the_line_shows_the_stage_the_counts_and_the_figures() -> None:
    terminal = Terminal(file=io.StringIO(), force_terminal=True, width=100, _environ={"TERM": "xterm"})
    with ProgressView(terminal) as view:
        view.show(Progressed("training", 5, 40, "validating", figures="loss 0.1"))
        terminal.say("saved [bold]")
    shown = terminal.file.getvalue()  # type: ignore[attr-defined]
    assert "validating" in shown and "5/40" in shown and "loss 0.1" in shown and "saved [bold]" in shown


def test_a_command_to_paste_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert command("vsrpp", "train", Path("/runs/my films"), "--resume") == "vsrpp train '/runs/my films' --resume"
    monkeypatch.setattr("sys.argv", ["/usr/bin/vsrpp", "upscale", "a b.pth", "film.mkv", "out.mkv", "--fresh"])
    assert same_command() == "vsrpp upscale 'a b.pth' film.mkv out.mkv"
