"""A real session, steered by another process's commands and detached from the terminal it began in."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

import pytest
import torch

from tests.conftest import MakeDataset
from tests.helpers import TINY
from tests.vsrpp_core.session.sessions import collect, of
from vsrpp_core.checkpoint import checkpoints
from vsrpp_core.cli.main import main
from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import events as ev
from vsrpp_core.messages import journal
from vsrpp_core.remote.link import NoLinkError, ask
from vsrpp_core.remote.standing import standing_of
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.session.session import open_session

ENDLESS = {**TINY, "training.max_steps": 1_000_000}


@contextmanager
def trained(folder: RunFolder, data: Path) -> Iterator[list[ev.Event]]:
    """A session in a thread, from its first step on."""
    events: list[ev.Event] = []
    begun: SimpleQueue[None] = SimpleQueue()

    def train() -> None:
        for event in open_session(folder.path, data, start="fresh", overrides=ENDLESS).events(cmd.CommandQueue()):
            events.append(event)
            if isinstance(event, ev.StepReported):
                begun.put(None)

    thread = Thread(target=train)
    thread.start()
    begun.get(timeout=60)
    try:
        yield events
    finally:
        with suppress(NoLinkError):  # of one that has ended, or does so now
            ask(folder, cmd.Stop(), 60)
        thread.join()


def test_every_command_is_carried_out_and_answered(make_dataset: MakeDataset, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    with trained(folder, make_dataset()) as events:
        assert [ask(folder, command, 60).accepted for command in (cmd.Pause(), cmd.Pause())] == [True, False]
        assert standing_of(folder).status == "paused"
        assert ask(folder, cmd.SetParameter("schedule.lr_max", 5e-4), 60).accepted
        assert "cannot change" in ask(folder, cmd.SetParameter("model.n_feats", 8), 60).message
        assert ask(folder, cmd.SaveCheckpoint(), 60).accepted and ask(folder, cmd.Validate(), 60).accepted
        assert ask(folder, cmd.Resume(), 60).accepted
        assert ask(folder, cmd.Stop(), 60).accepted
    assert {answer.command for answer in of(events, ev.CommandAnswered)} == {
        "Pause", "SetParameter", "SaveCheckpoint", "Validate", "Resume", "Stop",
    }  # fmt: skip
    assert RunConfig.load(folder.config).schedule.lr_max == 5e-4
    assert not folder.socket.exists()
    with pytest.raises(NoLinkError, match="no process trains"):
        ask(folder, cmd.Pause(), 1)


def test_where_no_socket_can_be_made_training_goes_on_and_says_so(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path) -> None:
        raise PermissionError(1, "Operation not permitted", str(path))

    monkeypatch.setattr("vsrpp_core.remote.channel.listen", refused)
    events = collect(open_session(tmp_path / "run", make_dataset(), start="fresh", overrides=TINY))
    (warning,) = of(events, ev.WarningRaised)
    assert "watched from other terminals, but not steered" in warning.message
    assert isinstance(events[-1], ev.SessionEnded)


@pytest.fixture
def ended() -> Iterator[Callable[[RunFolder], None]]:
    """Ends what a test detached, whatever became of the test."""
    folders: list[RunFolder] = []
    yield folders.append
    for folder in folders:
        if pid := folder.owner():
            os.killpg(os.getsid(pid), signal.SIGKILL)  # with its keeper


def test_a_run_goes_on_in_the_background_as_if_nothing_had_been(
    make_dataset: MakeDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str], ended: Callable[[RunFolder], None]
) -> None:
    data, whole, folder = make_dataset(), RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "run")
    collect(open_session(whole.path, data, start="fresh", overrides=TINY))
    stop_at_seven = lambda event: (cmd.Stop(),) if isinstance(event, ev.StepReported) and event.step == 7 else ()  # noqa: E731
    collect(open_session(folder.path, data, start="fresh", overrides=TINY), stop_at_seven)
    ended(folder)
    assert main(["train", str(folder.path), "--resume", "--paused", "--detach"]) == 0
    said = capsys.readouterr().out
    pid = folder.owner()
    assert pid not in (0, os.getpid()) and f"process {pid} trains" in said
    keeper = os.getsid(pid)
    assert keeper not in (os.getsid(0), pid)
    for event in journal.follow(folder.journal, lambda: True):
        if isinstance(event, ev.CommandAnswered) and event.command == "Pause":
            assert event.step == 7
            assert ask(folder, cmd.Resume(), 60).accepted
        if isinstance(event, ev.SessionEnded) and event.reason == "completed":
            break
    assert os.waitstatus_to_exitcode(os.waitpid(keeper, 0)[1]) == 0
    steps = [event.step for event in journal.replay(folder.journal) if isinstance(event, ev.StepReported)]
    assert steps == list(range(1, 25)), "none is lost and none is taken twice"
    one, other = (checkpoints.load(each.checkpoint(24))["model"] for each in (whole, folder))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_what_cannot_begin_in_the_background_is_told_in_the_shell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho 'vsrpp: no GPU for that'\nexit 2\n")
    program.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(program))
    assert main(["train", str(tmp_path / "run"), "--detach"]) == 2
    assert capsys.readouterr().err == "vsrpp: no GPU for that\n"
    assert RunFolder(tmp_path / "run").output.read_text() == "vsrpp: no GPU for that\n"
