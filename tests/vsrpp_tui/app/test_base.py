"""Marks, pictures of the screen and the palette."""

from pathlib import Path

import pytest
from textual.command import CommandList, CommandPalette
from textual.pilot import Pilot

from tests.vsrpp_tui.conftest import started
from tests.vsrpp_tui.opened import OpenedApp
from tests.vsrpp_tui.pilot import SIZES, learned, on_screen, until
from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import events as ev
from vsrpp_core.run.folder import RunFolder
from vsrpp_tui.app.app import Farewell
from vsrpp_tui.screens.run.failed import FailedScreen
from vsrpp_tui.screens.run.log import LogScreen
from vsrpp_tui.screens.run.mark import MarkScreen
from vsrpp_tui.screens.run.training import TrainingScreen
from vsrpp_tui.screens.start.start import StartScreen
from vsrpp_tui.terminal.graphics import Graphics
from vsrpp_tui.user.preferences import preferences_path, read_preferences
from vsrpp_tui.widgets.footer import KeyFooter
from vsrpp_tui.widgets.pictures.pixels import PLACEHOLDER


def notices(pilot: Pilot[Farewell]) -> list[str]:
    return [notice.message for notice in pilot.app._notifications]


def offered(pilot: Pilot[Farewell]) -> list[str]:
    options = pilot.app.screen.query_one(CommandList).options
    return [str(option.prompt) for option in options]


def footer_ends(pilot: Pilot[Farewell]) -> list[int]:
    """The right edge of each key shown."""
    return [key.region.right for key in pilot.app.screen.query_one(KeyFooter).children]


async def test_a_mark_asks_for_its_text_and_is_sent(tmp_path: Path) -> None:
    app = OpenedApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("m")
        await until(pilot, lambda: isinstance(app.screen, MarkScreen))
        await pilot.press("enter")  # nothing typed: nothing happens
        assert isinstance(app.screen, MarkScreen)
        await pilot.press(*"new", "space", *"lamp", "enter")
        await until(pilot, lambda: isinstance(app.screen, TrainingScreen))
        await pilot.press("m", *"no", "escape")
        await until(pilot, lambda: isinstance(app.screen, TrainingScreen))
        assert app.recording.commands == [cmd.Mark("new lamp")]
        app.recording.say(ev.MarkPlaced(step=100, text="new lamp"))
        await until(pilot, lambda: app.state.log[-1].text == "step 100: mark: new lamp")


async def test_nothing_is_marked_or_set_before_training_has_begun(tmp_path: Path) -> None:
    app = OpenedApp(tmp_path, [started()])
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("m", "enter")
        await pilot.pause()
        assert isinstance(app.screen, TrainingScreen)


async def test_a_picture_of_the_screen_is_in_the_runs_folder(tmp_path: Path) -> None:
    app, folder = OpenedApp(tmp_path), RunFolder(tmp_path)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await pilot.press("x", "x")
        await pilot.pause()
        pictures = sorted(folder.screenshots.glob("*.svg"))
        assert len(pictures) == 2 and all("<svg" in picture.read_text() for picture in pictures)
        assert any(str(picture) in notice for notice in notices(pilot) for picture in pictures)
    assert folder.contents() == []


async def test_a_picture_of_the_screen_has_half_cells_where_the_terminal_has_pixels(tmp_path: Path) -> None:
    app = OpenedApp(tmp_path)
    app.state = learned(tmp_path)
    app.graphics = Graphics((10, 20))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("i")
        await until(pilot, lambda: PLACEHOLDER in on_screen(pilot))
        await pilot.press("x")
        await pilot.pause()
        (picture,) = (tmp_path / "screenshots").glob("*.svg")
        text = picture.read_text(encoding="utf-8")
        assert text.count("▀") > 100 and PLACEHOLDER not in text
        assert PLACEHOLDER in on_screen(pilot)


async def test_a_picture_that_cannot_be_written_is_shown(tmp_path: Path) -> None:
    (tmp_path / "screenshots").write_text("a file is in the way")
    app = OpenedApp(tmp_path)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await pilot.press("x")
        await pilot.pause()
        assert any("cannot be written" in notice for notice in notices(pilot))


