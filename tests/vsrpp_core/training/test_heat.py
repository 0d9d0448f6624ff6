"""What is said of a card's health, and how training waits for it to cool."""

import itertools
import math
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.conftest import MakeDataset
from tests.helpers import TINY
from vsrpp_core.device.nvml import Health
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.kinds import ThrottleReason
from vsrpp_core.run.config import RunConfig
from vsrpp_core.session.session import open_session
from vsrpp_core.training.distributed import SINGLE_RANK, Ranks
from vsrpp_core.training.heat import HeatGuard


def health(temperature: float, *throttled: ThrottleReason) -> Health:
    return Health(temperature, 70.0, 75.0, 1e9, 1.5e9, throttled)


class Thermometer:
    """A card whose readings are given; the last one stays."""

    def __init__(self, readings: Iterable[Health]) -> None:
        self._readings = iter(readings)
        self._last = next(self._readings)

    def newest(self) -> Health:
        last, self._last = self._last, next(self._readings, self._last)
        return last

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute passes at each look at the clock; nothing is slept."""
    minutes = itertools.count(0.0, 60.0)
    made_up = SimpleNamespace(monotonic=lambda: next(minutes), sleep=lambda seconds: None)
    monkeypatch.setattr("vsrpp_core.training.heat.time", made_up)


def said(guard: HeatGuard, looks: int) -> list[list[ev.Event]]:
    """Without the readings themselves."""
    return [[event for event in guard.look(7) if not isinstance(event, ev.CardMeasured)] for _ in range(looks)]


def test_each_reading_is_an_event_once() -> None:
    guard = HeatGuard(Thermometer([health(50), health(51)]), 0, SINGLE_RANK)
    seen = [event for _ in range(5) for event in guard.look(7)]
    assert [event.temperature for event in seen if isinstance(event, ev.CardMeasured)] == [50, 51] and len(seen) == 2


def test_throttling_is_said_once_in_a_spell_for_each_reason() -> None:
    """One that comes and goes is one spell; it is over after five minutes of calm."""
    hot, capped, calm = health(90, "power cap", "temperature"), health(80, "power cap"), health(70)
    readings = [capped, calm, capped, hot, health(90, "temperature"), *(health(70) for _ in range(8)), health(81)]
    readings += [health(90, "temperature")]
    looks = said(HeatGuard(Thermometer(readings), 0, SINGLE_RANK), len(readings))
    reasons = [[event.reasons for event in look if isinstance(event, ev.CardThrottled)] for look in looks]
    assert reasons[0] == [("power cap",)] and reasons[3] == reasons[-1] == [("temperature",)]
    assert sum(map(len, reasons)) == 3


def test_training_waits_from_the_limit_until_ten_degrees_below_it() -> None:
    readings = [health(t) for t in (84, 85, 84, 76, 75, 84)]
    looks = said(HeatGuard(Thermometer(readings), 85, SINGLE_RANK), len(readings))
    assert [[type(event) for event in look] for look in looks] == [
        [], [ev.CoolingBegan, ev.PhaseChanged], [], [], [ev.CoolingEnded, ev.PhaseChanged], [],
    ]  # fmt: skip
    began, ended = looks[1][0], looks[4][0]
    assert isinstance(began, ev.CoolingBegan) and (began.temperature, began.resume_at) == (85, 75)
    assert isinstance(ended, ev.CoolingEnded) and ended.temperature == 75 and ended.seconds > 0


def test_who_does_not_wait_is_left_alone_until_the_card_has_cooled_once() -> None:
    readings = [health(t) for t in (90, 91, 92, 75, 85)]
    guard = HeatGuard(Thermometer(readings), 85, SINGLE_RANK)
    assert not guard.run_hot() and [len(look) for look in said(guard, 1)] == [2]
    assert guard.run_hot()
    kinds = [[type(event) for event in look] for look in said(guard, 4)]
    assert kinds == [[ev.CoolingEnded, ev.PhaseChanged], [], [], [ev.CoolingBegan, ev.PhaseChanged]]


def test_a_limit_that_nothing_is_known_for_is_said_once() -> None:
    for monitor in (None, Thermometer([health(math.nan)])):
        guard = HeatGuard(monitor, 85, SINGLE_RANK)
        assert [[type(event) for event in look] for look in said(guard, 3)] == [[ev.WarningRaised], [], []]
        assert not guard.is_cooling


def test_a_limit_that_is_taken_back_ends_the_wait() -> None:
    guard = HeatGuard(Thermometer([health(90)]), 85, SINGLE_RANK)
    said(guard, 1)
    guard.max_temperature = 0
    assert [type(event) for event in said(guard, 1)[0]] == [ev.CoolingEnded, ev.PhaseChanged]
    with pytest.raises(VsrppError, match="at least 60"):
        RunConfig().with_overrides({"guard.max_temperature": 40})


def test_ranks_wait_together_for_the_hottest_card(monkeypatch: pytest.MonkeyPatch) -> None:
    hottest = iter((90.0, 80.0, 75.0))
    monkeypatch.setattr(
        "vsrpp_core.training.distributed.dist.all_reduce", lambda tensor, op: tensor.fill_(next(hottest))
    )
    looks = said(HeatGuard(Thermometer([health(50)]), 85, Ranks(rank=0, size=2)), 3)
    began, *_ = looks[0]
    assert isinstance(began, ev.CoolingBegan) and began.temperature == 90
    assert [len(look) for look in looks] == [2, 0, 2]


def train(
    run: Path, data: Path, monkeypatch: pytest.MonkeyPatch, readings: list[Health], *orders: cmd.Command, **more: Any
) -> list[ev.Event]:
    """A session on a card with these readings, to which ``orders`` are given as soon as it cools."""
    thermometer, queue, events = Thermometer(readings), cmd.CommandQueue(), list[ev.Event]()
    monkeypatch.setattr("vsrpp_core.session.session.monitor_of", lambda hardware: thermometer)
    settings: dict[str, Any] = {**TINY, "training.max_steps": 4, "guard.max_temperature": 85, **more}
    for event in open_session(run, data, start="fresh", overrides=settings).events(queue):
        events.append(event)
        if isinstance(event, ev.CoolingBegan):
            for order in orders:
                queue.put(order)
    return events


def test_a_session_waits_and_hears_orders_meanwhile(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hot = [health(60), health(90)]
    saved = train(tmp_path / "a", make_dataset(), monkeypatch, hot, cmd.SaveCheckpoint(), cmd.Resume())
    kinds = [type(event) for event in saved]
    began, ended = kinds.index(ev.CoolingBegan), kinds.index(ev.CoolingEnded)
    phases = [event.phase for event in saved[began:ended] if isinstance(event, ev.PhaseChanged)]
    assert ev.CheckpointSaved in kinds[began:ended] and set(phases) == {"cooling", "saving"}
    assert all(event.accepted for event in saved if isinstance(event, ev.CommandAnswered))
    last = saved[-1]
    assert isinstance(last, ev.SessionEnded) and (last.reason, last.step) == ("completed", 4)
    stopped = train(tmp_path / "b", make_dataset(), monkeypatch, hot, cmd.Stop())[-1]
    assert isinstance(stopped, ev.SessionEnded) and (stopped.reason, stopped.step) == ("stopped", 1)


def test_while_it_waits_the_last_step_is_reported_and_the_run_saved_as_usual(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vsrpp_core.training.trainer.REPORT_SECONDS", 999.0)
    cadences = {f"cadence.{name}_every": 50 for name in ("status", "tensorboard", "journal", "validate")}
    readings = [health(t) for t in (60, 60, 90, 88, 86, 75, 60)]
    more = {**cadences, "cadence.recovery_minutes": 1e-6}
    events = train(tmp_path / "run", make_dataset(), monkeypatch, readings, **more)
    kinds = [type(event) for event in events]
    meanwhile = events[kinds.index(ev.CoolingBegan) : kinds.index(ev.CoolingEnded)]
    assert [event.step for event in meanwhile if isinstance(event, ev.StepReported)] == [2]
    assert [event.kind for event in meanwhile if isinstance(event, ev.CheckpointSaved)] == ["recovery"] * 3
