"""How a run stands, from the journal of any moment of it."""

import math
import os
from pathlib import Path

import pytest

from tests.helpers import make_event
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.journal import JournalWriter, replay, replay_of
from vsrpp_core.remote.standing import FLEETING, TOLD, RunStatus, standing_of
from vsrpp_core.run.folder import RunFolder

STARTED = make_event(ev.SessionStarted, step=0, max_steps=100, validate_every=10, validate_minutes=0.0)
TRAINING = ev.PhaseChanged(phase="training", step=0)


def step(number: int, seconds: float = 2.0) -> ev.StepReported:
    return make_event(ev.StepReported, step=number, seconds_per_step=seconds)


def validated(step: int, psnr: float) -> ev.ValidationFinished:
    return make_event(ev.ValidationFinished, step=step, ki_psnr=psnr, ki_quality=psnr / 50, lr_psnr=28.0, seconds=30.0)


def write(folder: RunFolder, *events: ev.Event) -> None:
    folder.create()
    with JournalWriter(folder.journal, step_every=1) as writer:
        for event in events:
            writer.handle(event)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "run")


def test_a_run_that_is_trained(folder: RunFolder) -> None:
    write(folder, STARTED, TRAINING, step(10), validated(10, 30.0), step(11), validated(20, 29.5), step(21, 3.0))
    with folder.lock():
        seen = standing_of(folder)
    assert (seen.status, seen.pid, seen.step, seen.max_steps) == ("training", os.getpid(), 21, 100)
    assert seen.seconds_left == pytest.approx((100 - 21) * (3.0 + 30.0 / 10))
    assert (seen.psnr, seen.best_psnr, seen.best_step, seen.best_gain) == (29.5, 30.0, 10, 2.0)


ENDED = ev.SessionEnded(reason="stopped", step=7, checkpoint="c.pth")
FAILED = ev.SessionFailed(step=7, error="the disk is full", checkpoint="")


@pytest.mark.parametrize(
    ("events", "without", "trained"),
    [
        ((), "new", "preparing"),
        ((STARTED, TRAINING, step(7)), "killed", "training"),
        ((STARTED, TRAINING, step(7), ENDED), "stopped", "preparing"),
        ((STARTED, TRAINING, step(7), FAILED), "failed", "preparing"),
        ((STARTED, TRAINING, ENDED, make_event(ev.TuningStarted)), "killed", "preparing"),
        ((STARTED, TRAINING, ENDED, STARTED, ev.PhaseChanged(phase="paused", step=0)), "killed", "paused"),
    ],
)
def test_what_the_end_of_the_journal_means_with_and_without_a_process(
    folder: RunFolder, events: tuple[ev.Event, ...], without: RunStatus, trained: RunStatus
) -> None:
    write(folder, *events)
    assert standing_of(folder).status == without
    with folder.lock():
        assert standing_of(folder).status == trained


def test_a_resume_from_an_earlier_step_forgets_what_came_after(folder: RunFolder) -> None:
    write(folder, STARTED, validated(10, 29.0), validated(20, 31.0), step(25))
    write(folder, make_event(ev.SessionStarted, step=15, max_steps=200))
    seen = standing_of(folder)
    assert (seen.step, seen.max_steps, seen.best_step, seen.best_psnr) == (15, 200, 10, 29.0)
    write(folder, make_event(ev.SessionStarted, step=0, max_steps=200))
    assert math.isnan(standing_of(folder).best_psnr)


def test_only_what_matters_is_decoded_and_nothing_of_it_is_lost(folder: RunFolder) -> None:
    changed = (make_event(ev.ParameterChanged, key=f"k{number}") for number in range(3))
    write(folder, STARTED, step(1), step(2), make_event(ev.CardMeasured), step(3), *changed, step(4))
    with folder.journal.open("a") as journal:
        journal.write('{"event":"Unknown"}\ntorn {"event":"StepRep')
    told = list(replay_of(folder.journal, TOLD, FLEETING))
    assert told == [event for event in replay(folder.journal) if not isinstance(event, ev.CardMeasured)][:1] + [
        event
        for event in replay(folder.journal)
        if isinstance(event, ev.ParameterChanged) or (isinstance(event, ev.StepReported) and event.step > 2)
    ]
