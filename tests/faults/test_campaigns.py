"""Short forms of the campaigns that end trainings, resume them and count what they hold."""

import json
import sys
from pathlib import Path

import pytest

from tests.faults import every, growing, network, resumes, signals
from tests.preloaded import run


def test_a_campaign_that_breaks_off_is_a_line_of_the_table_and_its_exit_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = 'print(\'{"faults": "kills", "tried": 3, "held": 3}\'); raise SystemExit(%d)'
    for number, held in ((0, True), (1, False)):
        monkeypatch.setattr(every, "command_of", lambda module, n=number: [sys.executable, "-c", said % n])
        with pytest.raises(SystemExit) as end:
            every.main(["kills"])
        table = capsys.readouterr().out.partition("\n\n")[2].splitlines()
        assert end.value.code == (not held) and len(table) == (2 if held else 3)


def test_a_second_signal_costs_no_step(tmp_path: Path) -> None:
    tally = signals.campaign(tmp_path, 1, ways=(signals.by_a_second_signal_in_the_save,))
    assert (tally.tried, tally.wrong) == (1, [])


def test_all_of_the_state_is_as_undisturbed_after_a_resume(tmp_path: Path) -> None:
    tally = resumes.campaign(tmp_path, steps=2, workers=(0,))
    assert (tally.tried, tally.wrong) == (2, [])


def test_steps_leave_nothing_behind() -> None:
    """In a process of its own: this one's memory and descriptors are those of other tests too."""
    done = run([sys.executable, "-m", "tests.faults.steps", "400"])
    told = json.loads(done.stdout)
    assert done.returncode == 0 and (told["tried"], told["held"]) == (4, 4), done.stderr


@pytest.mark.skipif(not network.has_namespaces(), reason="no right to make namespaces")
def test_without_a_network_nothing_is_called(tmp_path: Path) -> None:
    done = json.loads(network.campaign(tmp_path, ["check"]).stdout)
    assert (done["tried"], done["held"]) == (1, 1)


def test_a_call_to_the_outside_is_seen(tmp_path: Path) -> None:
    code = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('127.0.0.1', 9))"
    network.watched(tmp_path, [sys.executable, "-c", code])
    assert (tmp_path / "calls").read_text() == "socket.connect (('127.0.0.1', 9),)\n"


def test_the_pairs_of_an_epoch_are_those_of_an_undisturbed_run(tmp_path: Path) -> None:
    tally = growing.campaign(tmp_path, moments=(22,), steps=27)
    assert (tally.tried, tally.wrong) == (1, [])
