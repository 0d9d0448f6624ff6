"""The search for a network as the reducer tells it, and its rows as text."""

import pytest

from tests.vsrpp_tui.conftest import NOTHING, P4, started
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.commands import PredictByHand, SetByHand
from vsrpp_tui.forms import network_size
from vsrpp_tui.state.run import RunState, reduce, replay, resumed
from vsrpp_tui.state.tuning import Tuning
from vsrpp_tui.widgets.panels.rungs import columns, details, headings, rows, verdict


def after(kind: type[ev.Event], events: list[ev.Event] = P4, **fields: object) -> RunState:
    """The state after the first event of ``kind`` with these fields."""
    for count, event in enumerate(events, start=1):
        if isinstance(event, kind) and all(getattr(event, name) == value for name, value in fields.items()):
            return replay(events[:count])
    raise AssertionError(f"there is no such {kind.__name__}")


def search(state: RunState) -> Tuning:
    assert state.tuning is not None
    return state.tuning


def words(tuning: Tuning) -> list[str]:
    return [verdict(rung, tuning)[0] for rung in tuning.rungs]


def test_rows_fill_as_they_are_measured() -> None:
    predicted = search(after(ev.ConfigurationPredicted, index=8))
    assert len(predicted.rungs) == 8 and predicted.is_open
    assert words(predicted) == ["skipped: time"] * 2 + ["may fit"] + ["skipped: time"] * 2 + ["may fit"] * 3
    assert words(search(after(ev.MeasurementStarted)))[2] == "… measuring"
    assert words(search(after(ev.ConfigurationTried, index=3)))[2] == "✗ too slow"
    offered = search(after(ev.ChoiceOffered))
    assert words(offered)[5:] == ["✗ too slow", "✓ passes", "not needed"]


def test_a_rung_with_several_tries_tells_of_the_one_that_passed() -> None:
    rung = search(after(ev.ChoiceOffered)).rung(7)
    assert rung is not None and [t.checkpointing for t in rung.tries] == ["none", "block"]
    assert rung.passed and rung.checkpointing == "block" and rung.seconds == pytest.approx(2.42, abs=0.01)
    failed = search(after(ev.ConfigurationTried, index=7)).rung(7)
    assert failed is not None and not failed.passed and failed.checkpointing == "none"


def test_a_rung_measured_again_is_told_anew() -> None:
    state = after(ev.ChoiceOffered)
    again = next(e for e in P4 if isinstance(e, ev.ConfigurationTried) and e.index == 6)
    rung = search(reduce(state, again)).rung(6)
    assert rung is not None and len(rung.tries) == 1


def test_an_offer_counts_down_and_a_held_one_does_not() -> None:
    state = after(ev.ChoiceOffered)
    offer = search(state).offer
    assert offer is not None and search(state).seconds_left(18) == pytest.approx(42)
    assert search(state).seconds_left(99) == 0
    held = reduce(state, ev.ChoiceOffered(index=7, checkpointing="block", seconds=0.0, advice=""))
    assert search(held).seconds_left(0) == 0 and search(held).is_open


def test_the_search_is_kept_while_it_trains_and_is_over() -> None:
    state = replay([*P4, started()])
    assert search(state).is_over and search(state).chosen is not None and len(search(state).rungs) == 8
    assert [line.text for line in state.log if line.event is ev.ConfigurationChosen]


@pytest.mark.parametrize("end", [ev.SessionEnded(reason="stopped", step=0, checkpoint=""), started()])
def test_a_search_that_was_not_finished_is_not_open_for_ever(end: ev.Event) -> None:
    state = reduce(after(ev.ChoiceOffered), end)
    assert not search(state).is_open and search(state).chosen is None
    assert not search(resumed([*P4[:20], end])).is_open


def test_a_second_search_forgets_the_first() -> None:
    state = reduce(replay(P4), P4[0])
    assert search(state).is_open and not search(state).rungs


def test_journals_of_versions_that_told_no_beginning_show_no_screen() -> None:
    old = [e for e in P4 if isinstance(e, (ev.ConfigurationPredicted, ev.ConfigurationTried))]
    assert len(search(replay(old)).rungs) == 8 and not search(replay(old)).is_open
    assert len(search(replay([*old, *old])).rungs) == 8


def test_sizes_thought_of_are_no_row() -> None:
    thought = ev.ConfigurationPredicted(
        index=0, n_feats=48, n_blocks=6, batch_size=4, accumulation=1, checkpointing="none", parameters=1,
        predicted_seconds=1.0, predicted_memory=1, verdict="may fit",
    )  # fmt: skip
    tuning = search(reduce(after(ev.ChoiceOffered), thought))
    assert tuning.by_hand == thought and len(tuning.rungs) == 8


@pytest.mark.parametrize("width", [55, 56, 74, 75, 76, 96, 97, 100, 116, 140, 196])
def test_rows_and_headings_are_as_wide_as_they_may(width: int) -> None:
    for events in (P4, NOTHING):
        for tuning in (search(after(ev.ChoiceOffered, events)), search(after(ev.ConfigurationPredicted, events))):
            lines = [headings(width), *(row.text for row in rows(tuning, width))]
            assert {line.cell_length for line in lines} == {sum(column.width for column in columns(width))}
            assert lines[0].cell_length <= width
            assert not any("…" in line.plain.replace("… measuring", "") for line in lines), "something is cut"


def test_the_limit_is_marked_and_what_is_over_it_is_told() -> None:
    tuning = search(after(ev.ChoiceOffered))
    assert "│" in rows(tuning, 116)[6].text.plain and "4.2 GB" in rows(tuning, 116)[6].text.plain
    rung = tuning.rung(7)
    assert rung is not None
    told = details(rung, tuning, 100).plain
    assert "checkpointing block" in told and "2.42 s of 4 s  measured" in told and "4.2 of 6.4 GB" in told
    assert "none: memory 6.5 GB is over 80% of the card · block: passes" in told


# set by hand


def test_what_is_typed_is_checked_by_the_settings_own_rules() -> None:
    texts = {"n_feats": "3", "n_blocks": "7", "batch_size": "x", "accumulation": ""}
    assert network_size.faults(texts) == {
        "n_feats": "must be at least 4",
        "n_blocks": "must be even",
        "batch_size": "must be a whole number",
        "accumulation": "must be a whole number",
    }
    right = {"n_feats": " 048 ", "n_blocks": "6", "batch_size": "2", "accumulation": "3"}
    assert not network_size.faults(right)
    assert network_size.set_by_hand(right, "block") == SetByHand(48, 6, 2, 3, "block")
    assert network_size.predict_by_hand(right, "none") == PredictByHand(48, 6, 2, 3, "none")
