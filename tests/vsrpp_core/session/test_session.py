"""Sessions on a tiny dataset: what they say, what they obey, what they leave on disk, and that resume is exact."""

import json
import os
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.conftest import MakeDataset
from tests.helpers import TINY, Settings, files_of_at_most, flip_a_bit, make_event, write_dataset
from tests.vsrpp_core.session.sessions import collect, figures, of, train
from vsrpp_core.checkpoint import checkpoints
from vsrpp_core.data.check import CheckReport, check
from vsrpp_core.device.hardware import DeviceDescription
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.journal import replay
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.run.pictures.comparison_picture import MARGIN
from vsrpp_core.session import plan as plan_module
from vsrpp_core.session import session as session_module
from vsrpp_core.session.session import open_session
from vsrpp_core.training.inbox import Inbox


def stop_at(step: int) -> Callable[[ev.Event], Iterable[cmd.Command]]:
    return lambda event: (cmd.Stop(),) if isinstance(event, ev.StepReported) and event.step == step else ()


def weights_of(run: Path, name: str, part: str) -> dict[str, torch.Tensor]:
    """The raw weights (``model``) or their ``average``."""
    state = checkpoints.load(run / name)
    weights: dict[str, torch.Tensor] = state["average"]["weights"] if part == "average" else state[part]
    return weights


def test_a_run_from_start_to_completion(make_dataset: MakeDataset, tmp_path: Path) -> None:
    events = train(tmp_path / "run", make_dataset())
    kinds = [type(event).__name__ for event in events]
    assert kinds.index("SessionStarted") < kinds.index("StepReported")
    ended = events[-1]
    assert isinstance(ended, ev.SessionEnded) and ended.reason == "completed" and ended.step == 24
    assert [step.step for step in of(events, ev.StepReported)] == list(range(1, 25))
    assert [v.step for v in of(events, ev.ValidationFinished)] == [12, 24]


def test_what_of_the_dataset_is_left_out_is_told_first(make_dataset: MakeDataset, tmp_path: Path) -> None:
    data = make_dataset()
    (data / "Patches/LR/s001.png").unlink()
    session = open_session(tmp_path / "run", data, start="fresh", overrides=TINY)
    first = next(session.events(cmd.CommandQueue()))
    session.close()
    assert isinstance(first, ev.WarningRaised) and "1 image without a partner (Patches/GT/s001.png)" in first.message


def test_the_network_learns(make_dataset: MakeDataset, tmp_path: Path) -> None:
    events = train(tmp_path / "run", make_dataset(n_train=20), training__max_steps=80, schedule__lr_max=5e-3)
    validations = of(events, ev.ValidationFinished)
    assert validations[-1].ki_psnr > validations[0].ki_psnr + 0.3


def test_everything_promised_is_on_disk(make_dataset: MakeDataset, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(run, make_dataset())
    for name in ("config.toml", "checkpoint_step_24.pth", "checkpoint_step_24.json", "training.log"):
        assert (run / name).is_file(), name
    assert "24 of 24" in (run / "training_status.txt").read_text()
    assert list((run / "logs").glob("events.out.tfevents.*"))
    assert len(list((run / "pictures").glob("*.png"))) == 2
    assert not list(run.glob(".tmp-*"))
    assert json.loads((run / "checkpoint_step_24.json").read_text())["kind"] == "regular"


def test_the_journal_holds_what_was_said(make_dataset: MakeDataset, tmp_path: Path) -> None:
    events = train(tmp_path / "run", make_dataset())
    kept = [event for event in events if not isinstance(event, ev.ValidationProgressed)]
    told = replay(tmp_path / "run" / "events.jsonl")
    assert [repr(event) for event in told] == [repr(event) for event in kept]  # in which NaN equals itself


@pytest.mark.parametrize("accumulation", [1, 2])
@pytest.mark.parametrize("stop", [5, 10, 13, 20])
def test_resume_goes_on_bit_for_bit(make_dataset: MakeDataset, tmp_path: Path, stop: int, accumulation: int) -> None:
    """2N = N + resume + N: every figure of every step, and every weight."""
    data = make_dataset()
    whole = train(tmp_path / "whole", data, training__accumulation=accumulation)
    first = train(tmp_path / "parts", data, react=stop_at(stop), training__accumulation=accumulation)
    second = train(tmp_path / "parts", data, start="resume", training__accumulation=accumulation)
    assert of(first, ev.SessionEnded)[0].checkpoint == "checkpoint_recovery.pth"
    assert of(second, ev.SessionStarted)[0].step == stop
    steps = [figures(step) for step in of(first, ev.StepReported) + of(second, ev.StepReported)]
    assert steps == [figures(step) for step in of(whole, ev.StepReported)]
    for part in ("model", "average"):
        one, two = (weights_of(tmp_path / run, "checkpoint_step_24.pth", part) for run in ("whole", "parts"))
        assert one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)
    validations = [v.ki_psnr for v in of(first, ev.ValidationFinished) + of(second, ev.ValidationFinished)]
    assert validations == [v.ki_psnr for v in of(whole, ev.ValidationFinished)]


