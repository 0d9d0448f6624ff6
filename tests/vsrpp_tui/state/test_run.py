import math
from dataclasses import replace
from pathlib import Path

import pytest

from tests.helpers import make_event
from tests.vsrpp_tui.conftest import compared, started, step, validated
from vsrpp_core.messages import events as ev
from vsrpp_core.messages import journal
from vsrpp_tui.state.log import LOG_LIMIT
from vsrpp_tui.state.run import QUIET_SECONDS, RunState, reduce, replay, resumed
from vsrpp_tui.widgets.panels.header import RunProgress


def test_a_session_from_start_to_end() -> None:
    state = replay([started(), ev.PhaseChanged(phase="training", step=0), step(1), step(2, loss_total=0.01)])
    assert (state.phase, state.current_step, state.max_steps) == ("training", 2, 1000)
    assert state.curves.loss_total.points == ((1.0, 0.02), (2.0, 0.01))
    state = reduce(state, ev.SessionEnded(reason="stopped", step=2, checkpoint="checkpoint_recovery.pth"))
    assert state.is_over and state.phase == "stopped"


def test_reducing_does_not_change_the_state_before() -> None:
    before = replay([started(), step(1)])
    reduce(before, step(2))
    assert before.current_step == 1 and len(before.curves.loss_total.points) == 1


def test_time_left_counts_validations_in() -> None:
    state = replay([started(), step(100), validated(100)])
    assert state.seconds_left == pytest.approx(900 * (2.0 + 10.0 / 100))
    assert math.isnan(replay([started()]).seconds_left)


def test_minutes_between_validations_make_them_fewer() -> None:
    """Ten minutes are 300 steps of two seconds, and so are seven: of three validations due two are left out."""
    for minutes in (7.0, 10.0):
        state = replay([started(validate_minutes=minutes), step(250), validated(200)])
        assert state.seconds_left == pytest.approx(750 * (2.0 + 10.0 / 300))
        assert state.next_validation == 250
    late = replay([started(validate_minutes=10.0), step(590), validated(200)])
    assert late.next_validation == 10, "the network was slower than it is"


def test_time_left_in_the_epoch_counts_validations_in() -> None:
    state = replay([started(), step(100, epoch_step=30), validated(100)])
    assert state.epoch_seconds_left == pytest.approx(10 * (2.0 + 10.0 / 100))
    assert math.isnan(replay([started()]).epoch_seconds_left)


def test_steps_to_the_next_validation() -> None:
    assert replay([started(), step(130)]).next_validation == 70
    assert replay([started(), step(200)]).next_validation == 100


def test_steps_to_the_next_regular_checkpoint() -> None:
    assert replay([started(), step(130)]).next_save == 370
    assert replay([started(), step(500)]).next_save == 500 and RunState().next_save == 0


def test_a_resumed_session_forgets_what_it_will_do_again() -> None:
    state = replay([started(), step(100), validated(100), step(150), step(200), validated(200, ki_psnr=30.0)])
    state = reduce(state, started(step=150, resumed_from="checkpoint_recovery.pth"))
    assert [x for x, _ in state.curves.loss_total.points] == [100, 150]
    assert [x for x, _ in state.curves.ki_psnr.points] == [100]
    assert state.current_step == 150 and not state.is_over and len(state.log) >= 3


def test_a_rollback_forgets_what_lay_beyond_the_checkpoint_and_tells_why() -> None:
    state = replay([started(), step(100), validated(100), step(150), step(200), validated(200, ki_psnr=30.0)])
    back = ev.RolledBack(step=200, to_step=150, checkpoint="checkpoint_recovery.pth", factor=0.5, reason="no gradient")
    state = reduce(reduce(state, ev.PhaseChanged(phase="rolling back", step=200)), back)
    assert [x for x, _ in state.curves.loss_total.points] == [100, 150] and [
        x for x, _ in state.curves.ki_psnr.points
    ] == [100]
    assert state.current_step == 150 and state.phase == "rolling back" and state.validation is None
    assert state.log[-1].tone == "fault" and "of step 150, learning rate x 0.5" in state.log[-1].text


def test_a_session_that_goes_on_knows_the_curves_but_not_the_end_of_the_one_before() -> None:
    state = resumed([started(), step(1), ev.SessionFailed(step=1, error="broken", checkpoint="")])
    assert not state.is_over and state.phase == "idle" and len(state.curves.loss_total.points) == 1


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
        ("plain", "auto-tune 2: 96 feature maps, 24 blocks, batch 4 x 1, checkpointing trunk: out of memory"),
        ("good", "auto-tune 2: 96 feature maps, 24 blocks, batch 4 x 1: passes"),
    ]


