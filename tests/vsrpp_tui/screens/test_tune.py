"""The auto-tune screen: events in, commands out, whole at every size; and a real session on a CPU, set by hand."""

from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, RadioButton, Static

from tests.conftest import MakeDataset
from tests.vsrpp_tui.conftest import NOTHING, P4
from tests.vsrpp_tui.opened import OpenedApp
from tests.vsrpp_tui.pilot import SIZES, NewestWorker, lines, screen_of, shows, trained_run, until
from tests.vsrpp_tui.program import tiny_run
from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import events as ev
from vsrpp_core.messages import journal
from vsrpp_core.remote.channel import Channel
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.folder import RunFolder
from vsrpp_tui.app.app import Farewell, VsrppApp
from vsrpp_tui.app.watching import AttachedApp, ReplayApp
from vsrpp_tui.screens.run.by_hand import ByHandScreen
from vsrpp_tui.screens.run.training import TrainingScreen
from vsrpp_tui.screens.run.tune import TuneScreen
from vsrpp_tui.screens.run.watching import AttachedTuneScreen, ReplayTuneScreen
from vsrpp_tui.screens.shared.help import HelpScreen
from vsrpp_tui.screens.start.start import Choice
from vsrpp_tui.widgets.pick_list import PickList


def until_offer(events: list[ev.Event]) -> list[ev.Event]:
    offer = next(i for i, event in enumerate(events) if isinstance(event, ev.ChoiceOffered))
    return events[: offer + 1]


def fresh(events: list[ev.Event]) -> list[ev.Event]:
    """As if it happened now, for the offer's clock."""
    import time

    late = time.time() - events[-1].time
    return [replace(event, time=event.time + late) for event in events]


OFFERED, NONE = until_offer(P4), until_offer(NOTHING)
MEASURING = P4[: next(i for i, e in enumerate(P4) if isinstance(e, ev.MeasurementStarted)) + 1]


async def opened(pilot: Pilot[Farewell]) -> TuneScreen:
    await until(pilot, lambda: isinstance(pilot.app.screen, TuneScreen) and shows(pilot, "s/iter"))
    screen = pilot.app.screen
    assert isinstance(screen, TuneScreen)
    return screen


def picked(pilot: Pilot[Farewell]) -> str:
    return pilot.app.screen.query_one(PickList).chosen


def status(pilot: Pilot[Farewell]) -> str:
    return str(pilot.app.screen.query_one("#tune-status", Static).render())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("events", [MEASURING, OFFERED, NONE], ids=["measuring", "offered", "nothing"])
async def test_the_search_is_whole_at_every_size(tmp_path: Path, size: tuple[int, int], events: list[ev.Event]) -> None:
    app = OpenedApp(tmp_path, fresh(events))
    async with app.run_test(size=size) as pilot:
        screen = await opened(pilot)
        await until(pilot, lambda: shows(pilot, "feature maps"))
        text = lines(pilot)
        assert "Auto-tune" in text[0] and " s/iter · 80 % of 8.0 GB · batch ≥ 4" in text[0]
        firsts = [line.lstrip(" ▸")[:1] for line in text]
        assert [n for n in "12345678" if n in firsts] == list("12345678"), "all rows are seen"
        assert any("skipped: time" in line or "ruled out" in line for line in text)
        assert any("verdict" in line for line in text) and any("predicted" in line for line in text)
        details = screen.query_one("#tune-details")
        assert details.region.bottom <= screen.query_one("#tune-status").region.y
        assert details.region.height >= 4
        if events is NONE:
            assert any("esc sets other sizes" in line for line in text) and any(
                "tune.max_seconds = 0.9" in t for t in text
            )


@pytest.mark.parametrize("size", [(60, 16), (79, 18), (100, 30), (20, 5)])
async def test_it_folds_and_comes_back(tmp_path: Path, size: tuple[int, int]) -> None:
    app = OpenedApp(tmp_path, fresh(OFFERED))
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.resize_terminal(*size)
        await pilot.pause()
        small = size == (20, 5)
        assert app.screen.query_one("#too-small").display is small
        if not small:
            assert any("7" in line and "✓" in line for line in lines(pilot))
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert any("✓ passes" in line for line in lines(pilot))


async def test_the_row_at_the_cursor_is_seen_where_there_is_little_room(tmp_path: Path) -> None:
    app = OpenedApp(tmp_path, fresh(NONE))
    async with app.run_test(size=(60, 16)) as pilot:
        await opened(pilot)
        await until(pilot, lambda: any(line.startswith(" ▸ 8 ") for line in lines(pilot)))
        assert any("config.toml" in line for line in lines(pilot)), "the advice is whole too"


