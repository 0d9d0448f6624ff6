import math
from dataclasses import replace
from pathlib import Path

import pytest

from tests.helpers import make_event
from tests.vsrpp_tui.conftest import started, step, validated
from vsrpp_core.messages import events as ev
from vsrpp_core.messages import journal
from vsrpp_tui.state import LOG_LIMIT, SERIES_LIMIT, RunState, Series, reduce, replay, resumed


def test_a_session_from_start_to_end() -> None:
    state = replay([started(), ev.PhaseChanged(phase="training", step=0), step(1), step(2, loss_total=0.01)])
    assert (state.phase, state.current_step, state.max_steps) == ("training", 2, 1000)
    assert state.loss.points == ((1, 0.02), (2, 0.01))
    state = reduce(state, ev.SessionEnded(reason="stopped", step=2, checkpoint="checkpoint_recovery.pth"))
    assert state.is_over and state.phase == "stopped"


def test_reducing_does_not_change_the_state_before() -> None:
    before = replay([started(), step(1)])
    reduce(before, step(2))
    assert before.current_step == 1 and len(before.loss.points) == 1


def test_time_left_counts_validations_in() -> None:
    state = replay([started(), step(100), validated(100)])
    assert state.seconds_left == pytest.approx(900 * (2.0 + 10.0 / 100))
    assert math.isnan(replay([started()]).seconds_left)


def test_steps_to_the_next_validation() -> None:
    assert replay([started(), step(130)]).next_validation == 70
    assert replay([started(), step(200)]).next_validation == 100


def test_a_resumed_session_forgets_what_it_will_do_again() -> None:
    state = replay([started(), step(100), validated(100), step(150), step(200), validated(200, ki_psnr=30.0)])
    state = reduce(state, started(step=150, resumed_from="checkpoint_recovery.pth"))
    assert [x for x, _ in state.loss.points] == [100, 150]
    assert [x for x, _ in state.ki_psnr.points] == [100]
    assert state.current_step == 150 and not state.is_over and len(state.log) >= 3


def test_a_rollback_forgets_what_lay_beyond_the_checkpoint_and_tells_why() -> None:
    state = replay([started(), step(100), validated(100), step(150), step(200), validated(200, ki_psnr=30.0)])
    back = ev.RolledBack(step=200, to_step=150, checkpoint="checkpoint_recovery.pth", factor=0.5, reason="no gradient")
    state = reduce(reduce(state, ev.PhaseChanged(phase="rolling back", step=200)), back)
    assert [x for x, _ in state.loss.points] == [100, 150] and [x for x, _ in state.ki_psnr.points] == [100]
    assert state.current_step == 150 and state.phase == "rolling back" and state.validation is None
    assert state.log[-1].tone == "fault" and "back to step 150, learning rate × 0.5" in state.log[-1].text


def test_a_session_that_goes_on_knows_the_curves_but_not_the_end_of_the_one_before() -> None:
    state = resumed([started(), step(1), ev.SessionFailed(step=1, error="broken", checkpoint="")])
    assert not state.is_over and state.phase == "idle" and len(state.loss.points) == 1


def test_answers_are_counted_for_each_session() -> None:
    answer = ev.CommandAnswered(command="SaveCheckpoint", accepted=True, message="done", step=1)
    assert replay([started(), answer, answer]).answered == 2
    assert replay([started(), answer, started()]).answered == 0


def test_a_journal_rebuilds_the_same_state(tmp_path: Path) -> None:
    events = [started(), step(10), validated(100), ev.CheckpointFailed(step=100, kind="best", error="disk full")]
    with journal.JournalWriter(tmp_path / "events.jsonl", step_every=1) as writer:
        for event in events:
            writer.handle(event)
    assert replay(journal.replay(tmp_path / "events.jsonl")) == replay(events)


def test_a_series_stays_bounded_and_keeps_its_mean() -> None:
    series = Series()
    for number in range(10 * SERIES_LIMIT):
        series = series.add(number, float(number))
    assert len(series.points) < SERIES_LIMIT
    assert sum(v for _, v in series.points) / len(series.points) == pytest.approx(series.points[-1][1] / 2, rel=0.02)
    assert all(step == value for step, value in series.points)


def test_a_figure_that_is_not_finite_is_no_point_of_a_curve() -> None:
    assert Series().add(1, math.nan).add(2, math.inf).points == ()


def test_running_mean_and_trend() -> None:
    series = Series(tuple((float(i), 2.0 if i < 50 else 1.0) for i in range(100)))
    assert series.smoothed(4)[-1] == (99.0, 1.0)
    assert series.smoothed(4)[50][1] == pytest.approx(1.75)
    assert series.trend() == pytest.approx(-0.5)


def test_auto_tune_is_preparation_and_its_measurements_are_logged() -> None:
    predicted = make_event(ev.ConfigurationPredicted)
    state = replay([predicted])
    assert state.phase == "preparing" and state.preparation and "predicting" in state.preparation.task
    assert not state.log
    tried = make_event(
        ev.ConfigurationTried, n_feats=96, n_blocks=24, batch_size=4, accumulation=1, checkpointing="trunk",
        passed=False, verdict="out of memory",
    )  # fmt: skip
    state = replay([predicted, tried, replace(tried, checkpointing="none", passed=True, verdict="passes")])
    assert state.preparation and "measuring" in state.preparation.task
    assert [(line.tone, line.text) for line in state.log] == [
        ("plain", "auto-tune 96 × 24, batch 4 × 1, checkpointing trunk: out of memory"),
        ("good", "auto-tune 96 × 24, batch 4 × 1: passes"),
    ]


def test_the_log_is_bounded_and_tells_faults() -> None:
    state = replay(ev.WarningRaised(message=str(i)) for i in range(LOG_LIMIT + 5))
    assert len(state.log) == LOG_LIMIT and state.log[0].text == "5"
    state = reduce(state, ev.SessionFailed(step=3, error="broken [red]", checkpoint=""))
    assert (state.phase, state.log[-1].tone, state.log[-1].text) == ("failed", "fault", "broken [red]")


@pytest.mark.parametrize("event_type", ev.EVENT_TYPES.values(), ids=lambda t: t.__name__)
def test_every_event_is_understood_without_a_session(event_type: type[ev.Event]) -> None:
    from dataclasses import fields

    samples = {"str": "x", "int": 1, "float": 0.5, "bool": True, "tuple[float, ...]": (0.1,)}
    values = {f.name: samples.get(str(getattr(f.type, "__name__", f.type)), "x") for f in fields(event_type)}
    values["time"] = 0.0
    assert isinstance(reduce(RunState(), event_type(**values)), RunState)
