"""The application through Textual's pilot: keys in, screens and commands out."""

from pathlib import Path

import pytest
from textual.widgets import Static

from tests.conftest import MakeDataset
from tests.vsrpp_tui.conftest import NOT_UNDERSTOOD, started, step
from tests.vsrpp_tui.pilot import SIZES, NewestWorker, shows, trained_run, training, until
from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import events as ev
from vsrpp_core.messages import journal
from vsrpp_core.messages.journal import encode
from vsrpp_core.run.folder import RunFolder
from vsrpp_tui.app.app import Farewell, VsrppApp
from vsrpp_tui.screens.run.failed import FailedScreen
from vsrpp_tui.screens.run.saving import SavingScreen
from vsrpp_tui.screens.run.training import TrainingScreen
from vsrpp_tui.screens.shared.help import HelpScreen
from vsrpp_tui.screens.start.confirm import ConfirmDelete
from vsrpp_tui.screens.start.resume import ResumeScreen
from vsrpp_tui.screens.start.start import Choice, StartScreen
from vsrpp_tui.widgets.charts.charts import Chart, Look


async def test_a_trained_run_can_be_resumed(
    tmp_path: Path, make_dataset: MakeDataset, recording_worker: NewestWorker
) -> None:
    app = VsrppApp(Choice(trained_run(tmp_path / "Learn"), make_dataset()))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: shows(pilot, "resume at step 48,000"))
        assert shows(pilot, "best 61.2 % at 46,500") and shows(pilot, "10 training · 2 validation")
        await pilot.press("f", "enter")
        await until(pilot, lambda: isinstance(app.screen, TrainingScreen))
        assert recording_worker().request.start == "resume"


async def test_a_journal_that_cannot_be_read_costs_the_old_curves_alone(
    tmp_path: Path, make_dataset: MakeDataset, recording_worker: NewestWorker
) -> None:
    run = trained_run(tmp_path / "Learn")
    RunFolder(run).journal.unlink(missing_ok=True)
    RunFolder(run).journal.mkdir()
    app = VsrppApp(Choice(run, make_dataset()))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: shows(pilot, "[F]ortsetzen"))
        await pilot.press("f", "enter")
        await until(pilot, lambda: isinstance(app.screen, TrainingScreen) and recording_worker().is_alive)
        assert any("events.jsonl cannot be read" in told.message for told in app._notifications)


async def test_a_line_that_is_not_understood_costs_itself_alone(
    tmp_path: Path, make_dataset: MakeDataset, recording_worker: NewestWorker
) -> None:
    run = trained_run(tmp_path / "Learn")
    RunFolder(run).journal.write_text(f"{NOT_UNDERSTOOD}\n{encode(step(1))}\n")
    app = VsrppApp(Choice(run, make_dataset()))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: shows(pilot, "[F]ortsetzen"))
        await pilot.press("f", "enter")
        await until(pilot, lambda: isinstance(app.screen, TrainingScreen) and recording_worker().is_alive)
        assert [x for x, _ in app.state.curves.loss_total.points] == [1] and not app._notifications


async def test_a_key_pressed_before_the_run_is_read_is_not_lost(
    tmp_path: Path, make_dataset: MakeDataset, recording_worker: NewestWorker
) -> None:
    app = VsrppApp(Choice(trained_run(tmp_path / "Learn"), make_dataset()))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, ResumeScreen))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TrainingScreen))
        assert recording_worker().request.start == "resume"


