"""A run that another process trains is followed and steered, and left alone when its watcher goes."""

import time
from pathlib import Path
from queue import SimpleQueue

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from tests.vsrpp_tui.conftest import NOT_UNDERSTOOD, started, step, validated
from tests.vsrpp_tui.pilot import SIZES, shows, until
from vsrpp_core.errors import UsageError
from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.journal import JournalWriter
from vsrpp_core.remote.channel import Channel
from vsrpp_core.run.folder import RunFolder
from vsrpp_tui.app.app import Farewell
from vsrpp_tui.app.watching import AttachedApp
from vsrpp_tui.screens.run.watching import AttachedScreen
from vsrpp_tui.threads.follower import Follower


def bar(pilot: Pilot[Farewell]) -> str:
    return str(pilot.app.screen.query_one("#watch-bar", Static).render())


def leave(app: AttachedApp) -> None:
    """End the threads, which in a program end with it."""
    app.follower.finish()
    app.orders.finish()


def answer(command: cmd.Command, accepted: bool = True) -> ev.CommandAnswered:
    message = "done" if accepted else "no"
    return ev.CommandAnswered(command=command.name, accepted=accepted, message=message, step=5, number=command.number)


def write(run: Path, *events: ev.Event) -> None:
    with JournalWriter(run / "events.jsonl", step_every=1) as writer:
        for event in events:
            writer.handle(event)


@pytest.mark.parametrize("size", SIZES)
async def test_a_growing_journal_is_followed(tmp_path: Path, size: tuple[int, int]) -> None:
    write(tmp_path, started(), *(step(n) for n in range(1, 400)))
    app = AttachedApp(tmp_path)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.state.current_step == 399 and "no process trains it now" in bar(pilot))
        assert len(app.state.curves.loss_total.points) == 399  # none is left out, as unseen reports of a session are
        assert "ATTACHED" in bar(pilot) and len(bar(pilot)) <= size[0]
        write(tmp_path, validated(400), step(400), ev.PhaseChanged(phase="training", step=400))
        await until(pilot, lambda: app.state.validation is not None and app.state.phase == "training")
        write(tmp_path, ev.SessionFailed(step=400, error="broken over there", checkpoint=""))
        await until(pilot, lambda: app.state.phase == "failed")
        assert isinstance(app.screen, AttachedScreen)
        await pilot.press("q")
    assert app.return_value == Farewell()
    leave(app)


