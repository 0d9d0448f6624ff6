"""What ? shows: first of the panel the user is looking at, then the keys of the screen; and the page of all keys."""

from pathlib import Path

import pytest
from textual.screen import ModalScreen

from docs.keys import PAGE, page
from tests.vsrpp_tui.opened import OpenedApp
from tests.vsrpp_tui.pilot import on_screen, until
from vsrpp_tui.app.key_tables import screens
from vsrpp_tui.screens.run.training import TrainingScreen
from vsrpp_tui.screens.run.watching import ReplayScreen
from vsrpp_tui.screens.shared.help import PANELS, WORDS, HelpScreen
from vsrpp_tui.screens.shared.key_rows import EVERYWHERE, bindings_of, key_rows
from vsrpp_tui.screens.start.start import StartScreen
from vsrpp_tui.user.preferences import Preferences


def test_there_is_a_word_on_every_panel_and_none_is_too_long() -> None:
    assert [box.id for box in TrainingScreen()._places] == list(PANELS)
    keys = [(" ".join(keys), about) for kind in screens() for keys, about in (*key_rows(kind), *EVERYWHERE)]
    for name, about in (*keys, *WORDS, *(row for rows in PANELS.values() for row in rows)):
        assert len(name) < 14 and len(about) <= 56, about


def test_every_key_in_a_footer_says_what_it_does() -> None:
    for kind in (kind for kind in screens() if not issubclass(kind, ModalScreen)):
        bindings = [binding for bindings in bindings_of(kind).values() for binding in bindings]
        assert [binding.id for binding in bindings if binding.show and not binding.tooltip] == [], kind


def test_the_page_of_all_keys_is_what_the_bindings_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "regenerate it with python -m docs.keys"


def test_keys_are_listed_once_as_the_user_has_them() -> None:
    rows = dict(key_rows(StartScreen, {"resume": "space", "open": "F2"}))
    assert rows[("space",)] == "choose a checkpoint; enter resumes" and ("F2",) in rows
    assert rows[("l", "d")] and rows[("s",)], "a key that two actions take turns at is listed with the first"
    replay = dict(key_rows(ReplayScreen))
    assert replay[("←",)] == "back by 1 %" and ("S",) in replay and ("c",) not in replay


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_help_begins_with_the_panel_that_has_the_focus_or_the_screen(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    app = OpenedApp(tmp_path, preferences=Preferences(keymap={"pause": "space"}))
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        await pilot.press("question_mark")
        await until(pilot, lambda: "─ Keys and words ─" in on_screen(pilot))
        assert "space       pause between two steps; resume" in on_screen(pilot)
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
            app.push_screen(HelpScreen((), panel, panel.title()))
            await until(
                pilot, lambda: isinstance(pilot.app.screen, HelpScreen) and "· keys and words ─" in on_screen(pilot)
            )
            for _, told in PANELS[panel]:
                assert told in on_screen(pilot), panel
            await pilot.press("escape")
            await pilot.pause()