def test_a_dataset_of_two_sizes_is_trained_on_and_resumed_bit_for_bit(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    """In the middle of an epoch and of a step's sizes, from memory and from the disk cache."""
    data = make_dataset(n_train=7)
    make_dataset(data, n_train=9, n_val=1, side=16, height=9, prefix="oblong_")
    settings: Settings = {"training__accumulation": 2, "training__max_steps": 11, "cadence__validate_every": 8}
    whole = train(tmp_path / "whole", data, **settings)
    first = train(tmp_path / "parts", data, react=stop_at(5), **settings)
    second = train(tmp_path / "parts", data, start="resume", data__cache="disk", **settings)
    assert of(whole, ev.SessionStarted)[0].steps_per_epoch == 3 and of(whole, ev.ValidationFinished)[0].samples == 3
    steps = [figures(step) for step in of(first, ev.StepReported) + of(second, ev.StepReported)]
    assert steps == [figures(step) for step in of(whole, ev.StepReported)]
    one, two = (weights_of(tmp_path / run, "checkpoint_step_11.pth", "model") for run in ("whole", "parts"))
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize("workers", [2, 4])
def test_resume_with_workers_is_the_undisturbed_run_without(
    make_dataset: MakeDataset, tmp_path: Path, workers: int
) -> None:
    """What the workers had drawn ahead when the session was stopped is drawn again, in the same order."""
    data = make_dataset()
    whole = train(tmp_path / "whole", data, training__max_steps=14)
    settings: Settings = {"training__max_steps": 14, "data__workers": workers}
    first = train(tmp_path / "parts", data, react=stop_at(6), **settings)
    second = train(tmp_path / "parts", data, start="resume", **settings)
    steps = [figures(step) for step in of(first, ev.StepReported) + of(second, ev.StepReported)]
    assert steps == [figures(step) for step in of(whole, ev.StepReported)]


@pytest.mark.parametrize("mode", ["block", "trunk"])
def test_computing_activations_again_changes_no_figure(make_dataset: MakeDataset, tmp_path: Path, mode: str) -> None:
    """Not even for a run that begins without: what runs out of memory may go on like this."""
    data = make_dataset()
    whole = train(tmp_path / "whole", data)
    first = train(tmp_path / "parts", data, react=stop_at(7))
    second = train(tmp_path / "parts", data, start="resume", training__checkpointing=mode)
    steps = [figures(step) for step in of(first, ev.StepReported) + of(second, ev.StepReported)]
    assert steps == [figures(step) for step in of(whole, ev.StepReported)]


def test_another_dataset_is_noticed_and_named(make_dataset: MakeDataset, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(run, make_dataset(), react=stop_at(6))
    moved = make_dataset(tmp_path / "moved")
    (resumed,) = of(train(run, moved, start="resume", react=stop_at(7)), ev.SessionStarted)
    assert resumed.data == str(moved) and not of(list(replay(run / "events.jsonl")), ev.WarningRaised), "only moved"
    for name, shape, difference in (
        ("fewer", {"n_train": 9}, "9 training pairs instead of 10"),
        ("wider", {"n_train": 9, "side": 18}, "LR stacks of 5 frames of 18x18 instead of 5 frames of 16x16"),
    ):
        events = train(run, make_dataset(tmp_path / name, **shape), start="resume", react=stop_at(9))
        warning, *_ = of(events, ev.WarningRaised)  # the wider one's validation set is another too
        assert difference in warning.message and str(tmp_path / name) in warning.message
        assert "checkpoint_recovery.pth" in warning.message and of(events, ev.StepReported)[0].epoch_step == 1


def test_the_same_number_of_other_pairs_is_noticed_too(make_dataset: MakeDataset, tmp_path: Path) -> None:
    run, data = tmp_path / "run", make_dataset()
    train(run, data, react=stop_at(6))
    for split in ("LR", "GT"):
        (data / "Patches" / split / "s000.png").rename(data / "Patches" / split / "t000.png")
    (warning,) = of(train(run, data, start="resume"), ev.WarningRaised)
    assert "10 training pairs as before, but other files" in warning.message


def test_another_validation_set_resets_the_best(make_dataset: MakeDataset, tmp_path: Path) -> None:
    run, data = tmp_path / "run", make_dataset()
    train(run, data, react=stop_at(13), cadence__best_from=0)
    assert of(train(run, data, start="resume", react=stop_at(14)), ev.SessionStarted)[0].best_step == 12
    for split in ("LR", "GT"):
        (data / "Val" / split / "s001.png").rename(data / "Val" / split / "t001.png")
    events = train(run, data, start="resume", react=stop_at(15))
    assert of(events, ev.SessionStarted)[0].best_step == 0
    assert "validation set of" in of(events, ev.WarningRaised)[0].message


def test_a_run_with_a_given_size_is_not_tuned(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = DeviceDescription("a card", 8 * 2**30, "cuda")
    monkeypatch.setattr(plan_module, "describe_device", lambda: card)
    events = train(tmp_path / "run", make_dataset(), training__max_steps=2)
    assert of(events, ev.SessionStarted)[0].n_feats == 4 and not of(events, ev.ConfigurationPredicted)


def test_settings_edited_between_sessions_are_gone_by(make_dataset: MakeDataset, tmp_path: Path) -> None:
    """Weights and clip norm are in the checkpoint, but the user's word is newer. What was not edited goes on."""
    run, data = tmp_path / "run", make_dataset()
    before = of(train(run, data, react=stop_at(12)), ev.StepReported)[-1]
    edited = {"loss__l1": 0.5, "loss__ms": 0.1, "loss__grad": 0.4, "schedule__factor": 0.5}
    after = of(train(run, data, start="resume", react=stop_at(13), **edited), ev.StepReported)[0]
    assert (after.weight_l1, after.weight_ms, after.weight_grad) == (0.5, 0.1, 0.4)
    assert after.learning_rate < 0.51 * before.learning_rate
    assert after.clip_norm == pytest.approx(before.clip_norm, rel=0.1) and after.clip_norm != 1.5
    again = of(train(run, data, start="resume", react=stop_at(14), clipping__initial=7.5, **edited), ev.StepReported)
    assert again[0].clip_norm == 7.5 and again[0].weight_l1 == 0.5


def test_decays_edited_between_sessions_are_gone_by(make_dataset: MakeDataset, tmp_path: Path) -> None:
    weights = []
    for name, decay in (("kept", 0.0), ("edited", 0.9)):
        run, data = tmp_path / name, make_dataset()
        train(run, data, react=stop_at(12))
        train(run, data, start="resume", training__weight_decay=decay)
        (group,) = checkpoints.load(run / "checkpoint_step_24.pth")["optimizer_step"]["optimizer"]["param_groups"]
        assert group["weight_decay"] == decay
        weights.append(weights_of(run, "checkpoint_step_24.pth", "model"))
    assert any(not torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_a_checkpoint_goes_by_the_rules_it_was_saved_with(make_dataset: MakeDataset, tmp_path: Path) -> None:
    """A rule that came later must not make a run's checkpoints useless, nor a setting that is no more."""
    run, data = tmp_path / "run", make_dataset()
    train(run, data, react=stop_at(12))
    path = run / "checkpoint_recovery.pth"
    state = checkpoints.load(path)
    state["config"]["loss"] |= {"l1": 1.0, "ms": 0.0, "grad": 0.0, "adaptive": True, "of_old": 3}
    state["loss_weights"]["weights"] = [1.0, 0.0, 0.0]
    torch.save(state, path)
    fixed: Settings = {"loss__l1": 1.0, "loss__ms": 0.0, "loss__grad": 0.0, "loss__adaptive": False}
    events = train(run, data, start="resume", **fixed)
    assert of(events, ev.SessionEnded)[0].step == 24
    assert {step.weight_l1 for step in of(events, ev.StepReported)} == {1.0}


def test_without_settings_those_of_a_checkpoint_are_held_to_the_rules_of_now(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    run, data = tmp_path / "run", make_dataset()
    train(run, data, react=stop_at(12))
    (run / "config.toml").unlink()
    path = run / "checkpoint_recovery.pth"
    state = checkpoints.load(path)
    state["config"]["loss"] |= {"l1": 1.0, "ms": 0.0, "grad": 0.0}
    torch.save(state, path)
    with pytest.raises(VsrppError, match="weights that adapt begin with"):
        open_session(run, data, start="resume")
    overrides = {"loss.adaptive": False}
    assert of(collect(open_session(run, data, start="resume", overrides=overrides)), ev.SessionEnded)[0].step == 24


def test_the_dataset_may_be_named_by_its_setting(make_dataset: MakeDataset, tmp_path: Path) -> None:
    run, data, other = tmp_path / "run", make_dataset(), make_dataset(tmp_path / "other")
    collect(open_session(run, None, start="fresh", overrides={**TINY, "data.root": str(data)}), stop_at(3))
    assert RunConfig.load(run / "config.toml").data.root == str(data)
    events = collect(open_session(run, None, start="resume", overrides={"data.root": str(other)}), stop_at(6))
    assert of(events, ev.SessionStarted)[0].data == str(other)
    assert RunConfig.load(run / "config.toml").data.root == str(other)


def test_a_step_report_carries_the_inputs_of_the_step(make_dataset: MakeDataset, tmp_path: Path) -> None:
    settings: Settings = {"training__max_steps": 60, "loss__warmup_steps": 25, "cadence__validate_every": 10}
    settings |= {"schedule__plateau_validations": 5, "schedule__plateau_cooldown": 0, "schedule__lr_max": 1e-9}
    settings |= {"loss__sharpness": "absolute"}  # on which so young a network is blurred
    events = train(tmp_path / "run", make_dataset(), **settings)
    changes = [e for e in events if isinstance(e, ev.WeightsAdapted | ev.LearningRateReduced)]
    assert any(isinstance(e, ev.LearningRateReduced) for e in changes)
    adapted = of(events, ev.WeightsAdapted)
    assert adapted and [e.step % 10 for e in changes] == [0] * len(changes)
    weights = {e.step: (e.weight_l1, e.weight_ms, e.weight_grad) for e in adapted}
    for told in of(events, ev.StepReported):
        parts = (told.loss_l1, told.loss_ms, told.loss_grad)
        now = (told.weight_l1, told.weight_ms, told.weight_grad)
        assert told.loss_total == pytest.approx(sum(w * p for w, p in zip(now, parts, strict=True)), rel=1e-5)
        before = [step for step in weights if step < told.step]
        assert now == pytest.approx(weights[before[-1]] if before else (0.6, 0.2, 0.2))


def test_the_same_seed_gives_the_same_losses_with_workers(make_dataset: MakeDataset, tmp_path: Path) -> None:
    data = make_dataset()
    alone = train(tmp_path / "a", data, training__max_steps=6)
    helped = train(tmp_path / "b", data, training__max_steps=6, data__workers=2)
    assert [figures(s) for s in of(alone, ev.StepReported)] == [figures(s) for s in of(helped, ev.StepReported)]


def test_another_seed_gives_other_losses(make_dataset: MakeDataset, tmp_path: Path) -> None:
    data = make_dataset()
    one = train(tmp_path / "a", data, training__max_steps=2)
    two = train(tmp_path / "b", data, training__max_steps=2, training__seed=1)
    assert figures(of(one, ev.StepReported)[1]) != figures(of(two, ev.StepReported)[1])


def test_every_command_is_answered_in_order(make_dataset: MakeDataset, tmp_path: Path) -> None:
    sent = (cmd.Pause(), cmd.Pause(), cmd.Validate(), cmd.SaveCheckpoint(), cmd.Resume(), cmd.Resume())
    events = train(
        tmp_path / "run",
        make_dataset(),
        react=lambda e: (
            sent
            if isinstance(e, ev.StepReported) and e.step == 3
            else (cmd.Stop(),)
            if isinstance(e, ev.CommandAnswered) and not e.accepted and e.command == "Resume"
            else ()
        ),
    )
    answers = [(a.command, a.accepted, a.step) for a in of(events, ev.CommandAnswered)]
    assert answers == [
        ("Pause", True, 3), ("Pause", False, 3), ("Validate", True, 3), ("SaveCheckpoint", True, 3),
        ("Resume", True, 3), ("Resume", False, 3), ("Stop", True, 3),
    ]  # fmt: skip
    assert of(events, ev.StepReported)[-1].step == 3
    assert (tmp_path / "run" / "checkpoint_step_3.pth").is_file()
    assert of(events, ev.ValidationFinished)[0].step == 3


def test_stop_ends_a_validation_early(make_dataset: MakeDataset, tmp_path: Path) -> None:
    events = train(
        tmp_path / "run",
        make_dataset(n_val=6),
        react=lambda e: (cmd.Stop(),) if isinstance(e, ev.ValidationProgressed) and e.done == 2 else (),
    )
    assert of(events, ev.ValidationProgressed)[-1].done == 2
    assert of(events, ev.ValidationAborted) and not of(events, ev.ValidationFinished)
    assert of(events, ev.SessionEnded)[0].step == 12


def test_a_validation_that_a_stop_ended_is_made_first_by_the_next_session(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    whole, parts, data = tmp_path / "whole", tmp_path / "parts", make_dataset(n_val=6)
    expected = of(train(whole, data), ev.ValidationFinished)
    train(parts, data, react=lambda e: (cmd.Stop(),) if isinstance(e, ev.ValidationProgressed) else ())
    made = of(train(parts, data, start="resume"), ev.ValidationFinished)
    assert [(e.step, e.ki_quality) for e in made] == [(e.step, e.ki_quality) for e in expected]
    assert [e.step for e in made] == [12, 24]


def test_commands_do_not_change_the_numbers(make_dataset: MakeDataset, tmp_path: Path) -> None:
    data = make_dataset()
    quiet = train(tmp_path / "a", data)
    busy = train(
        tmp_path / "b",
        data,
        react=lambda e: (
            (cmd.Pause(), cmd.Validate(), cmd.SaveCheckpoint(), cmd.Resume())
            if isinstance(e, ev.StepReported) and e.step % 5 == 0
            else ()
        ),
    )
    assert [figures(s) for s in of(quiet, ev.StepReported)] == [figures(s) for s in of(busy, ev.StepReported)]


def test_the_best_checkpoint_is_linked_and_the_one_before_kept(make_dataset: MakeDataset, tmp_path: Path) -> None:
    run = tmp_path / "run"
    events = train(
        run, make_dataset(), cadence__validate_every=6, cadence__best_from=0, training__max_steps=30,
    )  # fmt: skip
    best = [v.step for v in of(events, ev.ValidationFinished) if v.is_best]
    assert len(best) >= 3, "the fixture must improve often enough for this test to mean something"
    assert (run / "checkpoint_best.pth").readlink() == Path(f"checkpoint_step_{best[-1]}.pth")
    assert (run / "checkpoint_best_old.pth").readlink() == Path(f"checkpoint_step_{best[-2]}.pth")
    assert not (run / f"checkpoint_step_{best[-3]}.pth").exists()


def test_a_failing_step_saves_an_emergency_checkpoint_with_its_true_step(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vsrpp_core.training.step import OptimizerStep

    run_step, calls = OptimizerStep.run, []

    def fail_at_the_eighth(self: OptimizerStep, *args: object, **kwargs: object) -> torch.Tensor:
        calls.append(1)
        if len(calls) == 8:
            raise RuntimeError("the card fell off the bus")
        return run_step(self, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(OptimizerStep, "run", fail_at_the_eighth)
    run = tmp_path / "run"
    failed = train(run, make_dataset())[-1]
    assert isinstance(failed, ev.SessionFailed) and failed.step == 7
    assert failed.checkpoint == "checkpoint_emergency.pth" and "fell off the bus" in failed.error
    assert "Traceback" in (run / "training.log").read_text()
    assert checkpoints.load(run / failed.checkpoint)["progress"]["step"] == 7
    monkeypatch.undo()
    resumed = of(train(run, make_dataset(), start="resume"), ev.StepReported)
    whole = of(train(tmp_path / "whole", make_dataset()), ev.StepReported)
    assert [(s.step, figures(s)) for s in resumed] == [(s.step, figures(s)) for s in whole[7:]]


def test_a_device_that_cannot_be_read_any_more_still_ends_in_an_event(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vsrpp_core.training.trainer import Trainer

    def gone(self: Trainer, *anything: object) -> dict[str, torch.Tensor]:
        raise RuntimeError("CUDA error: device-side assert")

    monkeypatch.setattr(Trainer, "_advance", gone)
    monkeypatch.setattr(Trainer, "state_dict", gone)
    monkeypatch.setattr("vsrpp_core.training.trainer.Progress.step", 5, raising=False)
    failed = train(tmp_path / "run", make_dataset())[-1]
    assert isinstance(failed, ev.SessionFailed) and failed.checkpoint == "" and "device-side" in failed.error
    assert "state       failed" in (tmp_path / "run" / "training_status.txt").read_text()


def test_a_reader_that_leaves_loses_nothing(make_dataset: MakeDataset, tmp_path: Path) -> None:
    session = open_session(tmp_path / "run", make_dataset(), start="fresh", overrides=TINY)
    events = session.events(cmd.CommandQueue())
    for event in events:
        if isinstance(event, ev.StepReported) and event.step == 9:
            break
    events.close()
    assert checkpoints.load(tmp_path / "run" / "checkpoint_recovery.pth")["progress"]["step"] == 9


def test_resume_passes_over_a_damaged_checkpoint(make_dataset: MakeDataset, tmp_path: Path) -> None:
    run, data = tmp_path / "run", make_dataset()
    train(run, data, react=lambda e: (cmd.SaveCheckpoint(),) if isinstance(e, ev.StepReported) and e.step == 8 else ())
    flip_a_bit(run / "checkpoint_step_24.pth")
    events = train(run, data, start="resume")
    assert of(events, ev.SessionStarted)[0].resumed_from == "checkpoint_step_8.pth"
    assert "checkpoint_step_24.pth is damaged" in of(events, ev.WarningRaised)[0].message


def test_a_fresh_start_moves_the_old_run_to_the_trash_and_keeps_settings(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    run, data = tmp_path / "run", make_dataset()
    train(run, data, training__max_steps=3)
    events = collect(open_session(run, None, start="fresh"))
    assert of(events, ev.SessionStarted)[0].step == 0 and of(events, ev.SessionEnded)[0].step == 3
    (trashed,) = (run / ".trash").iterdir()
    assert (trashed / "checkpoint_step_3.pth").is_file() and (trashed / "events.jsonl").is_file()


def test_a_fresh_start_that_cannot_keep_its_settings_moves_nothing(make_dataset: MakeDataset, tmp_path: Path) -> None:
    run, data = tmp_path / "run", make_dataset()
    train(run, data, training__max_steps=3)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    with files_of_at_most(20), pytest.raises(VsrppError, match=r"config\.toml cannot be written \(File too large\)"):
        open_session(run, None, start="fresh", overrides={"training.max_steps": 7})
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_a_second_trainer_is_refused_with_the_first_one_s_pid(make_dataset: MakeDataset, tmp_path: Path) -> None:
    import os

    data = make_dataset()
    session = open_session(tmp_path / "run", data, start="fresh", overrides=TINY)
    with pytest.raises(VsrppError, match=f"PID {os.getpid()}"):
        open_session(tmp_path / "run", data, start="fresh")
    session.close()
    open_session(tmp_path / "run", data, start="fresh").close()


@pytest.mark.parametrize(
    ("start", "settings", "phrase"),
    [
        ("resume", {}, "nothing to resume"),
        ("fresh", {"training.batch_sise": 2}, "did you mean training.batch_size"),
        ("fresh", {"data.crop": 99}, "data.crop = 99 is larger"),
        ("fresh", {"model.n_frames": 7}, "5 frames but model.n_frames is 7"),
        ("fresh", {"training.precision": "fp16"}, "fp16 is not for CPUs"),
    ],
)
def test_mistakes_are_refused_before_anything_is_touched(
    make_dataset: MakeDataset, tmp_path: Path, start: str, settings: dict[str, Any], phrase: str
) -> None:
    run, data = tmp_path / "run", make_dataset()
    with pytest.raises(VsrppError, match=phrase):
        open_session(run, data, start=start, overrides=settings)  # type: ignore[arg-type]
    assert RunFolder(run).contents() == [] and not (run / "config.toml").exists() and RunFolder(run).owner() == 0


@pytest.mark.parametrize("scale", [1, 2])
def test_the_dataset_tells_the_scale(tmp_path: Path, scale: int) -> None:
    run, data = tmp_path / "run", write_dataset(tmp_path / "data", 2, 1, scale=scale)
    two_steps = {**TINY, "training.max_steps": 2, "data.crop": 12}
    collect(open_session(run, data, start="fresh", overrides=two_steps))
    assert RunConfig.load(run / "config.toml").model.scale == scale
    assert checkpoints.load(run / "checkpoint_step_2.pth")["config"]["model"]["scale"] == scale
    with Image.open(next((run / "pictures").glob("*.png"))) as sheet:
        assert sheet.width == 3 * (scale * 16 + MARGIN) - MARGIN
    more = {"training.max_steps": 3, "model.scale": 3}
    with pytest.raises(VsrppError, match=rf"is {scale} times as large as LR but model\.scale is 3"):
        open_session(run, None, start="resume", overrides=more)


def test_pairs_of_two_scales_are_refused(tmp_path: Path) -> None:
    write_dataset(tmp_path, 3, 1)
    write_dataset(tmp_path, 1, 0, prefix="other", scale=2)
    with pytest.raises(VsrppError, match=r"other000\.png has 5 × 16×16 → 32×32, where most .* 3 times as large"):
        open_session(tmp_path / "run", tmp_path, start="fresh", overrides=TINY)
    *_, report = check(tmp_path)
    assert isinstance(report, CheckReport) and "most are enlarged 3 times" in report.problems[0].text


def test_a_pair_that_cannot_be_used_is_refused_before_training(make_dataset: MakeDataset, tmp_path: Path) -> None:
    data = make_dataset()
    with Image.open(data / "Val/LR/s001.png") as image:
        seven = np.concatenate([np.asarray(image), np.asarray(image)[:32]])
    Image.fromarray(seven).save(data / "Val/LR/s001.png")
    with pytest.raises(VsrppError, match=r"Val/LR/s001.png has 7 × 16×16 → 48×48, where most .* 5 frames") as caught:
        open_session(tmp_path / "run", data, start="fresh", overrides=TINY)
    assert f"`vsrpp check {data}`" in str(caught.value) and RunFolder(tmp_path / "run").contents() == []


def test_a_changed_shape_is_named_on_resume(make_dataset: MakeDataset, tmp_path: Path) -> None:
    run, data = tmp_path / "run", make_dataset()
    train(run, data, training__max_steps=3)
    for change, phrase in (
        ({"model.n_feats": 6}, "n_feats is 6 but was 4"),
        (LOCAL, "alignment is local but was none"),
    ):
        with pytest.raises(VsrppError, match=rf"model\.{phrase}"):
            open_session(run, data, start="resume", overrides={**change, "training.max_steps": 9})
    assert (run / "checkpoint_step_3.pth").exists()


LOCAL: dict[str, Any] = {"model.alignment": "local"}


def test_with_local_alignment_resume_is_exact(make_dataset: MakeDataset, tmp_path: Path) -> None:
    data = make_dataset()
    constant: dict[str, Any] = {"model__alignment": "local", "schedule__lr_min": TINY["schedule.lr_max"]}
    for run, steps in (("whole", (6,)), ("parts", (3, 6))):
        for step in steps:
            start = "fresh" if step == steps[0] else "resume"
            train(tmp_path / run, data, start, training__max_steps=step, **constant)
    whole, parts = (checkpoints.load(tmp_path / run / "checkpoint_step_6.pth") for run in ("whole", "parts"))
    assert whole["model"].keys() == parts["model"].keys() and "align.sharpness" in whole["model"]
    assert all(torch.equal(whole["model"][name], weight) for name, weight in parts["model"].items())


def pretend_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A card whose auto-tune tries two rungs and takes the second."""

    def tune(
        config: RunConfig, hardware: object, geometry: object, inbox: Inbox, **_: object
    ) -> Generator[ev.Event, None, RunConfig | None]:
        for _attempt in range(2):
            if inbox.stop_is_wanted():
                return None
            yield make_event(ev.ConfigurationTried)
        return config.with_overrides(TINY)

    monkeypatch.setattr(plan_module, "describe_device", lambda: DeviceDescription("a GPU", 8 * 2**30, "cuda"))
    monkeypatch.setattr(session_module, "tune_and_choose", tune)


def test_an_auto_tune_that_was_interrupted_begins_again(
    tmp_path: Path, make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_gpu(monkeypatch)
    run, data = tmp_path / "run", make_dataset()
    events = collect(
        open_session(run, data, start="fresh"), lambda e: (cmd.Stop(),) if isinstance(e, ev.ConfigurationTried) else ()
    )
    assert len(of(events, ev.ConfigurationTried)) == 1 and of(events, ev.SessionEnded)[0].reason == "stopped"
    assert not (run / "config.toml").exists()
    assert len(of(collect(open_session(run, data, start="fresh")), ev.ConfigurationTried)) == 2


def test_resume_without_settings_takes_those_of_the_checkpoint(
    tmp_path: Path, make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, data = tmp_path / "run", make_dataset()
    train(run, data, react=stop_at(3))
    (run / "config.toml").unlink()
    pretend_gpu(monkeypatch)
    events = collect(open_session(run, data, start="resume"))
    assert of(events, ev.SessionEnded)[0].step == 24 and not of(events, ev.ConfigurationTried)


def test_the_user_s_own_files_and_a_dataset_inside_the_run_stay(make_dataset: MakeDataset, tmp_path: Path) -> None:
    run = tmp_path / "run"
    data = make_dataset(root=run / "data")
    (run / "notes.txt").write_text("mine")
    for _ in range(2):
        train(run, data, training__max_steps=1)
    assert (run / "notes.txt").read_text() == "mine" and len(list((data / "Patches" / "GT").iterdir())) == 10


def test_a_run_cannot_be_its_own_dataset(make_dataset: MakeDataset) -> None:
    data = make_dataset()
    with pytest.raises(VsrppError, match="is the dataset; name another folder for the run"):
        open_session(data, data, start="fresh")


def test_the_demo_does_not_take_over_a_run_on_other_footage(make_dataset: MakeDataset, tmp_path: Path) -> None:
    run, data = tmp_path / "run", make_dataset()
    train(run, data, training__max_steps=1)
    with pytest.raises(VsrppError, match=f"is a run on {data}, not the demo's"):
        open_session(run, None, start="fresh", demo=True)
    assert (run / "checkpoint_step_1.pth").is_file()


def test_a_fresh_start_reports_what_it_moved_away(make_dataset: MakeDataset, tmp_path: Path) -> None:
    run, data = tmp_path / "run", make_dataset()
    train(run, data, training__max_steps=1)
    told = [event.message for event in of(train(run, data, training__max_steps=1), ev.WarningRaised)]
    (trashed,) = (run / ".trash").iterdir()
    assert told == [f"what the run held before is in .trash/{trashed.name}"]


def test_the_last_step_is_reported_whatever_the_cadence(make_dataset: MakeDataset, tmp_path: Path) -> None:
    seldom = {f"cadence.{name}_every": 5 for name in ("status", "journal", "tensorboard")}
    settings = {**TINY, **seldom, "training.max_steps": 7}
    collect(open_session(tmp_path / "run", make_dataset(), start="fresh", overrides=settings))
    told = [event.step for event in replay(tmp_path / "run" / "events.jsonl") if isinstance(event, ev.StepReported)]
    assert told == [5, 7] and "step        7 of 7" in (tmp_path / "run" / "training_status.txt").read_text()


def test_a_complete_run_is_not_resumed(make_dataset: MakeDataset, tmp_path: Path) -> None:
    run, data = tmp_path / "run", make_dataset()
    train(run, data, training__max_steps=2)
    saved = (run / "checkpoint_step_2.pth").stat().st_mtime_ns
    with pytest.raises(VsrppError, match="is complete: step 2 of 2"):
        open_session(run, data, start="resume")
    assert (run / "checkpoint_step_2.pth").stat().st_mtime_ns == saved
    events = collect(open_session(run, data, start="resume", overrides={"training.max_steps": 4}))
    assert of(events, ev.SessionEnded)[0].step == 4


def test_a_run_without_settings_is_tuned_first_on_a_gpu(
    tmp_path: Path, make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_gpu(monkeypatch)
    events = list(open_session(tmp_path / "run", make_dataset(), start="fresh").events(cmd.CommandQueue()))
    kinds = [type(event) for event in events]
    assert kinds.index(ev.ConfigurationTried) < kinds.index(ev.SessionStarted)
    assert RunConfig.load(tmp_path / "run" / "config.toml").model.n_feats == TINY["model.n_feats"]


@pytest.mark.parametrize("name", ["events.jsonl", "training.log", "logs", "pictures"])
def test_what_stands_in_the_place_of_a_record_is_told_once_and_training_goes_on(
    tmp_path: Path, make_dataset: MakeDataset, name: str
) -> None:
    session = open_session(tmp_path / "run", make_dataset(), start="fresh", overrides=TINY)
    place = tmp_path / "run" / name
    place.mkdir() if "." in name else place.touch()
    events = collect(session)
    assert isinstance(events[-1], ev.SessionEnded)
    (told,) = (warning.message for warning in of(events, ev.WarningRaised) if str(place) in warning.message)
    assert "move away what stands in its place" in told
    with RunFolder(tmp_path / "run").lock():
        pass


def test_a_run_whose_name_is_no_text_is_trained_resumed_and_replayed(tmp_path: Path, make_dataset: MakeDataset) -> None:
    folder = tmp_path / os.fsdecode(b"Gr\xf6\xdfe")
    folder.mkdir()
    data = make_dataset().rename(folder / "data")
    run = folder / "run"
    for start, steps in (("fresh", 2), ("resume", 4)):
        overrides = {**TINY, "training.max_steps": steps}
        events = collect(open_session(run, data, start=start, overrides=overrides))  # type: ignore[arg-type]
        assert isinstance(events[-1], ev.SessionEnded) and events[-1].step == steps
        (told,) = (warning.message for warning in of(events, ev.WarningRaised) if "logs" in warning.message)
        assert "choose a folder whose name is UTF-8" in told
    assert RunConfig.load(run / "config.toml").data.root == str(data)
    assert {event.run for event in replay(run / "events.jsonl") if isinstance(event, ev.SessionStarted)} == {str(run)}
    (run / "events.jsonl").read_text(encoding="utf-8"), (run / "training.log").read_text(encoding="utf-8")
