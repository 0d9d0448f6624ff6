"""What a session seldom meets: gradients that stay broken, disks that are full, a best that was saved before."""

import contextlib
import itertools
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import torch

from tests.conftest import MakeDataset
from tests.helpers import TINY, Settings, files_of_at_most
from vsrpp_core.batches.dataset import TrainingStream
from vsrpp_core.checkpoint import checkpoints
from vsrpp_core.data.stacked import load_pair
from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import events as ev
from vsrpp_core.messages import journal
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.session.session import open_session
from vsrpp_core.sinks import sink
from vsrpp_core.sinks.training_log import TrainingLog
from vsrpp_core.training import trainer, validator
from vsrpp_core.training.step import FIGURES, OptimizerStep


def train(
    run: Path, data: Path, react: Callable[[ev.Event], Iterable[cmd.Command]] = lambda event: (), **settings: Any
) -> list[ev.Event]:
    overrides = {**TINY, **{key.replace("__", "."): value for key, value in settings.items()}}
    queue, events = cmd.CommandQueue(), []
    for event in open_session(run, data, start="fresh", overrides=overrides).events(queue):
        events.append(event)
        for command in react(event):
            queue.put(command)
    return events


def at_step(step: int, *commands: cmd.Command) -> Callable[[ev.Event], Iterable[cmd.Command]]:
    return lambda event: commands if isinstance(event, ev.StepReported) and event.step == step else ()


def break_gradients(monkeypatch: pytest.MonkeyPatch, first: int, last: int) -> None:
    """From the first to the last, steps are skipped: nothing is changed, and the gradient is told as not finite."""
    run_step, calls = OptimizerStep.run, itertools.count(1)

    def skip(self: OptimizerStep, *anything: Any, **more: Any) -> torch.Tensor:
        if first <= next(calls) <= last:
            return torch.tensor([math.nan if name == "gradient_norm" else 0.1 for name in FIGURES])
        return run_step(self, *anything, **more)

    monkeypatch.setattr(OptimizerStep, "run", skip)


