"""The user's tui.toml: what it may say, what is told of what it may not, and that a theme is remembered."""

from pathlib import Path

import pytest
from textual.binding import Binding
from textual.screen import Screen

from tests.vsrpp_tui.opened import OpenedApp
from tests.vsrpp_tui.pilot import until
from vsrpp_core.errors import UsageError
from vsrpp_core.messages import commands as cmd
from vsrpp_tui.app.key_tables import key_tables, keys_of, screens
from vsrpp_tui.cli import main
from vsrpp_tui.screens.jobs.check import CheckScreen
from vsrpp_tui.screens.run.watching import ReplayScreen
from vsrpp_tui.screens.shared.help import HelpScreen
from vsrpp_tui.user.keys import KeyTable
from vsrpp_tui.user.preferences import Preferences, preferences_path, read_preferences, remember_theme
from vsrpp_tui.user.themes import THEMES


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "tui.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_key_of_a_screen_can_be_changed() -> None:
    for kind in screens():
        own = [one for one in vars(kind).get("BINDINGS", ()) if isinstance(one, Binding) and one not in Screen.BINDINGS]
        assert all(binding.id for binding in own), f"a key of {kind.__name__} has no id"


def test_the_tables_of_keys_are_the_screens_bindings() -> None:
    assert keys_of(ReplayScreen)["back"] == "left" and keys_of(ReplayScreen)["settings"] == "enter"
    assert keys_of(CheckScreen)["move_aside"] == "m" and keys_of(CheckScreen)["quit"] == "q"
    assert all(table["leave"] == "ctrl+c,ctrl+q" and table["palette"] == "ctrl+p" for table in key_tables())
    assert {ReplayScreen, CheckScreen, HelpScreen} < set(screens())


def test_without_keys_in_the_file_no_screen_is_loaded(tmp_path: Path) -> None:
    def loaded() -> list[KeyTable]:
        raise AssertionError("screens were loaded")

    assert read_preferences(written(tmp_path, 'theme = "vsrpp-light"'), loaded).theme == "vsrpp-light"


def test_without_a_file_all_is_as_usual(tmp_path: Path) -> None:
    assert read_preferences(tmp_path / "tui.toml", key_tables) == Preferences("vsrpp", {})


def test_theme_and_keys_are_read(tmp_path: Path) -> None:
    text = 'theme = "vsrpp-light"\npictures = "half cells"\n\n[keys]\npause = "space"\nhelp = "f1, ?"\n'
    keys = {"pause": "space", "help": "f1, ?"}
    assert read_preferences(written(tmp_path, text), key_tables) == Preferences("vsrpp-light", keys, "half cells")


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ('theme = "dark"', "line 1: theme = 'dark' is not one of vsrpp, vsrpp-light, vsrpp-contrast"),
        ("theme = 7", "line 1: theme = 7 is not one of"),
        ('pictures = "sixel"', "line 1: pictures = 'sixel' is not one of auto, half cells"),
        ("pictures = []", "line 1: pictures = [] is not one of"),
        ('colour = "x"', "line 1: colour is not known here"),
        ('keys = "x"', "line 1: keys is not a table"),
        ('[keys]\n\npaus = "x"', "line 3: paus is not an action; did you mean pause?"),
        ('[keys]\nzzz = "x"', "line 2: zzz is not an action; there are"),
        ("[keys]\npause = 7", "line 2: pause = 7 is not a key; write it as text"),
        ('[keys]\npause = "spaace"', "line 2: pause = 'spaace': 'spaace' is not a key"),
        ('[keys]\npause = "hyper+k"', "'hyper+k' is not a key"),
        ('[keys]\npause = ""', "'' is not a key"),
        ('[keys]\npause = "c"', "line 2: pause = 'c': c is the key of checkpoint"),
        ('[keys]\npause = "ctrl+p"', "ctrl+p is the key of palette"),
        ('[keys]\nmove_aside = "q"', "q is the key of quit"),
        ("theme =", "is not valid TOML"),
    ],
)
def test_what_cannot_be_is_told_with_its_place(tmp_path: Path, text: str, phrase: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(UsageError) as raised:
        read_preferences(path, key_tables)
    assert phrase in str(raised.value) and str(path) in str(raised.value) and "\n" not in str(raised.value)


def test_two_keys_may_be_exchanged(tmp_path: Path) -> None:
    path = written(tmp_path, '[keys]\npause = "c"\ncheckpoint = "p"\n')
    assert read_preferences(path, key_tables).keymap["pause"] == "c"


def test_a_fault_in_the_file_ends_the_program_as_wrong_usage(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    preferences_path().parent.mkdir(parents=True, exist_ok=True)
    preferences_path().write_text('[keys]\npaus = "x"\n')
    assert main([]) == 2
    told = capsys.readouterr().err
    assert told.startswith("vsrpp-tui: ") and "tui.toml, line 2: paus is not an action" in told


def test_a_theme_is_remembered_and_the_rest_of_the_file_stays(tmp_path: Path) -> None:
    path = written(tmp_path, '# mine\ntheme = "vsrpp"  # at night\n\n[keys]\npause = "space"\n')
    remember_theme(path, "vsrpp-light")
    assert path.read_text() == '# mine\ntheme = "vsrpp-light"  # at night\n\n[keys]\npause = "space"\n'
    remember_theme(tmp_path / "new" / "tui.toml", "vsrpp-contrast")
    assert read_preferences(tmp_path / "new" / "tui.toml", list).theme == "vsrpp-contrast"


async def test_another_key_does_what_the_usual_one_did(tmp_path: Path) -> None:
    app = OpenedApp(
        tmp_path, preferences=Preferences(keymap={"pause": "space", "help": "f1,k", "mark": "c", "checkpoint": "m"})
    )
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: getattr(app.screen, "state", None) is app.state)
        await pilot.press("p", "space", "m")
        await until(pilot, lambda: app.recording.commands == [cmd.Pause(), cmd.SaveCheckpoint()])
        await pilot.press("k")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))


@pytest.mark.parametrize("theme", THEMES)
async def test_every_theme_has_all_the_colours(tmp_path: Path, theme: str) -> None:
    app = OpenedApp(tmp_path, preferences=Preferences(theme))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        usual = THEMES["vsrpp"]
        assert app.theme == theme and set(THEMES[theme].variables) == set(usual.variables)
        await pilot.press("enter", "l")


async def test_without_colours_meaning_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = OpenedApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "● " in app.export_screenshot().replace("&#160;", " "))
        assert app.no_color
        colours = {
            segment.style.color.triplet
            for row in app.screen._compositor.render_strips()
            for strip in [row.apply_filter(filter, app.background_colors[0]) for filter in app.get_line_filters()]
            for segment in strip
            if segment.style and segment.style.color and segment.style.color.triplet
        }
        assert colours and all(red == green == blue for red, green, blue in colours)
