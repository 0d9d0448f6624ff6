"""The log on its own screen: whole, without doubles, searched, filtered, followed."""

from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from tests.vsrpp_tui.conftest import validated
from tests.vsrpp_tui.opened import TRAINING, OpenedApp
from tests.vsrpp_tui.pilot import SIZES, until
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.journal import JournalWriter
from vsrpp_tui.app.app import Farewell
from vsrpp_tui.screens.run.log import LogScreen, older_lines
from vsrpp_tui.screens.run.training import TrainingScreen
from vsrpp_tui.state.log import LOG_LIMIT
from vsrpp_tui.state.run import replay
from vsrpp_tui.widgets.panels.log_view import LogView

LONG = "a warning that goes on: " + "/a/path/that/is/long and more words " * 12


def warnings(first: int, last: int) -> list[ev.Event]:
    return [ev.WarningRaised(message=f"number {n}", time=1e9 + n) for n in range(first, last)]


def write(path: Path, events: list[ev.Event]) -> None:
    with JournalWriter(path, step_every=1) as writer:
        for event in events:
            writer.handle(event)


def drawn(pilot: Pilot[Farewell]) -> list[str]:
    view = pilot.app.screen.query_one(LogView)
    return [view.render_line(y).text.rstrip() for y in range(view.size.height)]


def header(pilot: Pilot[Farewell]) -> str:
    return str(pilot.app.screen.query_one("#screen-header", Static).render())


async def opened(pilot: Pilot[Farewell]) -> None:
    await pilot.press("l")
    await until(pilot, lambda: isinstance(pilot.app.screen, LogScreen) and "lines" in header(pilot))
    await pilot.pause()


def test_older_lines_end_where_the_states_begin(tmp_path: Path) -> None:
    events = warnings(0, LOG_LIMIT + 20)
    write(tmp_path / "events.jsonl", events)
    state = replay(events)
    older = older_lines(tmp_path / "events.jsonl", state.log[0])
    assert [line.text for line in older] == [f"number {n}" for n in range(20)]
    assert [*older, *state.log] == [*dict.fromkeys([*older, *state.log])]


async def test_the_whole_journal_is_there_and_nothing_twice(tmp_path: Path) -> None:
    events = [*TRAINING, *warnings(0, LOG_LIMIT + 20)]
    write(tmp_path / "events.jsonl", events)
    app = OpenedApp(tmp_path, events)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await until(pilot, lambda: f"{LOG_LIMIT + 21} lines" in header(pilot))
        late = warnings(9000, 9003)
        write(tmp_path / "events.jsonl", late)
        app.recording.say(*late)
        await until(pilot, lambda: f"{LOG_LIMIT + 24} lines" in header(pilot))
        assert drawn(pilot)[-1].endswith("! number 9002")
        await pilot.press("home")
        await until(pilot, lambda: any("fresh, step" in line for line in drawn(pilot)))
        assert "end: follow" in header(pilot)


async def test_lines_come_at_the_end_only_while_it_is_followed(tmp_path: Path) -> None:
    app = OpenedApp(tmp_path, [*TRAINING, *warnings(0, 60)])
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        assert "following" in header(pilot)
        await pilot.press("home")
        await pilot.pause()
        before = drawn(pilot)
        app.recording.say(*warnings(60, 70))
        await until(pilot, lambda: "71 lines" in header(pilot))
        assert drawn(pilot) == before and "end: follow" in header(pilot)
        await pilot.press("end")
        await until(pilot, lambda: drawn(pilot)[-1].endswith("number 69"))


async def test_the_panel_stays_at_the_newest_line_in_every_size_and_view(tmp_path: Path) -> None:
    app = OpenedApp(tmp_path, [*TRAINING, *warnings(0, LOG_LIMIT)])
    async with app.run_test(size=(80, 24)) as pilot:
        panel = app.screen.query_one("#events", LogView)
        for size, key in (((120, 40), "s"), ((70, 20), "S"), ((200, 60), "S"), ((120, 40), "s")):
            await pilot.resize_terminal(*size)
            await pilot.press(key)
            await until(pilot, lambda: not panel.is_on_screen or panel.following)
        app.recording.say(*warnings(LOG_LIMIT, LOG_LIMIT + 30))  # the oldest lines are dropped for them
        await until(pilot, lambda: panel.render_line(panel.size.height - 1).text.rstrip().endswith(f"{LOG_LIMIT + 29}"))
        panel.scroll_home(animate=False)
        await pilot.pause()
        app.recording.say(*warnings(LOG_LIMIT + 30, LOG_LIMIT + 35))
        await until(pilot, lambda: "number 35" in panel.render_line(0).text)
        assert not panel.following


async def test_searching_leaves_only_what_was_searched_for(tmp_path: Path) -> None:
    app = OpenedApp(tmp_path, [*TRAINING, *warnings(0, 60)])
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("slash", *"NUMBER", "space", "5")
        await until(pilot, lambda: "11 of 61 lines" in header(pilot))  # 5 and 50 to 59
        await pilot.press("enter")
        assert pilot.app.screen.query_one(LogView).has_focus
        await pilot.press("escape")
        await until(pilot, lambda: header(pilot).find("61 lines") > 0 and "of" not in header(pilot).split("·")[0])
        assert pilot.app.screen.query_one(Input).value == ""
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, TrainingScreen))


async def test_filters_go_round(tmp_path: Path) -> None:
    saved = ev.CheckpointSaved(step=100, kind="best", name="best.pth", size=1, seconds=1, is_best=True)
    fault = ev.CheckpointFailed(step=100, kind="best", error="disk full")
    app = OpenedApp(tmp_path, [*TRAINING, validated(100), saved, fault, ev.WarningRaised(message="careful")])
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        seen = []
        for name in ("all", "warnings and faults", "saves", "validations", "all"):
            assert f"{name} ·" in header(pilot)
            seen.append([line[12:] for line in drawn(pilot) if line[:1].isdigit()])
            await pilot.press("f")
            await pilot.pause()
        assert [len(lines) for lines in seen] == [5, 2, 2, 1, 5]
        assert seen[1] == ["step 100: NOT saved (best): disk full", "careful"] and "KI 29.00 dB" in seen[3][0]


@pytest.mark.parametrize("size", SIZES)
async def test_long_lines_are_wrapped_not_cut(tmp_path: Path, size: tuple[int, int]) -> None:
    wide = ev.MarkPlaced(step=5, text="界" * 60 + " [bold]no markup")
    app = OpenedApp(tmp_path, [*TRAINING, ev.WarningRaised(message=LONG), wide])
    async with app.run_test(size=size) as pilot:
        await opened(pilot)
        together = "".join(line[12:].strip() + " " for line in drawn(pilot))
        assert " ".join(LONG.split()) in " ".join(together.split())
        assert "界" * 60 in together.replace(" ", "") and "[bold]no" in together
        await pilot.resize_terminal(70, 24)
        await pilot.pause()
        assert " ".join(LONG.split()) in " ".join("".join(line[12:].strip() + " " for line in drawn(pilot)).split())
