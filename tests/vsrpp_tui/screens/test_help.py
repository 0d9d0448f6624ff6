"""What ? tells: first of the panel that is looked at, then of all keys."""

from pathlib import Path

import pytest

from tests.vsrpp_tui.opened import OpenedApp
from tests.vsrpp_tui.pilot import on_screen, until
from vsrpp_tui.screens.run.training import TrainingScreen
from vsrpp_tui.screens.shared.help import KEYS, PANELS, WORDS, HelpScreen


def test_there_is_a_word_on_every_panel_and_none_is_too_long() -> None:
    assert [box.id for box in TrainingScreen()._places] == list(PANELS)
    for name, told in (*KEYS, *WORDS, *(row for rows in PANELS.values() for row in rows)):
        assert len(name) < 12 and len(told) <= 56, told


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_help_begins_with_the_panel_that_has_the_focus_or_the_screen(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    app = OpenedApp(tmp_path)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        await pilot.press("question_mark")
        await until(pilot, lambda: "─ Keys and words ─" in on_screen(pilot))
        assert PANELS["loss"][0][1] not in on_screen(pilot)
        await pilot.press("escape", "tab", "question_mark")
        await until(pilot, lambda: "─ Loss · keys and words ─" in on_screen(pilot))
        for _, told in PANELS["loss"]:
            assert told in on_screen(pilot)
        await pilot.press("escape", "f", "tab", "question_mark")  # on to the next, as large as the screen
        await until(pilot, lambda: "─ Validation · keys and words ─" in on_screen(pilot))
        assert isinstance(app.screen, HelpScreen) and PANELS["validation"][0][1] in on_screen(pilot)


async def test_no_line_of_it_is_broken_on_the_smallest_screen(tmp_path: Path) -> None:
    app = OpenedApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        for panel in PANELS:
            app.push_screen(HelpScreen(panel, panel.title()))
            await until(
                pilot, lambda: isinstance(pilot.app.screen, HelpScreen) and "· keys and words ─" in on_screen(pilot)
            )
            for _, told in PANELS[panel]:
                assert told in on_screen(pilot), panel
            await pilot.press("escape")
            await pilot.pause()
