"""A user's note: told at the step reached, kept in every place where it is looked for."""

from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.conftest import MakeDataset
from tests.helpers import TINY
from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.journal import replay
from vsrpp_core.session.session import open_session


def test_a_mark_is_in_the_journal_the_log_and_tensorboard(make_dataset: MakeDataset, tmp_path: Path) -> None:
    run, queue, events = tmp_path / "run", cmd.CommandQueue(), []
    for event in open_session(run, make_dataset(), start="fresh", overrides=TINY).events(queue):
        events.append(event)
        if isinstance(event, ev.StepReported) and event.step == 5:
            for command in (cmd.Pause(), cmd.Mark("  new \x1bfootage\nfrom \udcffere "), cmd.Mark(" \n"), cmd.Resume()):
                queue.put(command)
    (mark,) = (event for event in events if isinstance(event, ev.MarkPlaced))
    assert (mark.step, mark.text) == (5, "new \ufffdfootage from \ufffdere")
    answers = [(e.accepted, e.message) for e in events if isinstance(e, ev.CommandAnswered) and e.command == "Mark"]
    assert answers == [(True, "done"), (False, "a mark needs a text")]
    assert mark in list(replay(run / "events.jsonl"))
    assert "step 5: mark: new \ufffdfootage from \ufffdere" in (run / "training.log").read_text()
    written = EventAccumulator(str(run / "logs")).Reload()
    assert [(point.step, point.value) for point in written.Scalars("Events/Marks")] == [(5, 1.0)]
    (kept,) = written.Tensors("Events/Marks/text_summary")
    assert kept.tensor_proto.string_val[0] == mark.text.encode()