def test_the_log_is_bounded_and_tells_faults() -> None:
    state = replay(ev.WarningRaised(message=str(i)) for i in range(LOG_LIMIT + 5))
    assert len(state.log) == LOG_LIMIT and state.log[0].text == "5"
    state = reduce(state, ev.SessionFailed(step=3, error="broken [red]", checkpoint=""))
    assert (state.phase, state.log[-1].tone, state.log[-1].text) == (
        "failed",
        "fault",
        "failed at step 3: broken [red]",
    )


@pytest.mark.parametrize("event_type", ev.EVENT_TYPES.values(), ids=lambda t: t.__name__)
def test_every_event_is_understood_without_a_session(event_type: type[ev.Event]) -> None:
    assert isinstance(reduce(RunState(), make_event(event_type)), RunState)


def test_training_that_reports_no_step_is_noticed() -> None:
    training = ev.PhaseChanged(phase="training", step=0)
    state = replay([started(), training, step(1, seconds_per_step=2.0)])
    assert not state.is_quiet(QUIET_SECONDS) and state.is_quiet(QUIET_SECONDS + 1)
    slow = reduce(replay([started(), training]), step(1, seconds_per_step=9.0))
    assert not slow.is_quiet(80.0) and slow.is_quiet(91.0)
    assert not reduce(state, ev.PhaseChanged(phase="paused", step=1)).is_quiet(9999.0)


def test_pictures_are_those_of_the_last_validation() -> None:
    state = replay([started(), compared("a"), compared("b"), validated(100)])
    assert [picture.sample for picture in state.pictures] == ["a.png", "b.png"]
    state = reduce(state, compared("a", step=200))
    assert [(p.sample, p.step) for p in state.pictures] == [("a.png", 200), ("b.png", 100)]
    state = reduce(state, validated(200))  # b could not be written
    assert [(p.sample, p.step) for p in state.pictures] == [("a.png", 200)]
    assert reduce(state, started(step=150)).pictures == ()


def test_what_cut_the_learning_rate_is_remembered() -> None:
    cut = replay([started(), step(100), ev.LearningRateReduced(step=100, factor=0.5)])
    assert cut.lr_cut == 0.5 and reduce(cut, started(step=100)).lr_cut == 0.5
    assert reduce(cut, started()).lr_cut == 1.0, "a fresh run has its whole rate"
    back = ev.RolledBack(step=200, to_step=100, checkpoint="c.pth", factor=0.25, reason="no gradient")
    assert reduce(cut, back).lr_cut == 0.25


def test_every_curve_goes_on_after_a_resume() -> None:
    events = [started(), step(100, aggressive=True), step(150, clip_norm=1.0), step(200), validated(100)]
    curves = reduce(replay(events), started(step=150, resumed_from="checkpoint_recovery.pth")).curves
    assert curves.clip_norm.points == ((100.0, 1.5), (150.0, 1.0))
    assert curves.aggressive.points == ((100.0, 1.0), (150.0, 0.0))
    for name in ("weight_l1", "weight_ms", "weight_grad", "gradient_norm", "learning_rate", "seconds_per_step"):
        assert [x for x, _ in getattr(curves, name).points] == [100, 150], name
    assert curves.ki_quality.points == ((100, 0.47),)


def test_a_changed_schedule_is_the_one_that_is_drawn() -> None:
    state = replay([started(lr_max=1e-4), ev.ParameterChanged(step=9, key="schedule.lr_max", old=0.0001, new=2e-4)])
    assert state.started and state.started.lr_max == 2e-4


def test_pairs_that_join_make_the_epoch_longer_and_are_shown_during_it() -> None:
    joined = ev.EpochChanged(step=40, epoch=2, added=1240, pairs=1400, samples=1400, steps_per_epoch=350)
    state = replay([started(), step(40, epoch_step=40), joined, step(41, epoch=2, epoch_step=35)])
    assert state.started and (state.started.train_samples, state.started.steps_per_epoch) == (1400, 350)
    progress = RunProgress()
    assert "epoch 2 · +1,240 pairs" in (shown := progress.picture(state, 160).plain) and " 10 %" in shown
    assert "pairs" not in progress.picture(reduce(state, step(391, epoch=3, epoch_step=1)), 160).plain
    assert "step 40: +1,240 pairs; epoch 2 has 1,400 pairs, in 350 steps" in state.log[-1].text