@pytest.mark.parametrize(("answer", "goes"), [("ja", True), ("yes", True), ("nein", False), ("", False)])
async def test_deleting_wants_a_typed_yes(
    tmp_path: Path, make_dataset: MakeDataset, recording_worker: NewestWorker, answer: str, goes: bool
) -> None:
    app = VsrppApp(Choice(trained_run(tmp_path / "Learn"), make_dataset()))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: shows(pilot, "[L]öschen"))
        await pilot.press("l")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDelete))
        await pilot.press(*answer, "enter")
        if not goes:
            await pilot.pause()
            assert isinstance(app.screen, ConfirmDelete) and RunFolder(tmp_path / "Learn").summary().exists
            return
        await until(pilot, lambda: shows(pilot, "[S]tart"))
        assert shows(pilot, "deleted: all of it is in .trash/") and shows(pilot, "nothing trained yet")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TrainingScreen))
        assert recording_worker().request.start == "fresh"


@pytest.mark.parametrize("key", ["l", "d", "s", "enter"])
async def test_an_empty_run_starts_by_any_of_its_keys(
    tmp_path: Path, make_dataset: MakeDataset, recording_worker: NewestWorker, key: str
) -> None:
    app = VsrppApp(Choice(tmp_path / "new", make_dataset()))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: shows(pilot, "[S]tart"))
        await pilot.press(key)
        await until(pilot, lambda: isinstance(app.screen, TrainingScreen))
        assert recording_worker().request.start == "fresh"


async def test_without_a_dataset_nothing_starts_and_the_demo_is_offered(
    tmp_path: Path, recording_worker: NewestWorker
) -> None:
    app = VsrppApp(Choice(tmp_path / "new", None))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: shows(pilot, "none named yet"))
        await pilot.press("f", "l", "s", "enter")
        assert isinstance(app.screen, StartScreen)
        await pilot.press("t")
        await until(pilot, lambda: shows(pilot, "[S]tart"))
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, TrainingScreen))
        assert recording_worker().request.demo


async def test_a_run_that_another_process_trains_is_left_alone(
    tmp_path: Path, make_dataset: MakeDataset, recording_worker: NewestWorker
) -> None:
    app = VsrppApp(Choice(trained_run(tmp_path / "Learn"), make_dataset()))
    with RunFolder(tmp_path / "Learn").lock():
        async with app.run_test(size=(80, 24)) as pilot:
            await until(pilot, lambda: shows(pilot, "being trained by another process"))
            await pilot.press("f", "l")
            assert isinstance(app.screen, StartScreen)


async def test_keys_become_commands(tmp_path: Path, make_dataset: MakeDataset, recording_worker: NewestWorker) -> None:
    app = VsrppApp(Choice(tmp_path / "new", make_dataset()))
    async with app.run_test(size=(120, 40)) as pilot:
        worker = await training(pilot, recording_worker)
        await pilot.press("p")
        worker.say(ev.PhaseChanged(phase="paused", step=100))
        await until(pilot, lambda: app.state.phase == "paused")
        await pilot.press("c", "v", "p")
        assert worker.commands == [cmd.Pause(), cmd.SaveCheckpoint(), cmd.Validate(), cmd.Resume()]
        await until(pilot, lambda: shows(pilot, "‖ paused · resuming"))
        number = worker.commands[-1].number
        worker.say(
            ev.CommandAnswered(command="Resume", accepted=True, message="resumed", step=100, number=number),
            ev.PhaseChanged(phase="training", step=100),
        )
        await until(pilot, lambda: shows(pilot, "● training") and not shows(pilot, "resuming"))


@pytest.mark.parametrize("size", SIZES)
async def test_every_size_shows_the_figures(
    tmp_path: Path, make_dataset: MakeDataset, recording_worker: NewestWorker, size: tuple[int, int]
) -> None:
    app = VsrppApp(Choice(tmp_path / "new", make_dataset()))
    async with app.run_test(size=size) as pilot:
        await training(pilot, recording_worker)
        figures = (
            "step 100 of 1,000",
            "29.00 dB",
            "+1.00 dB",
            "sharpness 0.80",
            "VRAM peak",
            "4.0 of   8.0 GB",
            "samples/s",
        )
        await until(pilot, lambda: all(shows(pilot, text) for text in figures))
        memory = app.screen.query_one("#memory-figures", Static)
        assert all(len(line) <= memory.content_size.width for line in str(memory.render()).splitlines())
        for widget in (box for box in app.screen.query(".panel, #events") if box.display):
            assert app.screen.region.contains_region(widget.region), f"{widget.id} leaves the screen"


