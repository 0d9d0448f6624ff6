import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers import files_of_at_most, make_event
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.journal import GAP, JournalWriter, decode, encode, follow, replay


@pytest.mark.parametrize("kind", ev.EVENT_TYPES.values(), ids=ev.EVENT_TYPES)
def test_every_event_comes_back_as_it_was(kind: type[ev.Event]) -> None:
    event = make_event(kind)
    line = encode(event)
    assert decode(line) == event
    assert "\n" not in line


def test_figures_that_are_not_finite_come_back() -> None:
    step = make_event(ev.StepReported, loss_total=math.nan, gradient_norm=math.inf, sharpness=-math.inf)
    back = decode(encode(step))
    assert isinstance(back, ev.StepReported)
    assert math.isnan(back.loss_total) and back.gradient_norm == math.inf and back.sharpness == -math.inf


@pytest.mark.parametrize(
    "line",
    [
        '{"event":"SomethingNew","time":1.0}',
        '{"event":"WarningRaised","time":1.0}',
        '{"event":["WarningRaised"],"message":"x"}',
        '{"message":"x"}',
        '{"event":"WarningRaised","mess',
        "[1, 2]",
        "7",
        "",
        "[" * 100_000,
        '{"event":"WarningRaised","time":1.0,"message":["x"]}',
        '{"event":"WarningRaised","time":"noon","message":"x"}',
        '{"event":"WarningRaised","time":NaN,"message":"x"}',
        '{"event":"WarningRaised","time":1e300,"message":"x"}',
        '{"event":"PhaseChanged","time":1.0,"phase":"training","step":1.5}',
        '{"event":"PhaseChanged","time":1.0,"phase":"training","step":true}',
        '{"event":"PhaseChanged","time":1.0,"phase":"training","step":1' + "0" * 30 + "}",
        '{"event":"PhaseChanged","time":1.0,"phase":null,"step":1}',
        '{"event":"ActivityMeasured","time":1,"step":1,"backward_trunk":["?"],"forward_trunk":[],"fusions":[]}',
        '{"event":"ParameterChanged","time":1,"step":1,"key":"a","old":[1],"new":2}',
        '{"event":"ParameterChanged","time":1,"step":1,"key":7,"old":"' + "[" * 5000 + '","new":2}',
        '{"event":"WarningRaised","time":1.0,"message":"' + "x" * 2_000_000 + '"}',
    ],
    ids=[
        *("unknown", "field missing", "name no text", "no name", "torn", "list", "number", "empty", "nested"),
        *("no text", "no time", "no moment", "no date", "part of a step", "truth", "too large", "null", "no figures"),
        *("no value", "nested value", "too long"),
    ],
)
def test_lines_that_are_no_event_of_this_version_are_passed_over(line: str, tmp_path: Path) -> None:
    journal, known = tmp_path / "events.jsonl", make_event(ev.WarningRaised)
    journal.write_text(f"{line}\n{encode(known)}\n", encoding="utf-8")
    assert decode(line) is None
    assert list(replay(journal)) == [known]


def test_a_mark_of_an_editor_costs_no_event(tmp_path: Path) -> None:
    journal, events = tmp_path / "events.jsonl", [make_event(ev.WarningRaised), make_event(ev.PhaseChanged)]
    journal.write_text("".join(f"{encode(event)}\n" for event in events), encoding="utf-8-sig")
    assert list(replay(journal)) == events


def test_a_field_of_a_later_version_is_left_out() -> None:
    event = make_event(ev.WarningRaised)
    assert decode(json.dumps({**json.loads(encode(event)), "colour": "red"})) == event


def test_a_validation_of_an_older_journal_is_of_one_clip() -> None:
    event = make_event(ev.ValidationFinished, clips=1)
    older = {key: value for key, value in json.loads(encode(event)).items() if key != "clips"}
    assert decode(json.dumps(older)) == event


def test_an_auto_tune_of_an_older_journal_is_read() -> None:
    line = (
        '{"event":"ConfigurationTried","time":1.0,"index":2,"n_feats":160,"n_blocks":32,"batch_size":4,'
        '"accumulation":1,"seconds_per_step":1.5,"memory_peak":7,"passed":true,"verdict":"passes"}'
    )
    tried = decode(line)
    assert isinstance(tried, ev.ConfigurationTried)
    assert (tried.checkpointing, tried.predicted_memory, tried.parameters) == ("none", 0, 0)
    assert math.isnan(tried.predicted_seconds)


def test_an_answer_of_an_older_journal_has_no_number() -> None:
    event = make_event(ev.CommandAnswered, number=0)
    older = {key: value for key, value in json.loads(encode(event)).items() if key != "number"}
    assert decode(json.dumps(older)) == event


@pytest.mark.parametrize(
    ("old", "new", "values"),
    [
        ("2.0", "5", (2.0, 5)),
        ("true", "false", (True, False)),
        ("1e-4", "2e-4", (1e-4, 2e-4)),
        ("", "a b", ("", "a b")),
    ],
)
def test_values_that_an_older_journal_has_as_text_are_typed(old: str, new: str, values: tuple[object, object]) -> None:
    changed = decode(encode(ev.ParameterChanged(step=1, key="x.y", old=old, new=new)))
    assert isinstance(changed, ev.ParameterChanged) and (changed.old, changed.new) == values
    assert [type(value) for value in (changed.old, changed.new)] == [type(value) for value in values]