async def test_enter_takes_what_is_offered(tmp_path: Path) -> None:
    app = OpenedApp(tmp_path, fresh(OFFERED))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        assert picked(pilot) == "7" and "takes row 7 in" in status(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: app.recording.commands == [cmd.ChooseRung(7)])
        assert status(pilot) == "taking row 7 …"
        app.recording.say(P4[-1])
        await until(pilot, lambda: type(app.screen) is TrainingScreen)


def answer(command: cmd.Command, accepted: bool, message: str) -> ev.CommandAnswered:
    name, number = command.name, command.number
    return ev.CommandAnswered(command=name, accepted=accepted, message=message, step=0, number=number)


async def test_an_answer_to_an_earlier_command_does_not_end_the_wait(tmp_path: Path) -> None:
    app = OpenedApp(tmp_path, fresh(OFFERED))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("up", "enter")
        await until(pilot, lambda: len(app.recording.commands) == 2)
        hold, take = app.recording.commands
        app.recording.say(answer(hold, True, "done"))
        await until(pilot, lambda: app.state.answered == 1)
        await pilot.pause()
        assert status(pilot) == "taking row 6 …"
        app.recording.say(answer(take, False, "no such row"))
        await until(pilot, lambda: status(pilot) == "✗ no such row")


async def test_moving_stops_the_clock_once_and_another_row_is_taken(tmp_path: Path) -> None:
    app = OpenedApp(tmp_path, fresh(OFFERED))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("up", "up")
        await until(pilot, lambda: app.recording.commands == [cmd.HoldChoice()])
        held = ev.ChoiceOffered(index=7, checkpointing="block", seconds=0.0, advice="")
        app.recording.say(answer(app.recording.commands[0], True, "done"), held)
        await until(pilot, lambda: "row 7 passes · ⏎ takes the row at ▸" in status(pilot))
        assert picked(pilot) == "5", "the cursor stays where the user put it"
        await pilot.press("down", "enter")
        await until(pilot, lambda: app.recording.commands[1:] == [cmd.ChooseRung(6)])


async def test_before_anything_passed_enter_takes_nothing_by_itself(tmp_path: Path) -> None:
    app = OpenedApp(tmp_path, fresh(MEASURING))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        assert picked(pilot) == "3" and status(pilot) == "measuring 3 of 8, with checkpointing block …"
        await pilot.press("enter")
        await pilot.pause()
        assert not app.recording.commands
        await pilot.press("up", "m", "enter")
        await until(pilot, lambda: app.recording.commands == [cmd.MeasureRung(2), cmd.ChooseRung(2)])


async def test_the_mouse_moves_first_and_takes_then(tmp_path: Path) -> None:
    app = OpenedApp(tmp_path, fresh(OFFERED))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.click("#tune-rows", offset=(20, 4))
        await until(pilot, lambda: picked(pilot) == "5" and app.recording.commands == [cmd.HoldChoice()])
        await pilot.click("#tune-rows", offset=(20, 4))
        await until(pilot, lambda: cmd.ChooseRung(5) in app.recording.commands)


async def test_a_refusal_is_shown(tmp_path: Path) -> None:
    app = OpenedApp(tmp_path, fresh(NONE))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        assert picked(pilot) == "8" and "closest came rung 8" in status(pilot).replace("\n", " ")
        await pilot.press("m")
        await until(pilot, lambda: app.recording.commands == [cmd.MeasureRung(8)])
        app.recording.say(answer(app.recording.commands[0], False, "too [large]"))
        await until(pilot, lambda: status(pilot) == "✗ too [large]")


async def test_help_stops_the_clock_too(tmp_path: Path) -> None:
    app = OpenedApp(tmp_path, fresh(OFFERED))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        assert app.recording.commands == [cmd.HoldChoice()]
        app.recording.say(P4[-1])  # taken all the same, just before: whatever lies on the search goes with it
        await until(pilot, lambda: type(app.screen) is TrainingScreen)