async def test_the_process_that_trains_is_named_and_what_it_does_not_take_is_refused(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    write(tmp_path, started(), step(5), ev.PhaseChanged(phase="training", step=5))
    app = AttachedApp(tmp_path)
    with folder.lock():
        before = {path: path.read_bytes() for path in tmp_path.iterdir()}
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await until(pilot, lambda: f"process {folder.owner()} trains it" in bar(pilot))
            assert "takes no commands" in bar(pilot)
            await pilot.press("p", "c", "v")
            await until(pilot, lambda: len(app._notifications) >= 3)
            assert all("takes no commands from here" in notice.message for notice in app._notifications)
            assert not shows(pilot, "after this step"), "a refusal is an answer"
            await pilot.press("q")
        leave(app)
        assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


async def test_keys_steer_it_and_only_its_own_answer_is_taken_for_one(tmp_path: Path) -> None:
    folder, taken = RunFolder(tmp_path), SimpleQueue[cmd.Command]()
    write(tmp_path, started(), step(5), ev.PhaseChanged(phase="training", step=5))
    app = AttachedApp(tmp_path)
    with folder.lock(), Channel(folder.socket, taken.put):
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await until(pilot, lambda: app.state.phase == "training" and app.orders.is_connected)
            await pilot.press("p")
            await until(pilot, lambda: not taken.empty() and shows(pilot, "pausing after this step"))
            pause = taken.get()
            write(tmp_path, answer(cmd.Resume(), accepted=False))
            await until(pilot, lambda: app.state.answered == 1)
            assert shows(pilot, "pausing after this step") and not app._notifications
            write(tmp_path, answer(pause), ev.PhaseChanged(phase="paused", step=5))
            await until(pilot, lambda: shows(pilot, "‖ paused") and not shows(pilot, "pausing after"))
            await pilot.press("m", "x", "enter")
            await until(pilot, lambda: not taken.empty())
            mark = taken.get()
            assert mark == cmd.Mark("x")
            write(tmp_path, answer(mark, accepted=False))
            await until(pilot, lambda: [notice.message for notice in app._notifications] == ["Mark: no"])
            await pilot.press("Q", "enter")
            await until(pilot, lambda: not taken.empty())
            assert taken.get() == cmd.Stop()
            await pilot.press("d")
        assert app.return_value == Farewell(message="the run goes on") and taken.empty()
        leave(app)


async def test_a_command_is_refused_when_the_process_that_took_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for pace in ("RECONNECT_SECONDS", "LAST_WORDS_SECONDS", "LOOK_SECONDS"):
        monkeypatch.setattr(f"vsrpp_tui.threads.orders.{pace}", 0.1)
    folder, taken = RunFolder(tmp_path), SimpleQueue[cmd.Command]()
    write(tmp_path, started(), step(5), ev.PhaseChanged(phase="training", step=5))
    app = AttachedApp(tmp_path)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        with folder.lock(), Channel(folder.socket, taken.put):
            await until(pilot, lambda: app.state.phase == "training" and app.orders.is_connected)
            await pilot.press("c")
            await until(pilot, lambda: not taken.empty())
        await until(pilot, lambda: "no process trains it now" in bar(pilot))
        await until(pilot, lambda: any("has ended" in notice.message for notice in app._notifications))
        assert not shows(pilot, "saving after this step")
        with folder.lock(), Channel(folder.socket, taken.put):  # it is trained again
            await until(pilot, lambda: app.orders.is_connected and "trains it ·" in bar(pilot))
            await pilot.press("q")
    leave(app)


async def test_a_run_that_has_no_journal_yet_is_waited_for(tmp_path: Path) -> None:
    app = AttachedApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "no event yet" in bar(pilot))
        write(tmp_path, started(), step(7))
        await until(pilot, lambda: app.state.current_step == 7)
    leave(app)


async def test_a_line_that_is_not_understood_does_not_end_the_watching(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_text(NOT_UNDERSTOOD + "\n")
    app = AttachedApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "no event yet" in bar(pilot))
        write(tmp_path, started(), step(7))
        await until(pilot, lambda: app.state.current_step == 7)
    app.follower.finish()


@pytest.mark.parametrize("name", [".", "events.jsonl"], ids=["the folder", "the journal"])
async def test_a_run_that_goes_away_is_missed_and_shown_when_it_is_back(tmp_path: Path, name: str) -> None:
    run = tmp_path / "run"
    run.mkdir()
    write(run, started(), step(300))
    app = AttachedApp(run)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.state.current_step == 300)
        (run / name).resolve().rename(tmp_path / "elsewhere")
        await until(pilot, lambda: "is gone: deleted or moved" in bar(pilot))
        run.mkdir(exist_ok=True)
        write(run, started(), step(7))
        await until(pilot, lambda: app.state.current_step == 7 and "no process" in bar(pilot))
        assert [line.event for line in app.state.log] == [ev.SessionStarted], "nothing is left of the other run"
    leave(app)


async def test_a_journal_that_cannot_be_read_for_a_moment_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").mkdir()
    app = AttachedApp(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "cannot be read" in bar(pilot))
        (tmp_path / "events.jsonl").rmdir()
        write(tmp_path, started(), step(7))
        await until(pilot, lambda: app.state.current_step == 7 and "cannot be read" not in bar(pilot))
    leave(app)


def test_silences_are_measured_by_a_clock_that_nobody_moves(tmp_path: Path) -> None:
    write(tmp_path, started())
    now = 50.0
    follower = Follower(RunFolder(tmp_path), lambda: now)
    follower._take(step(7, time=time.time() - 20))
    now += 5
    assert follower.silence == pytest.approx(25, abs=3)
    follower._take(step(8, time=time.time() + 7200))  # the other computer's clock is ahead
    now += 11
    assert follower.silence == 11
    follower._stopping.set()
    follower._wait()
    assert follower._asked_at == now, "it is asked who trains the run"


def test_what_is_no_run_cannot_be_watched(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a run's folder"):
        AttachedApp(tmp_path / "nowhere")
