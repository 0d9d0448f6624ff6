import os
from datetime import datetime
from pathlib import Path

import pytest

from tests.helpers import files_of_at_most, make_event
from vsrpp_core.messages import events as ev
from vsrpp_core.sinks.status_file import StatusFile

TIME = datetime(2024, 2, 3, 4, 5, 6).timestamp()
STEP = make_event(
    ev.StepReported, step=250, epoch=2, loss_total=0.125, loss_l1=0.1, loss_ms=0.05, loss_grad=0.25, weight_l1=0.5,
    weight_ms=0.2, weight_grad=0.3, aggressive=False, learning_rate=1e-4, gradient_norm=0.5, clip_norm=1.5,
    seconds_per_step=2.0, memory_used=2**30, memory_total=4 * 2**30, time=TIME,
)  # fmt: skip
VALIDATION = make_event(
    ev.ValidationFinished, step=200, lr_psnr=28.0, lr_ssim=0.8, lr_quality=0.4, ki_psnr=29.5, ki_ssim=0.85,
    ki_quality=0.45, best_quality=0.46, best_step=150,
)  # fmt: skip


def test_it_tells_how_it_stands(tmp_path: Path) -> None:
    status = StatusFile(tmp_path / "status.txt", every=5)
    started = make_event(ev.SessionStarted, max_steps=4_150)
    for event in (started, make_event(ev.PhaseChanged, phase="training"), VALIDATION, STEP):
        status.handle(event)
    assert (tmp_path / "status.txt").read_text(encoding="utf-8").splitlines() == [
        "updated     2024-02-03 04:05:06",
        "state       training",
        "step        250 of 4150  epoch 2",
        "time left   2.17 h at 2.000 s per step",
        "loss        total 0.12500  L1 0.10000  MS 0.05000  Grad 0.25000",
        "weights     L1 0.500  MS 0.200  Grad 0.300  normal",
        "gradient    norm 0.5000  clip 1.5000",
        "rate        1.000e-04",
        "memory      1.00 of 4.00 GB",
        "validation  step 200  LR 28.00 dB 0.8000  KI 29.50 dB 0.8500",
        "quality     LR 0.4000  KI 0.4500  best 0.4600 at 150",
    ]


@pytest.mark.parametrize(
    ("event", "state"),
    [
        (make_event(ev.SessionEnded, reason="stopped"), "stopped"),
        (make_event(ev.SessionFailed, error="oh"), "failed: oh"),
        (make_event(ev.PhaseChanged, phase="validating"), "validating"),
    ],
)
def test_every_change_of_state_is_told_at_once(tmp_path: Path, event: ev.Event, state: str) -> None:
    StatusFile(tmp_path / "status.txt", every=1000).handle(event)
    assert f"state       {state}\n" in (tmp_path / "status.txt").read_text()


def test_steps_are_told_at_the_cadence(tmp_path: Path) -> None:
    path, status, told = tmp_path / "status.txt", StatusFile(tmp_path / "status.txt", every=5), []
    status.handle(make_event(ev.SessionStarted))
    for step in range(1, 12):
        status.handle(make_event(ev.StepReported, step=step))
        if path.exists():
            told.append(step)
            path.unlink()
    assert told == [5, 10]


def test_a_reader_never_sees_half_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "status.txt"
    path.write_text("old")
    seen, replace = [], os.replace

    def look_and_replace(source: Path, target: Path) -> None:
        seen.append((source.read_text(), target.read_text()))
        replace(source, target)

    monkeypatch.setattr(os, "replace", look_and_replace)
    StatusFile(path, every=5).handle(make_event(ev.PhaseChanged, phase="paused"))
    ((new, before),) = seen
    assert before == "old" and new == path.read_text() and new.endswith("paused\n")
    assert list(tmp_path.iterdir()) == [path]


def test_what_was_missed_on_a_full_disk_is_in_the_next_one(tmp_path: Path) -> None:
    status = StatusFile(tmp_path / "status.txt", every=5)
    status.handle(make_event(ev.PhaseChanged, phase="training"))
    with files_of_at_most(0), pytest.raises(OSError):
        status.handle(STEP)
    for event in (make_event(ev.SessionStarted, max_steps=4_150), VALIDATION, make_event(ev.PhaseChanged)):
        status.miss(event)
    status.retry()
    told = (tmp_path / "status.txt").read_text(encoding="utf-8")
    assert "state       preparing" in told and "step        250 of 4150" in told and "validation  step 200" in told