@pytest.mark.parametrize("size", SIZES)
async def test_the_palette_has_every_action_and_the_themes(tmp_path: Path, size: tuple[int, int]) -> None:
    app = OpenedApp(tmp_path)
    async with app.run_test(size=size) as pilot:
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette) and len(offered(pilot)) > 10)
        names = [prompt.splitlines()[0].strip() for prompt in offered(pilot)]
        for name in ("Pause   p", "Checkpoint   c", "Mark   m", "Screenshot   x", "Theme: light"):
            assert any(name in shown for shown in names), name
        assert len(names) == len(set(names)) and not any("Resume" in name for name in names)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, TrainingScreen))


async def test_what_cannot_be_done_now_is_last_and_says_so(tmp_path: Path) -> None:
    app = OpenedApp(tmp_path, [started()])  # preparing
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette) and len(offered(pilot)) > 10)
        own = [prompt for prompt in offered(pilot) if not prompt.startswith("Theme")]
        told = ["not now" in prompt for prompt in own]
        assert sum(told) == 7 and told == sorted(told)  # pause, checkpoint, validate, settings, finish, mark, detach


async def test_a_command_of_the_palette_is_carried_out(tmp_path: Path) -> None:
    app = OpenedApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette))
        await pilot.press(*"checkp")
        await until(pilot, lambda: len(offered(pilot)) == 1)
        await pilot.press("enter")
        await until(pilot, lambda: app.recording.commands == [cmd.SaveCheckpoint()])


async def test_a_theme_chosen_in_the_palette_is_worn_and_remembered(tmp_path: Path) -> None:
    app = OpenedApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette))
        await pilot.press(*"contrast")
        await until(pilot, lambda: len(offered(pilot)) == 1)
        await pilot.press("enter")
        await until(pilot, lambda: app.theme == "vsrpp-contrast")
    assert read_preferences(preferences_path(), list).theme == "vsrpp-contrast"


@pytest.mark.parametrize("size", [(60, 20), (72, 24), *SIZES])
async def test_no_key_of_the_footer_is_cut(tmp_path: Path, size: tuple[int, int]) -> None:
    app = OpenedApp(tmp_path)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: isinstance(app.screen, TrainingScreen) and len(footer_ends(pilot)) >= 5)
        assert all(0 < end <= size[0] for end in footer_ends(pilot))
        await pilot.resize_terminal(60, 20)
        await until(pilot, lambda: len(footer_ends(pilot)) >= 5 and all(0 < end <= 60 for end in footer_ends(pilot)))


@pytest.mark.parametrize(
    ("failure", "kept", "advice"),
    [
        (ev.SessionFailed(step=9, error="[x] broke", checkpoint="e.pth"), "e.pth holds step 9", "resume with f"),
        (ev.SessionFailed(step=9, error="disk full", checkpoint=""), "Step 9 could not be saved", "resume with f"),
        (ev.SessionFailed(step=0, error="no such data", checkpoint=""), "Nothing was trained", "try again"),
    ],
)
async def test_a_failure_says_what_happened_what_is_kept_and_what_to_do(
    tmp_path: Path, failure: ev.SessionFailed, kept: str, advice: str
) -> None:
    app = OpenedApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(FailedScreen(failure))
        await until(pilot, lambda: isinstance(app.screen, FailedScreen))
        text = " ".join(" ".join(str(static.render()) for static in app.screen.query("Static")).split())
        assert failure.error in text and kept in text and advice in text
        assert app.screen.region.contains_region(app.screen.query_one(".dialog").region)


async def test_back_at_the_start_nothing_of_the_failed_session_is_left_open(tmp_path: Path) -> None:
    app = OpenedApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("l")
        await until(pilot, lambda: isinstance(app.screen, LogScreen))
        app.recording.say(ev.SessionFailed(step=100, error="broken", checkpoint=""))
        app.recording.is_alive = False
        await until(pilot, lambda: isinstance(app.screen, FailedScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, StartScreen))
        assert not any(isinstance(screen, (TrainingScreen, LogScreen)) for screen in app.screen_stack)
