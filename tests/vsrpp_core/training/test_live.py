"""Settings changed while training: what takes effect, what is told and kept, what is refused."""

from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.conftest import MakeDataset
from tests.helpers import TINY
from vsrpp_core.adaptive.lr_schedule import LRSchedule
from vsrpp_core.checkpoint import checkpoints
from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.journal import replay
from vsrpp_core.run.config import RunConfig, ScheduleConfig
from vsrpp_core.session.session import open_session


def train(run: Path, data: Path, step: int, *changes: tuple[str, Any], start: str = "fresh") -> list[ev.Event]:
    """A session in which the changes are asked for once ``step`` is reported."""
    queue, events = cmd.CommandQueue(), []
    settings = TINY if start == "fresh" else {}
    for event in open_session(run, data, start=start, overrides=settings).events(queue):  # type: ignore[arg-type]
        events.append(event)
        if isinstance(event, ev.StepReported) and event.step == step:
            for key, value in changes:
                queue.put(cmd.SetParameter(key, value))
    return events


def steps(events: list[ev.Event]) -> dict[int, ev.StepReported]:
    return {event.step: event for event in events if isinstance(event, ev.StepReported)}


def answers(events: list[ev.Event]) -> list[tuple[bool, str]]:
    return [(event.accepted, event.message) for event in events if isinstance(event, ev.CommandAnswered)]


def test_a_change_is_reported_saved_and_in_later_checkpoints(make_dataset: MakeDataset, tmp_path: Path) -> None:
    run = tmp_path / "run"
    events = train(run, make_dataset(), 5, ("training.max_steps", 9), ("cadence.validate_every", 4))
    changes = [e for e in events if isinstance(e, ev.ParameterChanged)]
    assert [(c.step, c.key, c.old, c.new) for c in changes] == [
        (5, "training.max_steps", 24, 9),
        (5, "cadence.validate_every", 12, 4),
    ]
    assert answers(events) == [(True, "done"), (True, "done")]
    assert [e.step for e in events if isinstance(e, ev.ValidationFinished)] == [8, 9] and max(steps(events)) == 9
    assert RunConfig.load(run / "config.toml").training.max_steps == 9
    assert checkpoints.load(run / "checkpoint_step_9.pth")["config"]["training"]["max_steps"] == 9
    assert "9 of 9" in (run / "training_status.txt").read_text()


def test_loss_weights_are_changed_together_and_the_rate_follows_the_schedule(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    fixed = ("loss", {"l1": 0.5, "ms": 0.1, "grad": 0.4, "adaptive": False})
    events = train(tmp_path / "run", make_dataset(), 8, fixed, ("schedule.lr_max", 5e-4), ("clipping.initial", 0.5))
    before, after = steps(events)[8], steps(events)[9]
    assert (before.weight_l1, before.weight_grad) == (0.6, 0.2)
    assert (after.weight_l1, after.weight_ms, after.weight_grad) == (0.5, 0.1, 0.4) and after.clip_norm == 0.5
    assert steps(events)[24].weight_grad == 0.4
    assert after.learning_rate == LRSchedule(ScheduleConfig(lr_max=5e-4, warmup_steps=4), 24).rate(9)
    assert not any(isinstance(e, ev.WeightsAdapted) and e.step > 9 for e in events)


@pytest.mark.parametrize(
    ("key", "value", "phrase"),
    [
        ("loss.l1", 0.9, "l1 + ms + grad must be 1"),
        ("schedule.lr_max", 7, "schedule.lr_max: must be at most 1"),
        ("training.batch_size", 8, "training.batch_size cannot change while training"),
        ("loss.warmup_steps", 9, "loss.warmup_steps cannot change while training"),
        ("model.n_feats", 8, "model.n_feats cannot change while training"),
        ("loss.l2", 0.9, "loss.l2 is not a setting (did you mean loss.l1? "),
        ("loss", "much", "loss: must be a table like {a = 1, b = 2}"),
        ("loss", {"l2": 1}, "loss.l2 is not a setting"),
        ("training.max_steps", 3, "step 3 is past that"),
    ],
)
def test_an_invalid_change_is_refused_and_changes_nothing(
    make_dataset: MakeDataset, tmp_path: Path, key: str, value: Any, phrase: str
) -> None:
    data = make_dataset()
    events, quiet = train(tmp_path / "a", data, 3, (key, value)), train(tmp_path / "b", data, 3)
    ((accepted, message),) = answers(events)
    assert not accepted and phrase in message
    assert not any(isinstance(event, ev.ParameterChanged) for event in events)
    assert [s.loss_total for s in steps(events).values()] == [s.loss_total for s in steps(quiet).values()]
    assert (tmp_path / "a" / "config.toml").read_text() == (tmp_path / "b" / "config.toml").read_text()


def test_a_resume_goes_by_what_was_changed(make_dataset: MakeDataset, tmp_path: Path) -> None:
    """Changed at a step, whole or stopped and resumed after it: the same figures."""
    data, change = make_dataset(), ("loss", {"l1": 0.4, "ms": 0.2, "grad": 0.4})
    whole = train(tmp_path / "whole", data, 6, change)
    queue, first = cmd.CommandQueue(), []
    for event in open_session(tmp_path / "parts", data, start="fresh", overrides=TINY).events(queue):
        first.append(event)
        if isinstance(event, ev.StepReported) and event.step == 6:
            queue.put(cmd.SetParameter(*change))
        if isinstance(event, ev.StepReported) and event.step == 13:
            queue.put(cmd.Stop())
    second = train(tmp_path / "parts", data, -1, start="resume")
    parts = {**steps(first), **steps(second)}
    assert {n: (s.loss_total, s.weight_grad) for n, s in parts.items()} == {
        n: (s.loss_total, s.weight_grad) for n, s in steps(whole).items()
    }


def test_listeners_follow_cadences_changed_during_training(make_dataset: MakeDataset, tmp_path: Path) -> None:
    run = tmp_path / "run"
    cadences = {"cadence.journal_every": 4, "cadence.status_every": 5, "cadence.tensorboard_every": 4}
    events = train(run, make_dataset(), 12, *cadences.items())
    assert answers(events) == [(True, "done")] * 3
    journaled = [event.step for event in replay(run / "events.jsonl") if isinstance(event, ev.StepReported)]
    assert journaled == [*range(1, 13), 16, 20, 24]
    board = EventAccumulator(str(run / "logs"))
    board.Reload()
    assert [point.step for point in board.Scalars("Loss/Total")] == [6, 12, 16, 20, 24]
