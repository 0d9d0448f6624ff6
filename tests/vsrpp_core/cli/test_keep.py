"""A training that is started again: after what, how often, and how it is stopped meanwhile."""

import errno
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest

from tests.helpers import files_of_at_most, make_info
from vsrpp_core.cli.runs import keep
from vsrpp_core.cli.runs.keep import Keeper
from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import events as ev
from vsrpp_core.messages import journal
from vsrpp_core.messages.journal import JournalWriter
from vsrpp_core.remote.link import ask
from vsrpp_core.remote.standing import standing_of
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.folder import RunFolder, write_checkpoint_info

PASSING = ev.SessionFailed(step=9, error="CUDA error", checkpoint="", may_pass=True)
LASTING = ev.SessionFailed(step=9, error="no dataset", checkpoint="")


class Played(Keeper):
    """Its sessions are played: each ends with a status, after an event."""

    def __init__(self, folder: RunFolder, restarts: int, *sessions: tuple[int, ev.Event | None]) -> None:
        super().__init__(folder, [str(folder.path), "--data", "d"], restarts)
        self.sessions, self.started = list(sessions), list[list[str]]()

    def _train(self, arguments: object) -> int:
        assert isinstance(arguments, list) and self._folder.owner() == 0, "a session takes the run's lock"
        self.started.append(arguments[1:])
        status, event = self.sessions.pop(0)
        if event:
            with JournalWriter(self._folder.journal) as writer:
                writer.handle(replace(event, time=time.time()))
        return status


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "run")
    folder.create()
    return folder


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Waits take no time; how long they would have been."""
    waits: list[float] = []
    tell = Keeper._tell

    def note(keeper: Keeper, event: ev.Event) -> None:
        if isinstance(event, ev.RestartPlanned):
            waits.append(event.seconds)
        tell(keeper, event)

    monkeypatch.setattr(Keeper, "_tell", note)
    monkeypatch.setattr(Keeper, "_hear", lambda *_: True)
    return waits


def add_checkpoint(folder: RunFolder, step: int) -> None:
    folder.checkpoint(step).write_bytes(b"x" * 10)
    write_checkpoint_info(folder.path, make_info(step))


def planned(folder: RunFolder) -> list[ev.RestartPlanned]:
    return [event for event in journal.replay(folder.journal) if isinstance(event, ev.RestartPlanned)]


@pytest.mark.parametrize(
    ("status", "event", "starts"),
    [
        (0, None, 1),
        (2, None, 1),
        (130, None, 1),
        (1, LASTING, 1),
        (1, None, 1),
        (3, PASSING, 1),
        (1, PASSING, 2),
        (-9, None, 2),
        (-11, None, 2),
    ],
)
def test_only_what_may_pass_is_tried_again(
    folder: RunFolder, at_once: list[float], status: int, event: ev.Event | None, starts: int
) -> None:
    keeper = Played(folder, 3, (status, event), (0, None))
    assert keeper.run() == (0 if starts > 1 else 1 if status == 3 else status)
    assert len(keeper.started) == starts and len(planned(folder)) == starts - 1


def test_it_begins_with_the_newest_good_checkpoint_or_anew(folder: RunFolder, at_once: list[float]) -> None:
    keeper = Played(folder, 3, (-9, None), (-9, None), (0, None))
    wait = keeper._wait

    def saved_meanwhile(attempt: int, reason: str) -> bool:
        if attempt == 2:
            add_checkpoint(folder, 40)
            folder.checkpoint(50).write_bytes(b"torn")
            write_checkpoint_info(folder.path, make_info(50))
        return wait(attempt, reason)

    keeper._wait = saved_meanwhile  # type: ignore[method-assign]
    assert keeper.run() == 0
    assert keeper.started == [["--data", "d"], ["--data", "d"], ["--resume"]]
    assert [(event.step, event.attempt, event.restarts) for event in planned(folder)] == [(0, 1, 3), (40, 2, 3)]


def test_waits_grow_and_it_gives_up_in_words(folder: RunFolder, at_once: list[float]) -> None:
    assert Played(folder, 5, *[(-9, None)] * 6).run() == 1
    assert at_once == [10, 60, 360, 2_160, 3_600]
    *_, last = journal.replay(folder.journal)
    assert isinstance(last, ev.SessionFailed) and "SIGKILL, and was started again 5 times" in last.error
    assert "SIGKILL" in folder.training_log.read_text()


def test_after_a_steady_session_restarts_are_counted_anew(
    folder: RunFolder, at_once: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keep, "STEADY_SECONDS", 0)
    assert Played(folder, 1, *[(-9, None)] * 4, (0, None)).run() == 0
    assert at_once == [10] * 4


def test_a_failure_to_resume_is_tried_again_too(folder: RunFolder, at_once: list[float]) -> None:
    """The drive that failed may not be back yet."""
    assert Played(folder, 3, (1, PASSING), (1, None), (0, None)).run() == 0


def test_a_run_that_somebody_resumed_by_hand_is_left_to_them(folder: RunFolder) -> None:
    keeper = Played(folder, 3, (-9, None))
    train = keeper._train
    lock = folder.lock()

    def resumed(arguments: object) -> int:
        status = train(arguments)
        lock.__enter__()
        return status

    keeper._train = resumed  # type: ignore[method-assign]
    assert keeper.run() == 130 and planned(folder) == []
    lock.__exit__(None, None, None)


def while_it_waits(folder: RunFolder, keeper: Keeper, do: Callable[[], object]) -> int:
    """The keeper's status; ``do`` is called in its first wait."""

    def act() -> None:
        while not folder.socket.exists():
            pass
        do()

    actor = Thread(target=act)
    actor.start()
    status = keeper.run()
    actor.join()
    return status


