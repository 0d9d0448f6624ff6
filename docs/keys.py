"""Write docs/keys.md: every key, read from the bindings of the screens.

make screens            this page, and all pictures
python -m docs.keys     this page alone

tests/vsrpp_tui/screens/test_help.py holds the page to what this writes.
"""

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

from textual.screen import Screen

from vsrpp_tui.screens.jobs.check import CheckScreen
from vsrpp_tui.screens.jobs.upscale_form import UpscaleForm
from vsrpp_tui.screens.run.log import LogScreen
from vsrpp_tui.screens.run.settings import SettingsScreen
from vsrpp_tui.screens.run.training import TrainingScreen
from vsrpp_tui.screens.run.tune import TuneScreen
from vsrpp_tui.screens.run.watching import LEAVING, PLAYER
from vsrpp_tui.screens.shared.key_rows import EVERYWHERE, KeyRow, key_rows, written
from vsrpp_tui.screens.shared.table import TableScreen
from vsrpp_tui.screens.start.compare import CompareScreen
from vsrpp_tui.screens.start.start import StartScreen

PAGE = Path(__file__).parent / "keys.md"

INTRODUCTION = (
    "`?` shows those of the screen and what its words mean, beginning with the panel that has the focus; `ctrl+p` "
    "finds each action by its name, and the mouse presses what is written. The footer names the keys that apply now. "
    "This page is written by `python -m docs.keys`."
)

PLAYER_ROWS, LEAVING_ROWS = (
    tuple((tuple(written(key.key)), str(key.tooltip)) for key in keys) for keys in (PLAYER, LEAVING)
)

SECTIONS: tuple[tuple[str, str, type[Screen[Any]] | Sequence[KeyRow], str], ...] = (
    ("Everywhere", "", EVERYWHERE, ""),
    (
        "Start screen",
        "Three of its actions have German names: Fortsetzen (resume), Löschen (delete), Wiederherstellen (restore).",
        StartScreen,
        "On a GPU a fresh run begins with auto-tune where it has no settings yet. Deleting first lists what it takes, "
        "and moves it into the run's `.trash/`.",
    ),
    (
        "Runs compared",
        "`space` marks recent runs on the start screen, and `o` compares them with the one shown there; they may be "
        "training.",
        CompareScreen,
        "",
    ),
    (
        "Tables: checkpoints, the trash, networks",
        "",
        TableScreen,
        "From an older checkpoint the steps after it are trained again; the newer checkpoints move into the trash "
        "first.",
    ),
    (
        "Forms",
        "Every field is checked as you type, by the rules of the command line.",
        UpscaleForm,
        "For a network `ctrl+o` begins among those of the run.",
    ),
    (
        "Upscaling, preparing and checking",
        "",
        CheckScreen,
        "The detail shows where LR and KI differ most. Whatever ends an upscaling or a preparation, the same form "
        "resumes it, and so does the command that is shown at the end.",
    ),
    (
        "Auto-tune",
        "",
        TuneScreen,
        "Each row fills as it is measured: seconds a step against the limit, memory as a bar with the limit marked. "
        "The first that passes is taken after a minute (`tune.offer_seconds`), so a night is not lost; where none "
        "passes the screen says what came closest.",
    ),
    ("Training", "", TrainingScreen, "Screenshots go into the run's `screenshots/`."),
    ("Settings while training", "", SettingsScreen, ""),
    ("Log", "", LogScreen, ""),
    (
        "A run of another process",
        "`vsrpp-tui --attach RUN`, or `vsrpp-tui RUN` while it is being trained. The keys are those of the training "
        "screen, but for:",
        LEAVING_ROWS,
        "",
    ),
    ("Replay", "Beside the keys of the training screen that steer nothing:", PLAYER_ROWS, ""),
)
"""Of each: heading, what stands before the keys, the screen or the keys themselves, what stands after them."""

CONCLUSION = """\
## Other keys, and the theme

They are yours to choose, in `~/.config/vsrpp/tui.toml` (on macOS and Windows where such files belong there):

```toml
theme = "vsrpp-light"     # or vsrpp, vsrpp-contrast, vsrpp-cvd; the palette changes it too
pictures = "half cells"   # also where the terminal shows pixels: Kitty, Ghostty, and in tmux with allow-passthrough on

[keys]
pause = "space"
log = "f2, e"
```
"""


def page() -> str:
    """The text of docs/keys.md."""
    sections = (part for title, *rest in SECTIONS for part in (f"## {title}", *map(_text, rest)) if part)
    return "\n\n".join(("# Keys", _text(INTRODUCTION), *sections, CONCLUSION))


def _text(part: str | type[Screen[Any]] | Sequence[KeyRow]) -> str:
    if isinstance(part, str):
        return fill(part, 118, break_on_hyphens=False)
    return _table(key_rows(part) if isinstance(part, type) else part)


def _table(rows: Sequence[KeyRow]) -> str:
    return "\n".join(("| key | does |", "|---|---|", *(f"| {_quoted(keys)} | {about} |" for keys, about in rows)))


def _quoted(names: Sequence[str]) -> str:
    return " ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
