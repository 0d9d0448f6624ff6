"""A run that is asked to finish: what is told, what is kept, what a resume does, and how it is taken back."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeDataset
from tests.helpers import TINY
from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.journal import replay
from vsrpp_core.run.config import RunConfig
from vsrpp_core.session.session import open_session

Asked = dict[int, cmd.Command]


def train(run: Path, data: Path, asked: Asked, start: str = "fresh", **settings: Any) -> list[ev.Event]:
    """``asked``: commands by the step that is reported when they are given."""
    overrides = TINY if start == "fresh" else {key.replace("__", "."): value for key, value in settings.items()}
    queue, events = cmd.CommandQueue(), []
    for event in open_session(run, data, start=start, overrides=overrides).events(queue):  # type: ignore[arg-type]
        events.append(event)
        if isinstance(event, ev.StepReported) and event.step in asked:
            queue.put(asked[event.step])
    return events


def rates(events: Iterable[ev.Event]) -> dict[int, float]:
    return {event.step: event.learning_rate for event in events if isinstance(event, ev.StepReported)}


def answers(events: Iterable[ev.Event]) -> list[tuple[bool, str]]:
    return [(event.accepted, event.message) for event in events if isinstance(event, ev.CommandAnswered)]


def test_a_run_finishes_where_it_was_asked_to(make_dataset: MakeDataset, tmp_path: Path) -> None:
    run = tmp_path / "run"
    events = train(run, make_dataset(), {8: cmd.FinishNow(steps=6)})
    seen = rates(events)
    assert max(seen) == 14 and seen[14] == pytest.approx(1e-6) and seen[8] > seen[9] > seen[13]
    assert ev.FinishBegan(time=0, step=8, max_steps=14, planned_steps=24) in [
        ev.FinishBegan(time=0, step=e.step, max_steps=e.max_steps, planned_steps=e.planned_steps)
        for e in replay(run / "events.jsonl")
        if isinstance(e, ev.FinishBegan)
    ]
    assert answers(events) == [(True, "done")]
    assert isinstance(events[-1], ev.SessionEnded) and events[-1].reason == "completed"
    assert {e.lr_phase for e in events if isinstance(e, ev.StepReported) and e.step > 8} == {3}
    assert RunConfig.load(run / "config.toml").training.max_steps == 14


def test_a_resumed_finish_is_the_same_as_one_in_one_go(make_dataset: MakeDataset, tmp_path: Path) -> None:
    data = make_dataset()
    whole = train(tmp_path / "whole", data, {8: cmd.FinishNow(steps=6)})
    train(tmp_path / "parts", data, {8: cmd.FinishNow(steps=6), 11: cmd.Stop()})
    rest = train(tmp_path / "parts", data, {}, "resume")
    (started,) = (event for event in rest if isinstance(event, ev.SessionStarted))
    assert (started.max_steps, started.finish_from, started.planned_steps) == (14, 8, 24)
    expected = {e.step: (e.loss_total, e.learning_rate) for e in whole if isinstance(e, ev.StepReported)}
    resumed = {e.step: (e.loss_total, e.learning_rate) for e in rest if isinstance(e, ev.StepReported)}
    assert resumed == {step: expected[step] for step in (12, 13, 14)}


def test_finishing_is_taken_back(make_dataset: MakeDataset, tmp_path: Path) -> None:
    data = make_dataset()
    plain = rates(train(tmp_path / "plain", data, {}))
    events = train(tmp_path / "run", data, {8: cmd.FinishNow(steps=6), 11: cmd.CancelFinish(), 12: cmd.CancelFinish()})
    seen = rates(events)
    assert max(seen) == 24 and seen[10] < plain[10]
    assert {step: seen[step] for step in range(12, 25)} == {step: plain[step] for step in range(12, 25)}
    assert [e.max_steps for e in events if isinstance(e, ev.FinishCancelled)] == [24]
    assert answers(events) == [(True, "done"), (True, "done"), (False, "the run was not asked to finish")]
    assert RunConfig.load(tmp_path / "run" / "config.toml").training.max_steps == 24


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (cmd.FinishNow(steps=20), "it ends at step 24; name fewer than 19 steps"),
        (cmd.FinishNow(), "at least one step"),
        (cmd.FinishNow(hours=100.0), "it ends at step 24"),
    ],
)
def test_what_cannot_be_is_refused(make_dataset: MakeDataset, tmp_path: Path, command: cmd.Command, why: str) -> None:
    events = train(tmp_path / "run", make_dataset(), {5: command})
    ((accepted, message),) = answers(events)
    assert not accepted and why in message
    assert max(rates(events)) == 24 and not any(isinstance(event, ev.FinishBegan) for event in events)


def test_a_complete_run_goes_on_from_a_rate_that_rises_again(make_dataset: MakeDataset, tmp_path: Path) -> None:
    run, data = tmp_path / "run", make_dataset()
    train(run, data, {})
    more = train(run, data, {}, "resume", training__max_steps=64)
    (told,) = (event for event in more if isinstance(event, ev.RateReentered))
    seen = rates(more)
    assert (told.step, told.peak_step, told.max_steps) == (24, 28, 64)
    assert seen[28] == max(seen.values()) == pytest.approx(told.peak) and told.peak == pytest.approx(7.9e-4, rel=0.01)
    assert seen[25] < 0.3 * told.peak and seen[64] == pytest.approx(1e-6)
    assert "a complete run continues" in (run / "training.log").read_text()