@pytest.mark.parametrize("size", [(44, 24), (80, 15), (20, 5)])
async def test_a_tiny_terminal_is_said_to_be_too_small(
    tmp_path: Path, make_dataset: MakeDataset, recording_worker: NewestWorker, size: tuple[int, int]
) -> None:
    app = VsrppApp(Choice(tmp_path / "new", make_dataset()))
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        assert app.screen.query_one("#too-small").display and not app.screen.query_one("#start-body").display


async def test_quitting_waits_for_the_checkpoint(
    tmp_path: Path, make_dataset: MakeDataset, recording_worker: NewestWorker
) -> None:
    app = VsrppApp(Choice(tmp_path / "new", make_dataset()))
    async with app.run_test(size=(80, 24)) as pilot:
        worker = await training(pilot, recording_worker)
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, SavingScreen))
        assert worker.was_stopped and app.is_running
        worker.say(ev.SessionEnded(reason="stopped", step=100, checkpoint="checkpoint_recovery.pth"))
        worker.is_alive = False
        await until(pilot, lambda: app.return_value is not None)
    assert app.return_value and app.return_value.status == 0 and "checkpoint_recovery.pth" in app.return_value.message


@pytest.mark.parametrize("asked_before", [True, False])
async def test_quitting_when_the_end_was_not_seen_yet_still_tells_it(
    tmp_path: Path, make_dataset: MakeDataset, recording_worker: NewestWorker, asked_before: bool
) -> None:
    app = VsrppApp(Choice(tmp_path / "new", make_dataset()))
    async with app.run_test(size=(80, 24)) as pilot:
        worker = await training(pilot, recording_worker)
        if asked_before:
            await pilot.press("q")
        worker.say(ev.SessionEnded(reason="stopped", step=100, checkpoint="checkpoint_recovery.pth"))
        worker.is_alive = False
        app.action_leave()
        await until(pilot, lambda: app.return_value is not None)
    assert app.return_value and "checkpoint_recovery.pth" in app.return_value.message


async def test_a_failed_session_is_shown_and_the_user_can_go_back(
    tmp_path: Path, make_dataset: MakeDataset, recording_worker: NewestWorker
) -> None:
    app = VsrppApp(Choice(tmp_path / "new", make_dataset()))
    async with app.run_test(size=(80, 24)) as pilot:
        worker = await training(pilot, recording_worker)
        worker.say(ev.SessionFailed(step=100, error="[bold] is no markup", checkpoint="checkpoint_emergency.pth"))
        worker.is_alive = False
        await until(pilot, lambda: isinstance(app.screen, FailedScreen))
        assert shows(pilot, "[bold] is no markup") and shows(pilot, "checkpoint_emergency.pth")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, StartScreen))


async def test_a_failure_reported_before_the_thread_ends_is_shown_once(
    tmp_path: Path, make_dataset: MakeDataset, recording_worker: NewestWorker
) -> None:
    app = VsrppApp(Choice(tmp_path / "new", make_dataset()))
    async with app.run_test(size=(80, 24)) as pilot:
        worker = await training(pilot, recording_worker)
        worker.say(ev.SessionFailed(step=100, error="the disk broke", checkpoint=""))
        await until(pilot, lambda: app.state.phase == "failed")
        assert not isinstance(app.screen, FailedScreen)
        worker.is_alive = False  # its sinks are closed
        await until(pilot, lambda: isinstance(app.screen, FailedScreen))
        app.pump()
        assert sum(isinstance(screen, FailedScreen) for screen in app.screen_stack) == 1
        await pilot.press("q")
    assert app.return_value == Farewell(1, "vsrpp-tui: the disk broke")


