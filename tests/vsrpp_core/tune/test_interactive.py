"""Auto-tune steered by whoever watches: what is offered, obeyed, refused and taken; measuring is pretended."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeDataset
from tests.helpers import TINY
from tests.vsrpp_core.tune.cards import FINE, OUT_OF_MEMORY, P4, PATCHES, SLOW, SMALL, UNKNOWN, Results, card
from vsrpp_core.data.stacked import StackGeometry
from vsrpp_core.device.hardware import DeviceDescription, Hardware
from vsrpp_core.device.speed import DeviceSpeed
from vsrpp_core.errors import UsageError, VsrppError
from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import events as ev
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.settings import NO_OVERRIDES, Overrides
from vsrpp_core.session.session import open_session
from vsrpp_core.training.inbox import Inbox
from vsrpp_core.tune import interactive, ladder
from vsrpp_core.tune import measure as measuring
from vsrpp_core.tune.interactive import tune_and_choose
from vsrpp_core.tune.run_tuning import small_settings

React = Callable[[ev.Event], Iterable[cmd.Command]]
CPU = Hardware(UNKNOWN.device, DeviceDescription("CPU (2 cores)", 8 * 2**30, "cpu"), "fp32", "")


class Clock:
    """Each look at it is ``pace`` seconds later than the one before."""

    def __init__(self, pace: float) -> None:
        self.now, self.pace = 0.0, pace

    def __call__(self) -> float:
        self.now += self.pace
        return self.now


class Steered:
    """A steered search run to its end, commands being sent as ``react`` says; its events, and what was taken."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        measure: Results,
        react: React = lambda event: (),
        *,
        hardware: Hardware = UNKNOWN,
        geometry: StackGeometry = SMALL,
        attended: bool = True,
        pace: float = 7.0,
        small: Overrides = NO_OVERRIDES,
        **settings: Any,
    ) -> None:
        monkeypatch.setattr(measuring, "measure_steps", measure)
        monkeypatch.setattr(interactive, "LOOK_SECONDS", 0.001)
        config = RunConfig().with_overrides({key.replace("__", "."): value for key, value in settings.items()})
        queue = cmd.CommandQueue()
        search = tune_and_choose(
            config, hardware, geometry, Inbox(queue), attended=attended, small=small, clock=Clock(pace)
        )
        self.events: list[ev.Event] = []
        while True:
            try:
                event = next(search)
            except StopIteration as end:
                self.config: Any = end.value
                return
            self.events.append(event)
            assert len(self.events) < 200, "nothing is decided"
            for command in react(event):
                queue.put(command)

    def of(self, kind: type[ev.Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def answers(self) -> list[tuple[str, bool]]:
        return [(answer.command, answer.accepted) for answer in self.of(ev.CommandAnswered)]

    @property
    def measured(self) -> list[tuple[int, str]]:
        return [(event.index, event.checkpointing) for event in self.of(ev.MeasurementStarted)]


def once(kind: type[ev.Event], *commands: cmd.Command, **fields: object) -> React:
    """Send ``commands`` after the first event of ``kind`` with these fields."""
    left = [commands]

    def react(event: ev.Event) -> Iterable[cmd.Command]:
        matches = isinstance(event, kind) and all(getattr(event, name) == value for name, value in fields.items())
        return left.pop() if left and matches else ()

    return react


# taken by itself


def test_a_rung_that_passes_is_offered_and_chosen_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    steered = Steered(monkeypatch, Results(SLOW, FINE), pace=7.0)
    (offer,) = steered.of(ev.ChoiceOffered)
    assert (offer.index, offer.checkpointing, offer.seconds, offer.advice) == (2, "none", 60, "")
    (chosen,) = steered.of(ev.ConfigurationChosen)
    assert (chosen.index, chosen.n_feats, chosen.found) == (2, 160, steered.config.tune.found)
    assert steered.config.model.n_feats == 160 and steered.measured == [(1, "none"), (2, "none")]


def test_the_search_tells_its_limits_first(monkeypatch: pytest.MonkeyPatch) -> None:
    started = Steered(monkeypatch, Results(FINE), attended=False).events[0]
    assert isinstance(started, ev.TuningStarted) and not started.attended
    assert (started.device, started.max_seconds, started.max_memory, started.rungs) == ("a card", 4, 0.8, 8)


@pytest.mark.parametrize("how", [{"attended": False}, {"tune__offer_seconds": 0}], ids=["nobody", "no time"])
def test_without_somebody_or_time_it_is_taken_at_once(monkeypatch: pytest.MonkeyPatch, how: dict[str, Any]) -> None:
    steered = Steered(monkeypatch, Results(FINE), **how)
    assert not steered.of(ev.ChoiceOffered) and steered.of(ev.ConfigurationChosen)[0].index == 1


def test_a_user_who_is_choosing_is_not_hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    held = once(ev.ChoiceOffered, cmd.HoldChoice(), seconds=60.0)
    chosen = once(ev.ChoiceOffered, cmd.ChooseRung(2), seconds=0.0)
    steered = Steered(monkeypatch, Results(FINE), lambda event: (*held(event), *chosen(event)), pace=20.0)
    assert [offer.seconds for offer in steered.of(ev.ChoiceOffered)] == [60, 0]
    assert steered.answers == [("HoldChoice", True), ("ChooseRung", True)]


# chosen


def test_another_rung_is_chosen_unmeasured_with_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    react = once(ev.ChoiceOffered, cmd.ChooseRung(2))
    steered = Steered(monkeypatch, Results(FINE), react, hardware=P4, geometry=PATCHES)
    assert steered.config.model.n_feats == 160 and steered.config.training.checkpointing == "trunk"
    assert "chosen by hand, predicted " in steered.config.tune.found
    assert [w.message.partition(" s is predicted")[1] for w in steered.of(ev.WarningRaised)] == [" s is predicted"]


def test_a_rung_that_failed_may_be_taken_with_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    react = once(ev.ChoiceOffered, cmd.ChooseRung(1, "none"))
    steered = Steered(monkeypatch, Results(SLOW, FINE), react)
    assert "chosen by hand, 18.00 s per step" in steered.config.tune.found
    assert steered.of(ev.WarningRaised)[0].message == "a step of 18.00 s was measured; 4 s are allowed"


def test_a_rung_is_taken_as_it_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    react = once(ev.ChoiceOffered, cmd.ChooseRung(1))
    config = Steered(monkeypatch, Results(OUT_OF_MEMORY, FINE), react).config
    assert (config.model.n_feats, config.training.checkpointing) == (
        192,
        "block",
    ) and "by hand" not in config.tune.found


def test_a_choice_while_it_measures_ends_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    react = once(ev.ConfigurationTried, cmd.ChooseRung(8), index=2)
    steered = Steered(monkeypatch, Results(SLOW), react)
    assert steered.measured == [(1, "none"), (2, "none")] and steered.config.model.n_feats == 64


def test_a_measurement_by_the_user_is_not_repeated_by_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    ask = once(ev.ConfigurationTried, cmd.MeasureRung(3), index=1)
    take = once(ev.ChoiceOffered, cmd.ChooseRung(3))
    steered = Steered(monkeypatch, Results(SLOW, FINE, SLOW), lambda event: (*ask(event), *take(event)))
    assert steered.measured == [(1, "none"), (3, "none"), (2, "none")]
    assert steered.of(ev.ChoiceOffered)[0].index == 3 and steered.config.model.n_feats == 128


def test_measuring_after_the_offer_stops_the_clock_and_may_change_it(monkeypatch: pytest.MonkeyPatch) -> None:
    ask = once(ev.ChoiceOffered, cmd.MeasureRung(1), index=2)
    take = once(ev.ChoiceOffered, cmd.ChooseRung(1), index=1)
    results = Results(SLOW, FINE, FINE)
    steered = Steered(monkeypatch, results, lambda event: (*ask(event), *take(event)), pace=5.0)
    assert [(offer.index, offer.seconds) for offer in steered.of(ev.ChoiceOffered)] == [(2, 60), (1, 0)]
    assert steered.config.model.n_feats == 192


def test_sizes_set_by_hand_are_checked_and_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong, right = cmd.SetByHand(48, 7, 2, 1, "none"), cmd.SetByHand(48, 6, 2, 1, "block")
    steered = Steered(monkeypatch, Results(FINE), once(ev.ChoiceOffered, wrong, right))
    refused, taken = steered.of(ev.CommandAnswered)
    assert (refused.number, taken.number) == (wrong.number, right.number)
    assert not refused.accepted and "model.n_blocks: must be even" in refused.message and taken.accepted
    model, training = steered.config.model, steered.config.training
    assert (model.n_feats, model.n_blocks, model.n_frames) == (48, 6, 7)
    assert (training.batch_size, training.accumulation, training.checkpointing) == (2, 1, "block")
    assert steered.of(ev.ConfigurationChosen)[0].index == 0
    assert [w.message for w in steered.of(ev.WarningRaised)] == ["the effective batch is 2; at least 4 is wanted"]


def test_sizes_one_thinks_of_are_predicted(monkeypatch: pytest.MonkeyPatch) -> None:
    ask = cmd.PredictByHand(512, 32, 4, 1, "none"), cmd.PredictByHand(600, 32, 4, 1, "none"), cmd.ChooseRung(8)
    steered = Steered(monkeypatch, Results(FINE), once(ev.ChoiceOffered, *ask), hardware=P4, geometry=PATCHES)
    assert steered.answers == [("PredictByHand", True), ("PredictByHand", False), ("ChooseRung", True)]
    predicted = steered.of(ev.ConfigurationPredicted)[-1]
    assert (predicted.index, predicted.n_feats, predicted.fault) == (0, 512, "time")
    assert predicted.predicted_seconds > 4 and predicted.predicted_memory > 2**30


@pytest.mark.parametrize(
    ("command", "phrase"),
    [
        (cmd.ChooseRung(9), "there is no rung 9; choose one from 1 to 8"),
        (cmd.ChooseRung(1, "all"), "with checkpointing all; choose from none, block, trunk"),  # type: ignore[arg-type]
        (cmd.MeasureRung(0), "there is no rung 0"),
        (cmd.Pause(), "not possible while auto-tune is searching"),
        (cmd.SaveCheckpoint(), "not possible while auto-tune"),
    ],
)
def test_an_impossible_command_is_refused_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, command: cmd.Command, phrase: str
) -> None:
    steered = Steered(monkeypatch, Results(FINE), once(ev.ChoiceOffered, command, cmd.ChooseRung(1)))
    answer, _ = steered.of(ev.CommandAnswered)
    assert not answer.accepted and phrase in answer.message and steered.config is not None


@pytest.mark.parametrize("moment", [ev.ConfigurationPredicted, ev.ConfigurationTried, ev.ChoiceOffered])
def test_a_stop_ends_it_at_any_moment(monkeypatch: pytest.MonkeyPatch, moment: type[ev.Event]) -> None:
    steered = Steered(monkeypatch, Results(SLOW, FINE), once(moment, cmd.Stop()))
    assert steered.answers == [("Stop", True)] and steered.config is None
    assert not steered.of(ev.ConfigurationChosen)


def test_a_stop_while_a_rung_is_measured_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    react = once(ev.ChoiceOffered, cmd.MeasureRung(3), cmd.Stop())
    steered = Steered(monkeypatch, Results(FINE), react)
    assert steered.answers == [("MeasureRung", True), ("Stop", True)] and steered.measured == [(1, "none")]


# nothing passes


def test_if_nothing_passes_the_user_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    steered = Steered(monkeypatch, Results(SLOW), once(ev.ChoiceOffered, cmd.ChooseRung(8)), pace=50.0)
    (offer,) = steered.of(ev.ChoiceOffered)
    assert (offer.index, offer.seconds) == (0, 0) and "closest came rung" in offer.advice
    assert steered.config.model.n_feats == 64 and "9.00 s was measured" in steered.of(ev.WarningRaised)[0].message


def test_if_nothing_passes_and_nobody_attends_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(VsrppError, match=r"no configuration fits a card; closest came rung .* set tune\.max_seconds"):
        Steered(monkeypatch, Results(SLOW), attended=False)


# on a CPU


@pytest.fixture
def cpu_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two cores, without timing them."""
    speed = DeviceSpeed(1e11, float("inf"), 0.75, "")
    monkeypatch.setattr(ladder, "speed_of", lambda *_: speed)
    monkeypatch.setattr("vsrpp_core.tune.predict.speed_of", lambda *_: speed)


def on_cpu(monkeypatch: pytest.MonkeyPatch, react: React, pace: float = 9.0, **settings: Any) -> Steered:
    small = small_settings(PATCHES, known=None)
    return Steered(
        monkeypatch, Results(FINE), react, hardware=CPU, geometry=PATCHES, small=small, pace=pace, **settings
    )


def test_a_cpu_is_offered_its_small_network_unmeasured(monkeypatch: pytest.MonkeyPatch, cpu_speed: None) -> None:
    steered = on_cpu(monkeypatch, lambda event: ())
    assert len(steered.of(ev.ConfigurationPredicted)) == 9 and not steered.measured
    assert steered.of(ev.ChoiceOffered)[0].index == 9
    config = steered.config
    assert (config.model.n_feats, config.data.crop, config.schedule.lr_max, config.model.n_frames) == (32, 48, 4e-3, 5)
    assert config.tune.found.startswith("the small network for CPUs, predicted ") and not steered.of(ev.WarningRaised)


def test_a_cpu_may_take_or_measure_a_rung(monkeypatch: pytest.MonkeyPatch, cpu_speed: None) -> None:
    react = once(ev.ChoiceOffered, cmd.MeasureRung(9), cmd.MeasureRung(1), cmd.ChooseRung(8))
    steered = on_cpu(monkeypatch, react)
    assert steered.measured == [(9, "none")]
    assert steered.answers == [("MeasureRung", True), ("MeasureRung", False), ("ChooseRung", True)]
    assert "a step is predicted to take" in steered.of(ev.CommandAnswered)[1].message
    assert (steered.config.model.n_feats, steered.config.data.crop) == (64, 0)


def test_by_hand_a_cpu_keeps_all_else_of_its_small_network(monkeypatch: pytest.MonkeyPatch, cpu_speed: None) -> None:
    steered = on_cpu(monkeypatch, once(ev.ChoiceOffered, cmd.SetByHand(16, 4, 4, 1, "none")))
    config = steered.config
    assert (config.model.n_feats, config.model.n_blocks, config.training.batch_size) == (16, 4, 4)
    assert (config.data.crop, config.schedule.lr_max, config.training.max_steps) == (48, 4e-3, 15_000)


def test_a_cpu_is_not_asked_for_more_memory_than_there_is(monkeypatch: pytest.MonkeyPatch, cpu_speed: None) -> None:
    react = once(ev.ChoiceOffered, cmd.MeasureRung(8), cmd.ChooseRung(9))
    steered = on_cpu(monkeypatch, react, tune__max_memory=0.01)
    answer, _ = steered.of(ev.CommandAnswered)
    assert not answer.accepted and "GB are needed, and 0.1 GB are allowed" in answer.message


# in a session


def finish(session_events: Iterator[ev.Event], queue: cmd.CommandQueue, react: React) -> list[ev.Event]:
    events = []
    for event in session_events:
        events.append(event)
        for command in react(event):
            queue.put(command)
    return events


def test_a_session_on_a_cpu_is_tuned_when_asked_and_trains_what_was_set(
    monkeypatch: pytest.MonkeyPatch, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    """From a run with settings of its own: all but the sizes stays, and what was chosen is kept."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    run, queue = tmp_path / "run", cmd.CommandQueue()
    run.mkdir()
    RunConfig().with_overrides({**TINY, "training.max_steps": 2, "model.n_feats": 8}).save(run / "config.toml")
    session = open_session(run, make_dataset(), start="fresh", tune=True, attended=True)
    chosen = once(ev.ChoiceOffered, cmd.SetByHand(4, 2, 3, 2, "none"))
    late = once(ev.StepReported, cmd.ChooseRung(1))
    events = finish(session.events(queue), queue, lambda event: (*chosen(event), *late(event)))
    config = RunConfig.load(run / "config.toml")
    assert (config.model.n_feats, config.training.accumulation, config.training.max_steps) == (4, 2, 2)
    assert config.tune.found.startswith("set by hand, predicted ")
    started = next(event for event in events if isinstance(event, ev.SessionStarted))
    assert (started.n_feats, started.batch_size, started.accumulation) == (4, 3, 2)
    answers = [event for event in events if isinstance(event, ev.CommandAnswered)]
    assert [(answer.command, answer.accepted) for answer in answers] == [("SetByHand", True), ("ChooseRung", False)]
    assert isinstance(events[-1], ev.SessionEnded) and events[-1].reason == "completed"


def test_a_search_that_was_stopped_leaves_the_settings_as_they_were(
    monkeypatch: pytest.MonkeyPatch, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    run, queue = tmp_path / "run", cmd.CommandQueue()
    run.mkdir()
    RunConfig().with_overrides(TINY).save(run / "config.toml")
    before = (run / "config.toml").read_bytes()
    session = open_session(run, make_dataset(), start="fresh", tune=True, attended=True)
    events = finish(session.events(queue), queue, once(ev.ChoiceOffered, cmd.Stop()))
    assert isinstance(events[-1], ev.SessionEnded) and events[-1].checkpoint == ""
    assert (run / "config.toml").read_bytes() == before


def test_a_run_of_several_ranks_is_not_tuned(make_dataset: MakeDataset, tmp_path: Path) -> None:
    from vsrpp_core.training.distributed import Ranks

    class First(Ranks):
        def from_first(self, work: Callable[[], Any]) -> Any:
            return work()

    with pytest.raises(VsrppError, match="vsrpp tune"):
        open_session(tmp_path / "run", make_dataset(), start="fresh", tune=True, ranks=First(0, 2))


def test_a_size_that_is_to_be_found_is_not_set(make_dataset: MakeDataset, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is what auto-tune finds"):
        open_session(tmp_path / "run", make_dataset(), start="fresh", tune=True, overrides={"model.n_feats": 8})


def test_a_warning_says_how_much_memory_a_card_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    react = once(ev.ChoiceOffered, cmd.ChooseRung(1))
    steered = Steered(monkeypatch, Results(FINE), react, hardware=card(2), geometry=PATCHES)
    assert "memory of 3.9 GB is predicted; 1.6 GB are allowed" in [w.message for w in steered.of(ev.WarningRaised)]