async def test_sizes_are_checked_while_typed_predicted_and_taken(tmp_path: Path) -> None:
    app = OpenedApp(tmp_path, fresh(OFFERED))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ByHandScreen) and shows(pilot, "predicting"))
        assert app.screen.query_one("#n_feats", Input).value == "96" and shows(pilot, "block ✓")
        await pilot.press("backspace", "backspace", "3", "enter")
        await until(pilot, lambda: shows(pilot, "✗ must be at least 4") and shows(pilot, "to see a prediction"))
        assert isinstance(app.screen, ByHandScreen), "what cannot be is not taken"
        await pilot.press("2", "tab", "backspace", "backspace", "8")
        asked = cmd.PredictByHand(32, 8, 4, 1, "block")
        await until(pilot, lambda: asked in app.recording.commands)
        predicted = next(e for e in P4 if isinstance(e, ev.ConfigurationPredicted) and e.index == 8)
        told = replace(
            predicted, index=0, n_feats=32, n_blocks=8, checkpointing="block", predicted_seconds=4.4, fault="time"
        )
        app.recording.say(told)
        await until(pilot, lambda: shows(pilot, "predicted 4.40 s/iter") and shows(pilot, "! slower than the limit"))
        await pilot.click(RadioButton)  # the first: none
        await until(pilot, lambda: shows(pilot, "predicting …"))
        app.screen.query_one("#accumulation", Input).focus()
        await pilot.press("enter")
        await until(pilot, lambda: cmd.SetByHand(32, 8, 4, 1, "none") in app.recording.commands)
        screen_of(app, TuneScreen)


@pytest.mark.parametrize("fresh_run", [False, True])
async def test_the_start_screen_leads_there_for_a_fresh_run_alone(
    tmp_path: Path, make_dataset: MakeDataset, recording_worker: NewestWorker, fresh_run: bool
) -> None:
    app = VsrppApp(Choice(tmp_path / "new" if fresh_run else trained_run(tmp_path / "Learn"), make_dataset()))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: shows(pilot, "öschen") or shows(pilot, "[S]tart"))
        assert shows(pilot, "[A]uto-tune") is fresh_run
        await pilot.press("a")
        if fresh_run:
            await until(pilot, lambda: isinstance(app.screen, TrainingScreen))
            assert recording_worker().request.tune and recording_worker().request.start == "fresh"


async def test_quitting_stops_the_search(tmp_path: Path) -> None:
    app = OpenedApp(tmp_path, fresh(OFFERED))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("q")
        await until(pilot, lambda: app.recording.was_stopped)
        app.recording.say(ev.SessionEnded(reason="stopped", step=0, checkpoint=""))
        app.recording.is_alive = False
        await until(pilot, lambda: not app.is_running or app.return_value is not None)
    assert app.return_value == Farewell()


# only looked at


async def test_a_replay_shows_the_search_again(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text("\n".join(map(journal.encode, P4)) + "\n")
    app = ReplayApp(path)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.player is not None)
        await pilot.press("p", "end", "left")
        await until(pilot, lambda: isinstance(app.screen, ReplayTuneScreen) and shows(pilot, "REPLAY"))
        assert any("✓ passes" in line for line in lines(pilot))
        await pilot.press("enter", "m", "escape")
        await pilot.pause()
        screen_of(app, ReplayTuneScreen)
        await pilot.press("end")
        await until(pilot, lambda: not isinstance(app.screen, TuneScreen))


async def test_the_search_of_another_process_is_steered(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    run.create()
    run.journal.write_text("\n".join(map(journal.encode, fresh(OFFERED))) + "\n")
    app, taken = AttachedApp(run.path), SimpleQueue[cmd.Command]()
    with run.lock(), Channel(run.socket, taken.put):
        async with app.run_test(size=(80, 24)) as pilot:
            await until(pilot, lambda: isinstance(app.screen, AttachedTuneScreen) and app.orders.is_connected)
            await until(pilot, lambda: any("✓ passes" in line for line in lines(pilot)))
            await pilot.press("enter")
            await until(pilot, lambda: not taken.empty())
            assert isinstance(taken.get(), cmd.ChooseRung) and shows(pilot, "ATTACHED")
            await pilot.press("q")
    app.follower.finish()
    app.orders.finish()


# the real thing


async def test_a_cpu_trains_what_was_set_by_hand(
    tmp_path: Path, make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    run = tiny_run(tmp_path / "run")
    app = VsrppApp(Choice(run, make_dataset()))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: shows(pilot, "[A]uto-tune"))
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, TuneScreen) and shows(pilot, "takes row 9 in"), 60)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ByHandScreen))
        await pilot.press("backspace", "backspace", "4", "tab", "backspace", "backspace", "2")
        await until(pilot, lambda: shows(pilot, "✓ within the limits"), 60)
        await pilot.press("enter")
        await until(pilot, lambda: type(app.screen) is TrainingScreen and app.state.current_step > 0, 60)
        await pilot.press("q")
        await until(pilot, lambda: app.worker is not None and not app.worker.is_alive, 60)
    config = RunConfig.load(run / "config.toml")
    assert (config.model.n_feats, config.model.n_blocks, config.training.batch_size) == (4, 2, 4)
    assert config.tune.found.startswith("set by hand, predicted ")
