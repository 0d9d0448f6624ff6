"""A run whose rate is too high: it says so while it trains, keeps its best network, and its advice works."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeDataset
from tests.helpers import TINY
from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.describe import describe
from vsrpp_core.run.folder import BEST_NAME
from vsrpp_core.session.session import open_session

SOUND: dict[str, Any] = {
    **TINY,
    "training.max_steps": 40,
    "schedule.warmup_steps": 2,
    "cadence.validate_every": 5,
    "cadence.best_from": 0,
}


def train(
    run: Path,
    data: Path,
    settings: Mapping[str, Any],
    asked: Mapping[int, cmd.Command] = {},
    checkpoint: str = "",
) -> list[ev.Event]:
    queue, events = cmd.CommandQueue(), []
    start = "resume" if checkpoint else "fresh"
    session = open_session(run, data, start=start, overrides=dict(settings), checkpoint=checkpoint)  # type: ignore[arg-type]
    for event in session.events(queue):
        events.append(event)
        if isinstance(event, ev.StepReported) and event.step in asked:
            queue.put(asked[event.step])
    return events


def losses_in(events: list[ev.Event]) -> list[ev.RunLost]:
    return [event for event in events if isinstance(event, ev.RunLost)]


def validations_in(events: list[ev.Event]) -> list[ev.ValidationFinished]:
    return [event for event in events if isinstance(event, ev.ValidationFinished)]


def advised(lost: ev.RunLost) -> dict[str, str]:
    """The options that the sentence names."""
    said = describe(lost).in_full
    assert describe(lost).tone == "fault" and "more steps will not bring it back" in said
    found = re.search(r"(--fresh|--resume --from (?P<name>\S+)) --set (?P<key>[\w.]+)=(?P<value>\S+)$", said)
    assert found, said
    return {"checkpoint": found["name"] or "", found["key"]: found["value"]}


def test_a_rate_that_is_far_too_high_is_said_at_the_first_validation(make_dataset: MakeDataset, tmp_path: Path) -> None:
    events = train(tmp_path / "run", make_dataset(), {**SOUND, "schedule.lr_max": 1.0})
    lost, validations = losses_in(events), validations_in(events)
    assert lost and lost[0].step == validations[0].step and len(lost) == len(validations)
    assert lost[0].below > 3 and not any(v.is_best for v in validations)
    assert not (tmp_path / "run" / BEST_NAME).exists()
    advice = advised(lost[0])
    assert advice == {"checkpoint": "", "schedule.lr_max": "0.0001"}
    again = train(tmp_path / "run", make_dataset(), {**SOUND, "schedule.lr_max": float(advice["schedule.lr_max"])})
    assert not losses_in(again) and isinstance(again[-1], ev.SessionEnded)


def test_a_run_that_gets_lost_later_keeps_its_best_and_resumes_from_it(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    data, run = make_dataset(), tmp_path / "run"
    events = train(run, data, SOUND, {20: cmd.SetParameter("schedule.lr_max", 1.0)})
    lost = losses_in(events)
    assert lost and lost[0].step > 20 and lost[0].checkpoint
    best = max(v.best_step for v in validations_in(events))
    assert 0 < best <= 20
    advice = advised(lost[-1])
    rate = float(advice.pop("schedule.lr_max"))
    again = train(run, data, {"schedule.lr_max": rate}, checkpoint=advice["checkpoint"])
    assert isinstance(again[0], ev.SessionStarted | ev.PreparationProgressed | ev.WarningRaised)
    assert not losses_in(again) and validations_in(again)
    assert isinstance(again[-1], ev.SessionEnded) and again[-1].reason == "completed"


@pytest.mark.parametrize("warmup_steps", [100])
def test_nothing_is_expected_of_a_warm_up(make_dataset: MakeDataset, tmp_path: Path, warmup_steps: int) -> None:
    settings = {**SOUND, "schedule.lr_max": 1.0, "schedule.warmup_steps": warmup_steps}
    assert not losses_in(train(tmp_path / "run", make_dataset(), settings))