async def test_how_the_previous_session_ended_is_not_shown_again(
    tmp_path: Path, make_dataset: MakeDataset, recording_worker: NewestWorker
) -> None:
    run = trained_run(tmp_path / "Learn")
    with journal.JournalWriter(RunFolder(run).journal) as writer:
        for event in (started(), step(10), ev.SessionFailed(step=10, error="an old failure", checkpoint="")):
            writer.handle(event)
    app = VsrppApp(Choice(run, make_dataset()))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: shows(pilot, "[F]ortsetzen"))
        await pilot.press("f", "enter")
        await until(pilot, lambda: isinstance(app.screen, TrainingScreen))
        await until(pilot, lambda: recording_worker().is_alive)  # only once the journal was read
        assert "an old failure" in app.state.log[-1].text and app.state.failed is None
        await pilot.press("q")
        recording_worker().say(ev.SessionEnded(reason="stopped", step=0, checkpoint=""))  # before it had begun
        recording_worker().is_alive = False
        await until(pilot, lambda: app.return_value is not None)
    assert app.return_value == Farewell()


async def test_a_request_is_shown_until_it_is_answered(
    tmp_path: Path, make_dataset: MakeDataset, recording_worker: NewestWorker
) -> None:
    app = VsrppApp(Choice(tmp_path / "new", make_dataset()))
    async with app.run_test(size=(80, 24)) as pilot:
        worker = await training(pilot, recording_worker)
        await pilot.press("c")
        assert shows(pilot, "saving after this step")
        worker.say(step(101))
        await until(pilot, lambda: app.state.current_step == 101)
        assert shows(pilot, "saving after this step")
        worker.say(ev.CommandAnswered(command="SaveCheckpoint", accepted=True, message="done", step=101))
        await until(pilot, lambda: app.state.answered == 1)
        assert shows(pilot, "saving after this step"), "that was another one"
        number = worker.commands[-1].number
        worker.say(  # all in one tick
            ev.PhaseChanged(phase="saving", step=101),
            ev.PhaseChanged(phase="training", step=101),
            ev.CommandAnswered(command="SaveCheckpoint", accepted=True, message="done", step=101, number=number),
            ev.PhaseChanged(phase="training", step=101),
        )
        await until(pilot, lambda: app.state.answered == 2)
        assert not shows(pilot, "saving after this step")


async def test_a_tensorboard_that_tells_no_address_is_given_up(
    tmp_path: Path, make_dataset: MakeDataset, recording_worker: NewestWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = VsrppApp(Choice(tmp_path / "new", make_dataset()))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await training(pilot, recording_worker)
        monkeypatch.setattr("vsrpp_tui.threads.tensorboard_server._command", lambda logs: ["sleep", "100"])
        await pilot.press("b")
        app.pump()
        assert app.tensorboard.is_running
        monkeypatch.setattr("vsrpp_tui.threads.tensorboard_server.STARTING_SECONDS", 0)
        await until(pilot, lambda: not app.tensorboard.is_running)
        assert any("TensorBoard did not start" in notice.message for notice in app._notifications)


async def test_help_opens_and_closes(tmp_path: Path, recording_worker: NewestWorker) -> None:
    app = VsrppApp(Choice(tmp_path / "new", None))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, StartScreen))


async def test_news_while_the_screen_is_taken_away_end_nothing(
    tmp_path: Path, make_dataset: MakeDataset, recording_worker: NewestWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The innermost widgets go first, and the session may still report something."""
    app = VsrppApp(Choice(tmp_path / "run", make_dataset()))
    told: list[Chart] = []

    def hear(chart: Chart) -> None:
        recording_worker().say(step(200 + len(told)))
        app.pump()
        chart.show(app.state, Look())
        told.append(chart)

    monkeypatch.setattr(Chart, "on_unmount", hear, raising=False)
    async with app.run_test(size=(120, 40)) as pilot:
        await training(pilot, recording_worker)
    assert told
