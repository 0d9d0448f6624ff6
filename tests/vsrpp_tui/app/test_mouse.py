"""The mouse reaches what the keys do."""

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.command import CommandPalette
from textual.geometry import Region
from textual.pilot import Pilot
from textual.widgets import Button, Input
from textual.widgets._footer import FooterKey

from tests.conftest import MakeDataset
from tests.vsrpp_tui.conftest import RecordingWorker, step
from tests.vsrpp_tui.opened import OpenedApp
from tests.vsrpp_tui.pilot import learned, on_screen, screen_of, shows, trained_run, until
from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import events as ev
from vsrpp_core.run.config import RunConfig
from vsrpp_tui.app.app import Farewell, VsrppApp
from vsrpp_tui.screens.run.failed import FailedScreen
from vsrpp_tui.screens.run.log import LogScreen
from vsrpp_tui.screens.run.mark import MarkScreen
from vsrpp_tui.screens.run.settings import SettingsScreen
from vsrpp_tui.screens.run.training import BORDER_KEYS, TrainingScreen
from vsrpp_tui.screens.shared.help import HelpScreen
from vsrpp_tui.screens.start import compare
from vsrpp_tui.screens.start.compare import CompareScreen
from vsrpp_tui.screens.start.confirm import ConfirmDelete
from vsrpp_tui.screens.start.open_run import OpenRun
from vsrpp_tui.screens.start.resume import ResumeScreen
from vsrpp_tui.screens.start.start import Choice, StartScreen
from vsrpp_tui.widgets.hint import key_at
from vsrpp_tui.widgets.panels.log_view import LogView

LOOKS = 15
"""So often, 20 ms apart, a key is found where it was before it is clicked."""


async def press(pilot: Pilot[Farewell], description: str) -> None:
    """Click a key in the footer once it has settled: the footer is rebuilt whenever the keys that apply change."""
    looks: list[tuple[FooterKey, Region]] = []

    def stands_still() -> bool:
        now = [(key, key.region) for key in pilot.app.screen.query(FooterKey) if key.description == description]
        if not now or not now[0][1] or (looks and looks[-1] != now[0]):
            looks.clear()
        looks.extend(now[:1])
        return len(looks) > LOOKS

    await until(pilot, stands_still)
    assert await pilot.click(looks[-1][0]), f"something covers {description} in the footer"
    await pilot.pause()


async def click_words(pilot: Pilot[Farewell], wanted: str) -> None:
    """Click the middle of ``wanted`` where it stands on the screen."""
    for y, row in enumerate(on_screen(pilot).splitlines()):
        if wanted in row:
            await pilot.click(offset=(row.index(wanted) + len(wanted) // 2, y))
            await pilot.pause()
            return
    raise AssertionError(f"{wanted} is not on the screen")


async def test_the_footer_commands_the_training(tmp_path: Path) -> None:
    app = OpenedApp(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: bool(app.screen.query(FooterKey)))
        for key in ("Pause", "Checkpoint", "Validate"):
            await press(pilot, key)
        assert app.recording.commands == [cmd.Pause(), cmd.SaveCheckpoint(), cmd.Validate()]
        app.recording.say(ev.PhaseChanged(phase="paused", step=100))
        await until(pilot, lambda: any(key.description == "Resume" for key in app.screen.query(FooterKey)))
        await press(pilot, "Resume")
        assert app.recording.commands[-1] == cmd.Resume()
        await press(pilot, "View")
        await until(pilot, lambda: "▸ charts" in on_screen(pilot))


async def test_dialogs_are_opened_and_left_by_the_mouse(tmp_path: Path) -> None:
    app = OpenedApp(tmp_path)
    RunConfig().save(tmp_path / "config.toml")
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: bool(app.screen.query(FooterKey)))
        await press(pilot, "Help")
        screen_of(app, HelpScreen)
        await click_words(pilot, "Keys and words")
        screen_of(app, TrainingScreen)
        await press(pilot, "Mark")
        screen_of(app, MarkScreen)
        await pilot.press(*"lamp")
        await click_words(pilot, "place it")
        screen_of(app, TrainingScreen)
        assert app.recording.commands == [cmd.Mark("lamp")]
        await press(pilot, "Mark")
        await click_words(pilot, "back, nothing is kept")
        screen_of(app, TrainingScreen)
        assert len(app.recording.commands) == 1
        await press(pilot, "Quit")
        assert app.recording.was_stopped


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_what_the_footer_has_no_room_for_is_behind_the_name(tmp_path: Path, size: tuple[int, int]) -> None:
    app = OpenedApp(tmp_path)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: "VSR++" in on_screen(pilot))
        await pilot.click("#header", offset=(2, 0))
        await until(pilot, lambda: isinstance(app.screen, CommandPalette))