def test_a_torn_last_line_is_passed_over_and_healed_by_the_next_writer(tmp_path: Path) -> None:
    journal = tmp_path / "events.jsonl"
    first, second, torn = (make_event(ev.WarningRaised, message=text) for text in ("one", "two", "torn"))
    journal.write_text(encode(first) + "\n" + encode(torn)[:-9], encoding="utf-8")
    assert list(replay(journal)) == [first]
    with JournalWriter(journal) as writer:
        writer.handle(second)
    assert list(replay(journal)) == [first, second]


def test_a_line_torn_within_a_letter_is_passed_over(tmp_path: Path) -> None:
    journal, event = tmp_path / "events.jsonl", make_event(ev.WarningRaised, message="ü")
    whole = encode(event).encode()
    journal.write_bytes(whole + b"\n" + whole[: whole.index("ü".encode()) + 1])
    assert list(replay(journal)) == [event]


def test_only_every_tenth_step_is_kept_and_everything_else(tmp_path: Path) -> None:
    journal = tmp_path / "events.jsonl"
    with JournalWriter(journal, step_every=10) as writer:
        for step in range(1, 31):
            writer.handle(make_event(ev.StepReported, step=step))
            writer.handle(make_event(ev.PhaseChanged, step=step))
    kept = list(replay(journal))
    assert [event.step for event in kept if isinstance(event, ev.StepReported)] == [10, 20, 30]
    assert [event.step for event in kept if isinstance(event, ev.PhaseChanged)] == list(range(1, 31))


@pytest.mark.parametrize("ending", [ev.SessionEnded, ev.SessionFailed])
def test_the_last_step_of_a_session_is_kept_though_none_is_due(ending: type[ev.Event], tmp_path: Path) -> None:
    journal = tmp_path / "events.jsonl"
    with JournalWriter(journal, step_every=10) as writer:
        for session in ((9, 10, 11, 13), (14, 20)):
            for step in session:
                writer.handle(make_event(ev.StepReported, step=step))
            writer.handle(make_event(ending, step=session[-1]))
    kept = [event.step for event in replay(journal) if isinstance(event, ev.StepReported)]
    assert kept == [10, 13, 20]


def test_a_line_is_on_disk_as_soon_as_it_is_handled(tmp_path: Path) -> None:
    journal, event = tmp_path / "events.jsonl", make_event(ev.SessionEnded)
    with JournalWriter(journal) as writer:
        writer.handle(event)
        assert list(replay(journal)) == [event]


def test_a_journal_that_does_not_exist_is_empty(tmp_path: Path) -> None:
    assert list(replay(tmp_path / "events.jsonl")) == []


def test_how_far_a_validation_was_is_not_kept(tmp_path: Path) -> None:
    journal, kept = tmp_path / "events.jsonl", make_event(ev.ValidationFinished)
    with JournalWriter(journal) as writer:
        for event in (make_event(ev.ValidationProgressed), kept):
            writer.handle(event)
    assert list(replay(journal)) == [kept]


class Growing:
    """Stands in for the time that passes: each look at the journal's end does the next change."""

    def __init__(self, *changes: Callable[[], object]) -> None:
        self._changes = list(changes)

    def __call__(self) -> bool:
        if not self._changes:
            return False
        self._changes.pop(0)()
        return True


def test_a_growing_journal_is_followed_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    events = [make_event(ev.WarningRaised, message=text) for text in ("one", "two ü", "three")]
    first, second, third = (encode(event).encode() + b"\n" for event in events)
    cut = second.index("ü".encode()) + 1  # in the middle of a letter

    def append(data: bytes) -> Callable[[], object]:
        def write() -> None:
            with path.open("ab") as file:
                file.write(data)

        return write

    grows = Growing(append(first + second[:cut]), lambda: None, append(second[cut:]), append(b"no event\n" + third))
    assert list(follow(path, grows)) == events


def test_a_journal_that_is_replaced_or_emptied_is_read_from_its_start(tmp_path: Path) -> None:
    path, trash = tmp_path / "events.jsonl", tmp_path / "trash.jsonl"
    events = [make_event(ev.WarningRaised, message=text) for text in ("a long first one", "fresh", "x")]
    first, second, third = (encode(event) + "\n" for event in events)
    path.write_text(first, encoding="utf-8")
    grows = Growing(
        lambda: path.rename(trash),
        lambda: path.write_text(second, encoding="utf-8"),
        lambda: path.write_text(third, encoding="utf-8"),  # shorter, under the same inode
        lambda: None,
    )
    assert list(follow(path, grows)) == events


@pytest.mark.parametrize("tries", [1, 2], ids=["room at once", "still none at the first try"])
def test_a_disk_that_was_full_tears_a_line_at_most(tmp_path: Path, tries: int) -> None:
    """Where there is room again the rest of the line follows; else it is lost, and a new line begins."""
    path = tmp_path / "events.jsonl"
    first, second, third = (make_event(ev.MarkPlaced, text=text) for text in "abc")
    with JournalWriter(path) as writer:
        writer.handle(first)
        with files_of_at_most(path.stat().st_size + 20):
            with pytest.raises(OSError):
                writer.handle(second)
            for _ in range(tries - 1):
                with pytest.raises(OSError):
                    writer.retry()
        writer.retry()
        writer.handle(third)
    told = list(replay(path))
    gaps = [event for event in told if isinstance(event, ev.WarningRaised)]
    assert [event.message for event in gaps] == [GAP] * tries
    assert told == [first, *([second] if tries == 1 else []), *gaps, third]