def test_a_run_that_waits_says_so_and_is_stopped_like_any_other(folder: RunFolder) -> None:
    add_checkpoint(folder, 40)
    keeper = Played(folder, 3, (1, PASSING))

    def stop() -> None:
        seen = standing_of(folder)
        assert (seen.status, seen.pid) == ("waiting", os.getpid())
        refused = ask(folder, cmd.Pause(), 10)
        assert not refused.accepted and "waits to be started" in refused.message
        assert ask(folder, cmd.Stop(), 10).accepted

    assert while_it_waits(folder, keeper, stop) == 130
    assert standing_of(folder).status == "stopped" and standing_of(folder).step == 40


def test_it_resumes_at_once_where_it_is_told_to(folder: RunFolder) -> None:
    keeper = Played(folder, 3, (-9, None), (0, None))
    assert while_it_waits(folder, keeper, lambda: ask(folder, cmd.Resume(), 10)) == 0


def test_the_user_is_told_by_a_hook(folder: RunFolder, tmp_path: Path, at_once: list[float]) -> None:
    RunConfig().with_overrides({"hooks.on_restarted": f"cp /dev/stdin {tmp_path}/told"}).save(folder.config)
    assert Played(folder, 3, (-9, None), (0, None)).run() == 0
    assert '"reason": "the process was ended by SIGKILL"' in (tmp_path / "told").read_text()


def test_a_signal_ends_the_session_and_the_keeping(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a real process, which is asked to save and then is not started again."""
    program = folder.path / "python"
    program.write_text(f"#!/bin/sh\ntrap 'exit 130' TERM\nkill -TERM {os.getpid()}\nwhile :; do sleep 0.05; done\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    before = signal.getsignal(signal.SIGTERM)
    assert Keeper(folder, ["run"], 3).run() == 130
    assert signal.getsignal(signal.SIGTERM) is before


def test_months_of_crashes_in_which_the_clock_is_put_back(
    folder: RunFolder, at_once: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sessions of minutes or hours, ended by a signal or a failure that may pass; then two short ones in a row."""
    chance, now = random.Random(1), [0.0, 1e9]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "time", lambda: now[1])
    lasts = [chance.choice((60.0, 5_000.0, 90_000.0)) for _ in range(60)] + [60.0] * 2
    lasts[1:60:2] = [5_000.0] * 30
    keeper = Played(folder, 2, *[chance.choice([(-9, None), (1, PASSING)]) for _ in lasts])
    train, took = keeper._train, iter(lasts)

    def later(arguments: object) -> int:
        seconds = next(took)
        now[0] += seconds
        now[1] += chance.choice((seconds, -7_200.0))
        return train(arguments)

    keeper._train = later  # type: ignore[method-assign]
    assert keeper.run() == 1 and keeper.sessions == []
    assert max(at_once) == 60 and len(at_once) == len(lasts) - 1


def test_a_full_disk_does_not_end_the_keeping(
    folder: RunFolder, at_once: list[float], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither its journal nor its output can be written, nor a file in which a hook's errors would be kept."""
    RunConfig().with_overrides({"hooks.on_restarted": f"touch {tmp_path}/told"}).save(folder.config)
    monkeypatch.setattr("tempfile.TemporaryFile", full)
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(write=full, flush=full, isatty=lambda: False, encoding="utf-8"))
    with files_of_at_most(0):
        assert Played(folder, 3, (-9, None), (0, None)).run() == 0
    assert at_once == [10] and (tmp_path / "told").exists()


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
