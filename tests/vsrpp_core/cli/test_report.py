"""``vsrpp report``: what it prints, what scripts read, and its exit status."""

import json
from pathlib import Path

import pytest

from tests.helpers import make_event
from vsrpp_core.cli.main import main
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.journal import JournalWriter


def write_journal(run: Path, *events: ev.Event) -> Path:
    run.mkdir()
    with JournalWriter(run / "events.jsonl", step_every=1) as writer:
        for event in events:
            writer.handle(event)
    return run


STARTED = make_event(ev.SessionStarted, resumed_from="", step=0, max_steps=1_000, lr_max=1e-3, parameters=250_000)
STEP = make_event(ev.StepReported, step=500, lr_phase=1, learning_rate=5e-4, seconds_per_step=1.0, data_wait=0.5)
VALIDATION = make_event(ev.ValidationFinished, step=500, ki_psnr=29.0, lr_psnr=28.0, seconds=9.0)
LOST = make_event(ev.RunLost, step=500, ki_psnr=9.0, lr_psnr=28.0, best_psnr=float("nan"))


def test_it_names_the_limit_and_a_figure_for_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_journal(tmp_path / "run", STARTED, STEP, VALIDATION)
    assert main(["report", str(run)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("step 500 of 1,000") and said[0].endswith("29.00 dB, +1.00 dB over bicubic")
    assert said[1].startswith("waiting for data limits it")
    assert "▸ waiting         50% of the time went into waiting for data" in said
    assert [line[2:].split("  ")[0] for line in said[2:]] == [
        "learning", "waiting", "rate", "training loss", "gradients", "batches", "network",
    ]  # fmt: skip


def test_scripts_read_json_without_nan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_journal(tmp_path / "run", STARTED, STEP, VALIDATION)
    assert main(["report", str(run), "--json"]) == 0
    read = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert read["limit"] == "waiting" and read["step"] == 500
    assert next(f for f in read["findings"] if f["kind"] == "learning")["value"] is None


def test_a_lost_run_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_journal(tmp_path / "run", STARTED, STEP, VALIDATION, LOST)
    assert main(["report", str(run)]) == 1
    assert "▸ lost            19.0 dB below bicubic or its own best since step 500" in capsys.readouterr().out


def test_a_run_that_was_never_trained_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path / "none")]) == 1
    assert "has no journal of a training; train it first with `vsrpp train" in capsys.readouterr().err