async def test_keys_in_the_borders_are_pressed(tmp_path: Path) -> None:
    app = OpenedApp(tmp_path)
    app.state = learned(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("s")
        for before, after in (
            ("y log", "y linear"),
            ("w mean of 24", "w mean of 96"),
            ("r all steps", "r last 10,000"),
        ):
            await until(pilot, lambda before=before: before in on_screen(pilot))  # type: ignore[misc]
            await click_words(pilot, before)
            await until(pilot, lambda after=after: after in on_screen(pilot))  # type: ignore[misc]
        await pilot.press("z")
        await until(pilot, lambda: "0 all" in on_screen(pilot))
        await click_words(pilot, "0 all")
        await until(pilot, lambda: "r all steps" in on_screen(pilot))
        await click_words(pilot, "  pictures")
        await until(pilot, lambda: "film_a.png" in on_screen(pilot))
        await click_words(pilot, "→")
        await until(pilot, lambda: "film_b.png" in on_screen(pilot))
        await click_words(pilot, "←")
        await until(pilot, lambda: "film_a.png" in on_screen(pilot))
        await click_words(pilot, "detail 1×")
        await until(pilot, lambda: "detail 2×" in on_screen(pilot))
        await click_words(pilot, "−")
        await until(pilot, lambda: "detail 1×" in on_screen(pilot))


def test_every_key_in_a_border_is_an_action() -> None:
    for screen, keys in ((TrainingScreen, BORDER_KEYS), (CompareScreen, compare.BORDER_KEYS)):
        assert [name for name in keys.values() if not hasattr(screen, f"action_{name.partition('(')[0]}")] == []


async def test_settings_are_changed_by_the_mouse(tmp_path: Path) -> None:
    RunConfig().save(tmp_path / "config.toml")
    app = OpenedApp(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: bool(app.screen.query(FooterKey)))
        await press(pilot, "Settings")
        screen_of(app, SettingsScreen)
        field = app.screen.query(Input).last()
        field.scroll_visible(animate=False)
        await pilot.pause()
        await pilot.click(field)
        assert field.has_focus
        field.value = "7"
        await pilot.pause()
        await pilot.click(app.screen.query_one("#apply", Button))
        await until(pilot, lambda: any(isinstance(command, cmd.SetParameter) for command in app.recording.commands))
        await press(pilot, "Discard")
        screen_of(app, TrainingScreen)


async def test_the_log_scrolls_filters_and_closes(tmp_path: Path) -> None:
    app = OpenedApp(tmp_path)
    app.state = learned(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: bool(app.screen.query(FooterKey)))
        await press(pilot, "Log")
        screen_of(app, LogScreen)
        for number in range(60):
            app.recording.say(ev.MarkPlaced(step=200 + number, text=f"mark {number}"))
        view = app.screen.query_one(LogView)
        await until(pilot, lambda: view.max_scroll_y > 20 and view.following)
        view.scroll_up(animate=False)
        await pilot._post_mouse_events([_wheel_up()], view, offset=(5, 5), button=0)
        await until(pilot, lambda: not view.following)
        await press(pilot, "Filter")
        await until(pilot, lambda: "warnings and faults" in on_screen(pilot))
        await press(pilot, "Search")
        assert app.screen.query_one(Input).has_focus
        await pilot.click(LogView)
        await press(pilot, "Close")
        screen_of(app, TrainingScreen)


def _wheel_up() -> type:
    from textual.events import MouseScrollUp

    return MouseScrollUp


async def test_the_start_screen_and_its_tables(
    tmp_path: Path, make_dataset: MakeDataset, recording_worker: Callable[[], RecordingWorker]
) -> None:
    app = VsrppApp(Choice(trained_run(tmp_path / "Learn"), make_dataset()))
    async with app.run_test(size=(100, 32)) as pilot:
        await until(pilot, lambda: shows(pilot, "resume at step 48,000"))
        await click_words(pilot, "[L]öschen")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDelete))
        await click_words(pilot, "back, nothing is touched")
        await until(pilot, lambda: isinstance(app.screen, StartScreen))
        await press(pilot, "Open")
        await until(pilot, lambda: isinstance(app.screen, OpenRun))
        await click_words(pilot, "esc  back")
        await until(pilot, lambda: isinstance(app.screen, StartScreen))
        await click_words(pilot, "resume at step")
        await until(pilot, lambda: isinstance(app.screen, ResumeScreen) and "48,000" in on_screen(pilot))
        await press(pilot, "Back")
        await until(pilot, lambda: isinstance(app.screen, StartScreen))
        await click_words(pilot, "resume at step")
        await until(pilot, lambda: isinstance(app.screen, ResumeScreen) and "48,000" in on_screen(pilot))
        await click_words(pilot, "48,000")
        await until(pilot, lambda: isinstance(app.screen, TrainingScreen))
        assert recording_worker().request.start == "resume"


async def test_a_failure_leads_back_to_the_start(tmp_path: Path) -> None:
    app = OpenedApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        app.recording.say(step(101), ev.SessionFailed(step=101, error="the disk is full", checkpoint=""))
        app.recording.is_alive = False
        await until(pilot, lambda: isinstance(app.screen, FailedScreen))
        await click_words(pilot, "esc  back to the start")
        await until(pilot, lambda: isinstance(app.screen, StartScreen))


def test_the_key_that_is_pointed_at() -> None:
    said = "y log · w mean of 24"
    assert [key_at(said, at) for at in (0, 4, 8, 19)] == ["y", "y", "w", "w"]
    assert key_at(said, -1) == "" == key_at(said, len(said)) == key_at("next in 5 · save in 9", 12)
    keys = "← → sample · + − detail 1×"
    assert [key_at(keys, keys.index(sign)) for sign in "←→+−"] == ["←", "→", "+", "−"]
    assert key_at(keys, keys.index("sample")) == "→" and key_at(keys, keys.index("detail")) == "+"
    assert set("yw0rn[]←→+−") == set(BORDER_KEYS)
