"""Verbs that steer a run: what they send, and that they end with the answer and not before."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

import pytest

from vsrpp_core.cli.main import main
from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.journal import JournalWriter
from vsrpp_core.remote.channel import Channel
from vsrpp_core.run.folder import RunFolder


@contextmanager
def answering(folder: RunFolder, *refused: str) -> Iterator[list[cmd.Command]]:
    """Somebody who trains the run, and what was asked of him. He takes all but the commands ``refused``."""
    asked: list[cmd.Command] = []

    def answer(command: cmd.Command) -> None:
        asked.append(command)
        accepted, name = command.name not in refused, command.name
        said = "done" if accepted else "no"
        with JournalWriter(folder.journal) as journal:
            journal.handle(
                ev.CommandAnswered(command=name, accepted=accepted, message=said, step=7, number=command.number)
            )

    folder.create()
    with Channel(folder.socket, answer):
        yield asked


@pytest.mark.parametrize(
    ("arguments", "commands"),
    [
        (["pause"], [cmd.Pause()]),
        (["resume", "--timeout", "30"], [cmd.Resume()]),
        (["checkpoint"], [cmd.SaveCheckpoint()]),
        (["validate"], [cmd.Validate()]),
        (["stop"], [cmd.Stop()]),
        (["mark", "a new film"], [cmd.Mark("a new film")]),
        (["finish", "2,000"], [cmd.FinishNow(steps=2_000)]),
        (["finish", "3h"], [cmd.FinishNow(hours=3)]),
        (["finish", "--cancel"], [cmd.CancelFinish()]),
        (["set", "schedule.factor=0.5"], [cmd.SetParameter("schedule.factor", 0.5)]),
        (
            ["set", "loss.l1=0.5", "loss.grad=0.3", "schedule.shape=constant"],
            [cmd.SetParameter("loss", {"l1": 0.5, "grad": 0.3}), cmd.SetParameter("schedule.shape", "constant")],
        ),
    ],
    ids=lambda part: " ".join(part) if isinstance(part[0], str) else "",
)
def test_each_sends_its_command_and_says_the_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], commands: list[cmd.Command]
) -> None:
    verb, *rest = arguments
    with answering(RunFolder(tmp_path)) as asked:
        assert main([verb, str(tmp_path), *rest]) == 0
    assert asked == commands
    assert capsys.readouterr().out.splitlines()[0].startswith("step 7: ")


def test_a_refusal_is_a_failure_and_nothing_more_is_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(RunFolder(tmp_path), "SetParameter") as asked:
        assert main(["set", str(tmp_path), "loss.l1=0.5", "schedule.factor=2"]) == 1
    assert len(asked) == 1 and capsys.readouterr().err == "vsrpp: step 7: loss.l1: no\n"


def test_stop_ends_when_the_run_is_free(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    lock = folder.lock()
    with answering(folder):
        lock.__enter__()
        free = Timer(0.2, lock.__exit__, (None, None, None))
        free.start()
        assert main(["stop", str(tmp_path)]) == 0
        assert folder.owner() == 0
        free.join()


@pytest.mark.parametrize(
    ("arguments", "status", "phrase"),
    [
        (["pause", "RUN"], 1, "no process trains"),
        (["pause", "RUN", "--timeout", "0.1"], 1, "was not answered in time"),
        (["set", "RUN", "factor=1"], 2, "factor is no setting; write it with its section"),
        (["set", "RUN", "schedule.factor=1e999"], 2, "schedule.factor cannot be inf; give a finite number"),
        (["set", "RUN", "schedule.factor"], 2, "schedule.factor has no value"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, phrase: str
) -> None:
    words = [str(tmp_path) if word == "RUN" else word for word in arguments]
    if "--timeout" in words:
        with Channel(tmp_path / ".socket", lambda command: None):
            assert main(words) == status
    else:
        assert main(words) == status
    told = capsys.readouterr().err
    assert told.startswith("vsrpp: ") and phrase in told and told.count("\n") == 1
