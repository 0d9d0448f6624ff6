"""Draw the pictures of the documentation: what the training screen showed, from a run's journal, and what the start
screen and those behind it show of that run now.

make screens                     the demo's run, as `make demo` left it
python docs/screens/make.py RUN  another run
"""

import asyncio
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from textual.app import App, ComposeResult
from tune import draw_search  # the file beside this one

from vsrpp_core.messages import events as ev
from vsrpp_core.messages import journal
from vsrpp_core.run.folder import RunFolder, demo_run_path
from vsrpp_tui.app import VsrppApp
from vsrpp_tui.screens.start import Choice
from vsrpp_tui.screens.training import TrainingScreen
from vsrpp_tui.state import RunState, replay
from vsrpp_tui.themes import THEME
from vsrpp_tui.watching import ReplayApp

HERE = Path(__file__).parent
SIZES = {"": (120, 40), "-80x24": (80, 24), "-200x60": (200, 60)}
VIEW_NAMES = {"overview": "training", "charts": "charts", "activity": "activity", "pictures": "pictures", "log": "log"}
TOO_LARGE = {"pictures-200x60"}
"""Pictures of so many coloured cells that the file would have megabytes."""

START_SIZES = {"": (120, 40), "-80x24": (80, 24)}
BEHIND_START = {"resume": ("f", "down"), "delete": ("l",)}
"""Keys that lead from the start screen to another one, by the name of its picture."""


class Picture(App[None]):
    """The training screen alone, showing one state."""

    CSS_PATH = Path(sys.modules[VsrppApp.__module__].__file__ or "").with_name("app.tcss")
    HORIZONTAL_BREAKPOINTS = VsrppApp.HORIZONTAL_BREAKPOINTS
    VERTICAL_BREAKPOINTS = VsrppApp.VERTICAL_BREAKPOINTS

    def __init__(self, state: RunState) -> None:
        super().__init__()
        self.state = state

    def compose(self) -> ComposeResult:
        yield from ()

    def on_mount(self) -> None:
        self.register_theme(THEME)
        self.theme = THEME.name
        self.push_screen(TrainingScreen(clock=lambda: self.state.step.time if self.state.step else 0.0))


def state_within(run: RunFolder) -> RunState:
    """The last state of the journal's last session before it ended, so that the pictures in the run are those it tells.

    A run that was stopped half-way shows a screen in the middle of its work.
    """
    events = list(journal.replay(run.journal))
    if not events:
        sys.exit(f"{run.journal} holds nothing; run `make demo` first, or name a run")
    last = max(i for i, event in enumerate(events) if isinstance(event, ev.SessionStarted))
    ends = (i for i in range(last, len(events)) if _is_the_end(events[i]))
    state = replay(events[: next(ends, len(events))])
    return replace(state, started=replace(state.started, run=str(run.path))) if state.started else state


def _is_the_end(event: ev.Event) -> bool:
    over = isinstance(event, (ev.SessionEnded, ev.SessionFailed))
    return over or (isinstance(event, ev.PhaseChanged) and event.phase == "stopping")


async def draw(state: RunState, view: str, name: str, size: tuple[int, int]) -> None:
    app = Picture(state)
    async with app.run_test(size=size) as pilot:
        screen = app.screen
        assert isinstance(screen, TrainingScreen)
        await pilot.pause()
        screen.show(state)
        screen.action_view(view)
        for _ in range(2):  # the charts appear with the first, and are drawn in their size with the second
            await pilot.pause(1.2)
            screen.show(state)
        write(app, name)


async def draw_start(run: RunFolder, ending: str, size: tuple[int, int]) -> None:
    """The start screen of ``run`` and those behind it, of which nothing is chosen."""
    app = VsrppApp(Choice(run.path, None, demo=run.path == demo_run_path()))
    async with app.run_test(size=size) as pilot:
        while app.loader is None or app.loader.is_alive():  # the run is read, then the device
            await pilot.pause(0.1)
        await pilot.pause(1)
        write(app, f"start{ending}")
        for name, keys in BEHIND_START.items():
            await pilot.press(*keys)
            await pilot.pause()
            write(app, f"{name}{ending}")
            await pilot.press("escape")


def write(app: App[Any], name: str) -> None:
    path = HERE / f"{name}.svg"
    path.write_text(app.export_screenshot(title="VSR++"), encoding="utf-8")
    sys.stdout.write(f"{path}\n")


# screens opened by a key: settings, log, palette, replay

REPLAY_LEFT = 20
"""Per cent of the run before its end at which the replay is drawn."""

KEYS = {
    "settings": ("enter", "end", "0", "tab", "tab", "tab", "end", "0"),
    "events": ("l",),
    "palette": ("ctrl+p",),
}


class Desk(VsrppApp):
    """The application at a session's training screen, without the session."""

    def __init__(self, run: RunFolder, state: RunState) -> None:
        super().__init__(Choice(run.path, None))
        self.state = state

    def first_screen(self) -> TrainingScreen:
        return TrainingScreen()

    def pump(self) -> None:
        self.show_state()


async def draw_opened(run: RunFolder, state: RunState, name: str, size: tuple[int, int]) -> None:
    """The screen that keys open, over the training screen."""
    app = Desk(run, state)
    async with app.run_test(size=size) as pilot:
        await pilot.pause(2.5)
        await pilot.press(*KEYS[name])
        await pilot.pause(1.0)
        write(app, name)


async def draw_replay(run: RunFolder, size: tuple[int, int]) -> None:
    app = ReplayApp(run.journal)
    async with app.run_test(size=size) as pilot:
        while app.player is None:
            await pilot.pause(0.1)
        await pilot.press("p", "end", *["left"] * REPLAY_LEFT)
        await pilot.pause(2.5)
        write(app, "replay")


def draw_desk(run: RunFolder, state: RunState) -> None:
    for name in KEYS:
        asyncio.run(draw_opened(run, state, name, (100, 32)))
    asyncio.run(draw_replay(run, (100, 32)))


def main() -> None:
    run = RunFolder(Path(sys.argv[1]) if len(sys.argv) > 1 else demo_run_path())
    state = state_within(run)
    for view, file in VIEW_NAMES.items():
        for suffix, size in SIZES.items():
            if (name := file + suffix) not in TOO_LARGE:
                asyncio.run(draw(state, view, name, size))
    for ending, size in START_SIZES.items():
        asyncio.run(draw_start(run, ending, size))
    draw_desk(run, state)
    draw_search()


if __name__ == "__main__":
    main()
