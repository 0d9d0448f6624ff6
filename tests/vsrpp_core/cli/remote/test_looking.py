"""``vsrpp ps``, ``status`` and ``logs``: what they print, what scripts read, and their exit statuses."""

import json
from pathlib import Path

import pytest

from tests.helpers import make_event
from vsrpp_core.cli.main import main
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.journal import JournalWriter
from vsrpp_core.remote.recent_runs import remember
from vsrpp_core.run.folder import RunFolder

STARTED = make_event(ev.SessionStarted, step=0, max_steps=1_000)
STEP = make_event(ev.StepReported, step=500, seconds_per_step=1.5)
STOPPED = ev.SessionEnded(reason="stopped", step=500, checkpoint="c.pth")


def make_run(path: Path, *events: ev.Event) -> RunFolder:
    folder = RunFolder(path)
    folder.create()
    with JournalWriter(folder.journal, step_every=1) as writer:
        for event in events:
            writer.handle(event)
    remember(path)
    return folder


def test_ps_lists_what_is_trained_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trained = make_run(tmp_path / "trained", STARTED, ev.PhaseChanged(phase="training", step=0), STEP)
    make_run(tmp_path / "stopped", STARTED, STEP, STOPPED)
    (make_run(tmp_path / "broken").journal).mkdir()
    with trained.lock():
        assert main(["ps"]) == 0
        said = capsys.readouterr()
        assert main(["ps", "--json"]) == 0
    heading, *rows = said.out.splitlines()
    assert heading.split() == ["RUN", "STATE", "PID", "STEP", "SPEED", "LEFT", "BEST"]
    assert [row.split()[:2] for row in rows] == [
        [str(tmp_path / "trained"), "training"], [str(tmp_path / "stopped"), "stopped"],
    ]  # fmt: skip
    assert "500 of 1,000" in rows[0] and "1.50 s/step" in rows[0]
    assert "broken/events.jsonl cannot be read" in said.err
    read = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert [run["status"] for run in read] == ["training", "stopped"] and read[0]["psnr"] is None


def test_without_runs_ps_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ps"]) == 0 and "no run has been trained" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("events", "status"),
    [
        ((), 3),
        ((STARTED, STEP, STOPPED), 3),
        ((STARTED, STEP), 1),
        ((STARTED, ev.SessionFailed(step=1, error="why", checkpoint="")), 1),
        ((STARTED, STEP, ev.SessionEnded(reason="completed", step=500, checkpoint="c")), 4),
        ((STARTED, make_event(ev.ValidationFinished), make_event(ev.RunLost), STOPPED), 1),
    ],
)
def test_the_exit_status_says_how_a_run_stands(tmp_path: Path, events: tuple[ev.Event, ...], status: int) -> None:
    folder = make_run(tmp_path / "run", *events)
    assert main(["status", str(folder.path)]) == main(["status", str(folder.path), "--json"]) == status
    with folder.lock():
        is_lost = any(isinstance(event, ev.RunLost) for event in events)
        assert main(["status", str(folder.path)]) == (1 if is_lost else 0)


def test_status_names_the_error_and_what_is_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_run(tmp_path / "run", STARTED, ev.SessionFailed(step=1, error="the disk is full", checkpoint=""))
    main(["status", str(tmp_path / "run")])
    assert "state       failed\n" in (said := capsys.readouterr().out) and "error       the disk is full\n" in said
    assert main(["status", str(tmp_path / "none")]) == 1
    assert "does not exist" in capsys.readouterr().err


def test_logs_prints_the_last_lines_and_follows_until_nobody_trains(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_run(tmp_path / "run")
    folder.training_log.write_text("one\ntwo\nthree\n")
    assert main(["logs", str(folder.path), "-n", "2"]) == 0
    assert capsys.readouterr().out == "two\nthree\n"
    owners = iter([7, 7, 0])
    monkeypatch.setattr(RunFolder, "owner", lambda _: next(owners))
    monkeypatch.setattr("vsrpp_core.cli.remote.logs.ASK_SECONDS", 0)
    more = iter(["fo", "ur\nfive"])

    def grow(seconds: float) -> None:
        with folder.training_log.open("a") as log:
            log.write(next(more))

    monkeypatch.setattr("vsrpp_core.cli.remote.logs.time.sleep", grow)
    assert main(["logs", str(folder.path), "-f", "-n", "1"]) == 0
    assert capsys.readouterr().out == "three\nfour\nfive\n"
