import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from typing import Any

import pytest

from vsrpp_core.apply.evaluate import ClipScores, Options
from vsrpp_core.cli.evaluate import show_evaluation
from vsrpp_core.cli.train import _stop_on_signals
from vsrpp_core.errors import VsrppError
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
    with pytest.raises(KeyboardInterrupt), _stop_on_signals(CommandQueue()):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGINT)


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


def test_scores_that_cannot_be_kept_are_printed_and_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    one = Score(30.0, 0.5)
    steps = [(Path("a.pth"), ClipScores("walk", 2, one, one, one, one))]
    monkeypatch.setattr("vsrpp_core.apply.evaluate.compare", lambda *anything: iter(steps))
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(VsrppError, match=r"a\.csv could not be written"):
        show_evaluation([Path("a.pth")], [Path("walk")], Options(), as_json=True, out=tmp_path / "a.csv")
    assert json.loads(capsys.readouterr().out)[0]["clip"] == "walk"