def test_without_a_checkpoint_fifty_steps_without_a_finite_gradient_end_the_session(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_gradients(monkeypatch, first=11, last=999)
    run = tmp_path / "run"
    events = train(run, make_dataset(), training__max_steps=99, cadence__validate_every=99)
    failed = events[-1]
    assert isinstance(failed, ev.SessionFailed) and failed.step == 60
    assert "no finite gradient in the last 50 steps, and no checkpoint to go back to" in failed.error
    assert "schedule.lr_max" in failed.error
    assert checkpoints.load(run / failed.checkpoint)["progress"]["step"] == 60
    skipped = [event.skipped_steps for event in events if isinstance(event, ev.StepReported)]
    assert skipped[9:11] == [0, 0] and skipped[-1] == 40  # looked at every ten steps


def test_skipped_steps_that_end_are_forgiven(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_gradients(monkeypatch, first=2, last=50)
    ended = train(tmp_path / "run", make_dataset(), training__max_steps=70, cadence__validate_every=99)[-1]
    assert isinstance(ended, ev.SessionEnded) and ended.reason == "completed"


def rollbacks(events: list[ev.Event]) -> list[tuple[int, int, float]]:
    return [(e.step, e.to_step, e.factor) for e in events if isinstance(e, ev.RolledBack)]


def test_a_run_that_cannot_go_on_goes_back_to_its_last_good_checkpoint_and_is_slower(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps 21 to 30 fail: back to 20, whose steps are taken again at half the rate."""
    break_gradients(monkeypatch, first=21, last=30)
    run = tmp_path / "run"
    settings: Settings = {
        "training__max_skipped": 10,
        "cadence__checkpoint_every": 10,
        "cadence__best_from": 9,
    }
    events = train(run, make_dataset(), training__max_steps=40, **settings)
    assert rollbacks(events) == [(30, 20, 0.5)]
    at = next(i for i, event in enumerate(events) if isinstance(event, ev.RolledBack))
    (recovery,) = (e for e in events[at:] if isinstance(e, ev.CheckpointSaved) and e.kind == "recovery")
    assert recovery.step == 20
    before = {e.step: e for e in events[:at] if isinstance(e, ev.StepReported)}
    after = {e.step: e for e in events[at:] if isinstance(e, ev.StepReported)}
    assert sorted(after) == list(range(21, 41)) and after[21].lr_phase == 2
    assert after[21].learning_rate == pytest.approx(0.5 * before[21].learning_rate)
    assert checkpoints.load(run / "checkpoint_step_30.pth")["progress"]["rollbacks"] == 1, "saved anew"
    assert checkpoints.load(run / "checkpoint_step_40.pth")["progress"]["rollbacks"] == 0, "past it, it is forgiven"
    assert isinstance(events[-1], ev.SessionEnded) and events[-1].reason == "completed"


def test_after_a_rollback_the_weights_are_those_of_the_checkpoint(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_gradients(monkeypatch, first=15, last=20)
    run = tmp_path / "run"
    settings: Settings = {
        "training__max_skipped": 6,
        "cadence__checkpoint_every": 10,
        "cadence__best_from": 9,
    }

    def stop_when_back(event: ev.Event) -> Iterable[cmd.Command]:
        return (cmd.Stop(),) if isinstance(event, ev.RolledBack) else ()

    assert rollbacks(train(run, make_dataset(), stop_when_back, **settings)) == [(20, 10, 0.5)]
    back, good = (checkpoints.load(run / f"checkpoint_{name}.pth") for name in ("recovery", "step_10"))
    assert back["progress"]["step"] == good["progress"]["step"] == 10 and back["stream"] == good["stream"]
    assert all(torch.equal(back["model"][name], good["model"][name]) for name in good["model"])
    assert (back["lr_schedule"]["slowed"], good["lr_schedule"]["slowed"]) == (0.5, 1.0)


def test_rollbacks_in_a_row_go_further_back_and_end(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_gradients(monkeypatch, first=31, last=999)
    run = tmp_path / "run"
    settings: Settings = {
        "training__max_skipped": 10,
        "training__max_rollbacks": 2,
        "cadence__checkpoint_every": 10,
    }
    events = train(run, make_dataset(), training__max_steps=99, cadence__best_from=9, **settings)
    assert rollbacks(events) == [(40, 30, 0.5), (40, 20, 0.25)]
    failed = events[-1]
    assert isinstance(failed, ev.SessionFailed) and failed.step == 30
    assert "no finite gradient in the last 10 steps, after 2 rollbacks" in failed.error
    assert "--resume --from checkpoint_step_10.pth" in failed.error, "older than all that were tried"
    assert "lower schedule.lr_max" in failed.error and "fp32" not in failed.error, "which is set already"
    kept = checkpoints.load(run / failed.checkpoint)["progress"]
    assert kept["rollbacks"] == 0 and kept["skipped_in_a_row"], "a resume has another try, but none goes back to it"


def test_ruined_weights_are_no_advice(make_dataset: MakeDataset, tmp_path: Path) -> None:
    """Without sound weights to go back to, and followed to the word, training goes on."""
    run, data = tmp_path / "run", make_dataset()
    ruin: Settings = {"schedule__lr_max": 1.0, "schedule__warmup_steps": 0, "model__n_blocks": 16}
    ruin |= {"training__max_skipped": 5, "training__max_rollbacks": 1, "cadence__checkpoint_every": 10}
    failed = train(run, data, training__max_steps=99, cadence__best_from=9, **ruin)[-1]
    assert isinstance(failed, ev.SessionFailed)
    assert "start over with --fresh" in failed.error
    assert isinstance(train(run, data, schedule__lr_max=1e-5, training__max_steps=12)[-1], ev.SessionEnded)


ROLLING: Settings = {"training__max_skipped": 10, "cadence__checkpoint_every": 10, "cadence__best_from": 9}


def test_a_resume_after_a_rollback_goes_on_from_it_though_later_files_are_there(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps 15 to 30 fail, with a checkpoint at 20 on the way: back to 10, stopped at 13."""
    break_gradients(monkeypatch, first=15, last=30)
    run, back = tmp_path / "run", []

    def stop_soon_after(event: ev.Event) -> Iterable[cmd.Command]:
        if isinstance(event, ev.RolledBack):
            back.append((event.step, event.to_step))
        return (cmd.Stop(),) if back and isinstance(event, ev.StepReported) and event.step == 13 else ()

    train(run, make_dataset(), stop_soon_after, training__max_steps=60, **ROLLING)
    assert back == [(30, 10)] and (run / "checkpoint_step_20.pth").exists()
    queue, started = cmd.CommandQueue(), None
    for event in open_session(run, None, start="resume").events(queue):
        if isinstance(event, ev.SessionStarted):
            started = event
            queue.put(cmd.Stop())
    assert started and (started.resumed_from, started.step) == ("checkpoint_recovery.pth", 13)
    assert checkpoints.load(run / "checkpoint_recovery.pth")["lr_schedule"]["slowed"] == 0.5


def test_a_rollback_never_makes_it_faster(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three failures, each after the one before was forgiven: whatever file is gone back to, the rate is halved."""
    run_step, calls = OptimizerStep.run, itertools.count(1)

    def skip(self: OptimizerStep, *anything: Any, **more: Any) -> torch.Tensor:
        if (next(calls) - 1) % 30 >= 20:
            return torch.tensor([math.nan if name == "gradient_norm" else 0.1 for name in FIGURES])
        return run_step(self, *anything, **more)

    monkeypatch.setattr(OptimizerStep, "run", skip)
    events = train(tmp_path / "run", make_dataset(), training__max_steps=75, **ROLLING)
    assert [factor for _, _, factor in rollbacks(events)] == [0.5, 0.25, 0.125]


def test_a_rollback_in_the_warm_up_slows_down_too(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_gradients(monkeypatch, first=21, last=30)
    events = train(tmp_path / "run", make_dataset(), schedule__warmup_steps=1000, training__max_steps=31, **ROLLING)
    before, after = (e.learning_rate for e in events if isinstance(e, ev.StepReported) and e.step == 25)
    assert after == pytest.approx(0.5 * before)


def score_as(monkeypatch: pytest.MonkeyPatch, psnr: Callable[[], float]) -> None:
    monkeypatch.setattr(validator, "device_score", lambda image, reference: torch.tensor([psnr(), 0.5]).double())


def test_the_best_outlives_a_rollback(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Best at 20; from 21 on all fails, and the second rollback goes back to 10."""
    scores = itertools.count(2000)
    score_as(monkeypatch, lambda: next(scores) / 100)
    break_gradients(monkeypatch, first=21, last=999)
    run, settings = tmp_path / "run", {**ROLLING, "training__max_rollbacks": 2, "cadence__validate_every": 10}
    settings.update(cadence__best_from=0, cadence__checkpoint_every=20, cadence__best_until=19)
    events = train(run, make_dataset(), at_step(10, cmd.SaveCheckpoint()), training__max_steps=99, **settings)
    assert [to_step for _, to_step, _ in rollbacks(events)] == [20, 10]
    failed = events[-1]
    assert isinstance(failed, ev.SessionFailed)
    kept = checkpoints.load(run / failed.checkpoint)["progress"]
    assert (kept["step"], kept["best_step"], kept["best_branch"], kept["branch"]) == (20, 20, 0, 2)
    assert checkpoints.load(run / "checkpoint_best.pth")["progress"]["step"] == 20


def test_a_best_that_could_not_be_saved_is_not_the_best(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = itertools.count(5000, -1)
    score_as(monkeypatch, lambda: next(scores) / 100)
    save, calls = torch.save, itertools.count(1)

    def full_at_first(*anything: Any) -> None:
        if next(calls) == 1:
            raise OSError(28, "No space left on device")
        save(*anything)

    monkeypatch.setattr(torch, "save", full_at_first)
    settings: Settings = {"cadence__validate_every": 4, "cadence__best_from": 0}
    events = train(tmp_path / "run", make_dataset(), training__max_steps=9, **settings)
    assert [e.step for e in events if isinstance(e, ev.CheckpointFailed)] == [4]
    assert [e.step for e in events if isinstance(e, ev.ValidationFinished) and e.is_best] == [4, 8]
    assert (tmp_path / "run" / "checkpoint_best.pth").readlink() == Path("checkpoint_step_8.pth")


def fill_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*anything: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    monkeypatch.setattr(TrainingLog, "write", full)


def test_a_full_disk_is_reported_and_training_continues(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_the_disk(monkeypatch)
    events = train(tmp_path / "run", make_dataset(), at_step(3, cmd.SaveCheckpoint()), training__max_steps=6)
    (failure,) = (event for event in events if isinstance(event, ev.CheckpointFailed))
    (answer,) = (event for event in events if isinstance(event, ev.CommandAnswered))
    assert failure.step == 3 and "No space left" in failure.error and not answer.accepted
    assert max(event.step for event in events if isinstance(event, ev.StepReported)) == 6
    told = [event.message for event in events if isinstance(event, ev.WarningRaised)]
    assert len(told) == 1 and "training.log cannot be written (No space left on device); make room there" in told[0]


def test_a_disk_that_was_full_for_a_while_costs_only_what_fell_into_it(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sink, "RETRY_SECONDS", 0.0)
    run, full = tmp_path / "run", contextlib.ExitStack()

    def disk(event: ev.Event) -> ev.Event:
        if isinstance(event, ev.StepReported) and event.step == 5:
            full.enter_context(files_of_at_most(0))
        if isinstance(event, ev.StepReported) and event.step == 10:
            full.close()
        return event

    session = open_session(run, make_dataset(), start="fresh", overrides=TINY)
    with full:
        events = [disk(event) for event in session.events(cmd.CommandQueue())]
    told = [event.message for event in events if isinstance(event, ev.WarningRaised)]
    names = ("events.jsonl", "training_status.txt")
    assert all(len([line for line in told if f"{name} cannot be written" in line]) == 1 for name in names)
    assert all(f"{run / name} is written again" in told for name in names)
    steps = [event.step for event in journal.replay(run / "events.jsonl") if isinstance(event, ev.StepReported)]
    assert [step for step in steps if step <= 5 or step > 11] == [*range(1, 6), *range(12, 25)]
    assert isinstance(list(journal.replay(run / "events.jsonl"))[-1], ev.SessionEnded)
    assert "state       completed" in (run / "training_status.txt").read_text()
    assert "completed at step 24" in (run / "training.log").read_text()


def test_a_disk_that_fills_is_reported_once(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: Settings = {
        "cadence__checkpoint_every": 2,
        "cadence__best_from": 1,
        "checkpoints__min_free_gb": 100000,
    }
    events = train(tmp_path / "run", make_dataset(), training__max_steps=8, **settings)
    (warning,) = (event.message for event in events if isinstance(event, ev.WarningRaised))
    assert "checkpoints.min_free_gb = 100000" in warning and "delete what is not needed" in warning
    assert len([event for event in events if isinstance(event, ev.CheckpointSaved)]) == 4


def test_superseded_best_files_stay_where_that_is_asked_for(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = itertools.count(2000)
    score_as(monkeypatch, lambda: next(scores) / 100)
    settings: Settings = {
        "cadence__validate_every": 4,
        "cadence__best_from": 0,
        "checkpoints__keep_superseded_best": True,
    }
    train(tmp_path / "run", make_dataset(), **settings)
    assert {info.step for info in RunFolder(tmp_path / "run").checkpoint_infos()} == {4, 8, 12, 16, 20, 24}


def test_a_session_on_a_full_disk_ends_in_an_event_and_unlocks_the_run(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_the_disk(monkeypatch)
    failed = train(tmp_path / "run", make_dataset(), training__max_steps=3)[-1]
    assert isinstance(failed, ev.SessionFailed) and failed.checkpoint == ""
    assert failed.error == (
        "checkpoint_step_3.pth could not be written (No space left on device); make room there, "
        "then continue with --resume"
    )
    assert RunFolder(tmp_path / "run").owner() == 0 and not list((tmp_path / "run").glob("*.pth"))


def test_a_picture_that_cannot_be_written_costs_only_the_picture(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*anything: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(validator, "write_atomically", full)
    events = train(tmp_path / "run", make_dataset(), training__max_steps=12)
    assert any(isinstance(event, ev.ValidationFinished) for event in events)
    assert "s000.png could not be written (No space left" in next(
        e.message for e in events if isinstance(e, ev.WarningRaised)
    )
    assert isinstance(events[-1], ev.SessionEnded)


def test_steps_are_reported_at_every_listener_s_cadence(make_dataset: MakeDataset, tmp_path: Path) -> None:
    every: Settings = {"status": 7, "tensorboard": 5, "journal": 4, "validate": 99}
    cadences = {f"cadence__{name}_every": steps for name, steps in every.items()}
    events = train(tmp_path / "run", make_dataset(), **cadences)
    reported = {event.step for event in events if isinstance(event, ev.StepReported)}
    assert reported >= {4, 5, 7, 8, 10, 12, 14, 15, 16, 20, 21, 24}


def test_a_pause_shows_the_step_it_is_made_at(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps may pass unreported; a screen that stands still must stand at the true one."""
    queue, run_step, calls = cmd.CommandQueue(), OptimizerStep.run, itertools.count(1)

    def pause_at_the_third(self: OptimizerStep, *anything: Any, **more: Any) -> torch.Tensor:
        if next(calls) == 3:
            queue.put(cmd.Pause())
            queue.put(cmd.Stop())
        return run_step(self, *anything, **more)

    monkeypatch.setattr(OptimizerStep, "run", pause_at_the_third)
    monkeypatch.setattr(trainer, "REPORT_SECONDS", 999.0)
    cadences = {f"cadence.{name}_every": 1000 for name in ("status", "tensorboard", "journal")}
    settings = {**TINY, **cadences}
    events = list(open_session(tmp_path / "run", make_dataset(), start="fresh", overrides=settings).events(queue))
    (report,) = (event for event in events if isinstance(event, ev.StepReported))
    pause = next(event for event in events if isinstance(event, ev.CommandAnswered))
    assert (pause.command, pause.step, report.step) == ("Pause", 3, 3) and events.index(report) < events.index(pause)


def test_a_pause_before_the_first_step_of_a_resumed_session(make_dataset: MakeDataset, tmp_path: Path) -> None:
    train(tmp_path / "run", make_dataset(), at_step(4, cmd.Stop()))
    queue = cmd.CommandQueue()
    for command in (cmd.Pause(), cmd.SaveCheckpoint(), cmd.Stop()):
        queue.put(command)
    events = list(open_session(tmp_path / "run", None, start="resume").events(queue))
    assert [event.accepted for event in events if isinstance(event, ev.CommandAnswered)] == [True, True, True]
    assert isinstance(events[-1], ev.SessionEnded) and events[-1].step == 4


def test_commands_that_come_too_late_are_answered_too(make_dataset: MakeDataset, tmp_path: Path) -> None:
    last = at_step(3, cmd.SaveCheckpoint(), cmd.Stop())
    events = train(tmp_path / "run", make_dataset(), last, training__max_steps=3)
    answers = [(e.command, e.accepted) for e in events if isinstance(e, ev.CommandAnswered)]
    assert answers == [("SaveCheckpoint", False), ("Stop", True)]


def test_a_recovery_checkpoint_has_a_clock_of_its_own(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Regular checkpoints, which come often here, must not put it off."""
    minutes = itertools.count()
    monkeypatch.setattr("vsrpp_core.training.trainer.time.monotonic", lambda: 60.0 * next(minutes) / 20)
    settings: Settings = {
        "cadence__checkpoint_every": 2,
        "cadence__best_from": 1,
        "cadence__recovery_minutes": 1,
    }
    events = train(tmp_path / "run", make_dataset(), **settings)
    kinds = [event.kind for event in events if isinstance(event, ev.CheckpointSaved)]
    assert "recovery" in kinds and kinds.count("regular") == 12


def test_the_clock_leaves_validations_out_and_has_no_part_in_the_rate(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the clock the same validations are a plateau."""
    score_as(monkeypatch, lambda: 20.0)
    settings: Settings = {"cadence__validate_every": 2, "training__max_steps": 13, "schedule__warmup_steps": 0}
    settings |= {"schedule__plateau_validations": 5, "schedule__plateau_cooldown": 0}
    reached = {}
    for minutes in (0, 1e-9, 60):
        events = train(tmp_path / f"{minutes}", make_dataset(), cadence__validate_minutes=minutes, **settings)
        validated = [event.step for event in events if isinstance(event, ev.ValidationFinished)]
        reached[minutes] = validated, any(isinstance(event, ev.LearningRateReduced) for event in events)
    every = [2, 4, 6, 8, 10, 12, 13]
    assert reached == {0: (every, True), 1e-9: (every, False), 60: ([2, 13], False)}


def test_a_quality_that_is_no_number_is_never_the_best_and_the_best_is_remembered(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    psnr = {"value": 30.0}
    score_as(monkeypatch, lambda: psnr["value"])
    run, settings = tmp_path / "run", {"cadence__validate_every": 4, "cadence__best_from": 0}
    train(run, make_dataset(), at_step(6, cmd.Stop()), **settings)
    best = []
    for value in (math.nan, 29.0, 31.0):
        psnr["value"], queue = value, cmd.CommandQueue()
        queue.put(cmd.Validate())
        for event in open_session(run, None, start="resume").events(queue):
            if isinstance(event, ev.ValidationFinished):
                best.append((event.is_best, event.best_step))
                queue.put(cmd.Stop())
    assert best == [(False, 4), (False, 4), (True, 6)]


def test_a_checkpoint_asked_for_stays_one_after_a_resume(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = itertools.count(2000)
    score_as(monkeypatch, lambda: next(scores) / 100)
    run, data = tmp_path / "run", make_dataset()
    train(run, data, at_step(4, cmd.SaveCheckpoint(), cmd.Stop()), cadence__best_from=0)
    queue, events = cmd.CommandQueue(), []
    queue.put(cmd.Validate())
    for event in open_session(run, None, start="resume").events(queue):
        events.append(event)
        if isinstance(event, ev.ValidationFinished):
            queue.put(cmd.Stop())
    assert [event.step for event in events if isinstance(event, ev.ValidationFinished) and event.is_best] == [4]
    assert {info.kind for info in RunFolder(run).checkpoint_infos() if info.name == "checkpoint_step_4.pth"} == {
        "manual"
    }


def test_a_checkpoint_asked_for_is_kept_when_it_is_the_best_too(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Saved by hand, then found to be the best of its time, then superseded twice."""
    scores = itertools.count(2000)
    score_as(monkeypatch, lambda: next(scores) / 100)
    run, settings = tmp_path / "run", {"cadence__validate_every": 8, "cadence__best_from": 0}
    asked = (cmd.Pause(), cmd.SaveCheckpoint(), cmd.Validate(), cmd.Resume())
    events = train(run, make_dataset(), at_step(4, *asked), **settings)
    assert [event.step for event in events if isinstance(event, ev.ValidationFinished) and event.is_best] == [
        4,
        8,
        16,
        24,
    ]
    kinds = {info.step: info.kind for info in RunFolder(run).checkpoint_infos()}
    assert kinds == {4: "manual", 16: "best", 24: "regular"}


def test_while_no_pictures_come_orders_are_heard_and_the_run_is_told_and_saved(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vsrpp_core.training.stall.STALLED_SECONDS", 0.0)
    is_ready, looks = TrainingStream.is_ready, itertools.count()

    def away_after_step_5(stream: TrainingStream, seconds: float) -> bool:
        return stream.epoch_step + (stream.epoch - 1) * stream.steps_per_epoch < 5 and is_ready(stream, seconds)

    monkeypatch.setattr(TrainingStream, "is_ready", away_after_step_5)

    def steer(event: ev.Event) -> Iterable[cmd.Command]:
        if isinstance(event, ev.WarningRaised) and next(looks) == 0:
            return (cmd.Mark(text="still here"), cmd.Stop())
        return ()

    events = train(tmp_path / "run", make_dataset(), react=steer)
    told = [event.message for event in events if isinstance(event, ev.WarningRaised)]
    assert len(told) == 1 and "no training pictures could be read" in told[0]
    assert [event.text for event in events if isinstance(event, ev.MarkPlaced)] == ["still here"]
    saved = [event.step for event in events if isinstance(event, ev.CheckpointSaved)]
    assert saved[0] == 5 and isinstance(events[-1], ev.SessionEnded) and events[-1].step == 5


def test_while_no_validation_pictures_come_orders_are_heard_and_the_run_is_told_and_saved(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vsrpp_core.training.stall.STALLED_SECONDS", 0.0)
    monkeypatch.setattr("vsrpp_core.training.stall.LONG_SECONDS", 0.0)
    monkeypatch.setattr("vsrpp_core.training.validator.LOOK_SECONDS", 0.01)
    is_back = Event()

    def away(*given: Any) -> Any:
        is_back.wait()
        return load_pair(*given)

    monkeypatch.setattr(validator, "load_pair", away)

    def steer(event: ev.Event) -> Iterable[cmd.Command]:
        if isinstance(event, ev.CommandAnswered) and event.command == "Mark":
            return (cmd.Stop(),)
        orders = cmd.Pause(), cmd.SaveCheckpoint(), cmd.Mark(text="still here")
        return orders if isinstance(event, ev.WarningRaised) else ()

    events = train(tmp_path / "run", make_dataset(), steer)
    is_back.set()
    answers = {event.command: event.accepted for event in events if isinstance(event, ev.CommandAnswered)}
    assert answers == {"Pause": False, "SaveCheckpoint": True, "Mark": True, "Stop": True}
    assert checkpoints.load(tmp_path / "run/checkpoint_step_12.pth")["progress"]["last_quality_step"] == -1
    told = [event.message for event in events if isinstance(event, ev.WarningRaised)]
    assert len(told) == 1 and "no validation pictures could be read" in told[0]
    assert [event.step for event in events if isinstance(event, ev.CheckpointSaved)] == [12, 12, 12]
    assert any(isinstance(event, ev.ValidationAborted) for event in events)
    assert isinstance(events[-1], ev.SessionEnded) and events[-1].step == 12
