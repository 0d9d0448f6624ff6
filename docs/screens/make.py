"""Draw the pictures of the documentation from a run's journal: what the screen showed, shown again.

make screens                     the demo's run, as `make demo` left it
python docs/screens/make.py RUN  another run
"""

import asyncio
import sys
from pathlib import Path

from textual.app import App, ComposeResult

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
SIZES = {"training": (120, 40), "training-80x24": (80, 24), "training-200x60": (200, 60)}
SHARE = 0.8
"""How far into the run the picture is taken: a screen in the middle of its work."""


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
        self.push_screen(TrainingScreen())


def state_within(run: RunFolder) -> RunState:
    """The state of the screen at SHARE of the journal's last session, taken when a validation had just been made."""
    events = list(journal.replay(run.journal))
    if not events:
        sys.exit(f"{run.journal} holds nothing; run `make demo` first, or name a run")
    last = max(i for i, event in enumerate(events) if isinstance(event, ev.SessionStarted))
    steps = [i for i in range(last, len(events)) if isinstance(events[i], ev.StepReported)]
    return replay(events[: steps[int(SHARE * (len(steps) - 1))] + 1])


async def draw(state: RunState, name: str, size: tuple[int, int]) -> None:
    app = Picture(state)
    async with app.run_test(size=size) as pilot:
        screen = app.screen
        assert isinstance(screen, TrainingScreen)
        await pilot.pause()
        screen.show(state)
        for _ in range(2):  # the charts appear with the first, and are drawn in their size with the second
            await pilot.pause(1.2)
            screen.show(state)
        path = HERE / f"{name}.svg"
        path.write_text(app.export_screenshot(title="VSR++"), encoding="utf-8")
        sys.stdout.write(f"{path}\n")


# screens opened by a key: settings, log, palette, replay

KEYS = {
    "settings": ("enter", "end", "0", "tab", "tab", "tab", "end", "0"),
    "log": ("l",),
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
        write(name, app.export_screenshot(title="VSR++"))


async def draw_replay(run: RunFolder, size: tuple[int, int]) -> None:
    app = ReplayApp(run.journal)
    async with app.run_test(size=size) as pilot:
        while app.player is None:
            await pilot.pause(0.1)
        await pilot.press("p", "end", *["left"] * round(100 * (1 - SHARE)))
        await pilot.pause(2.5)
        write("replay", app.export_screenshot(title="VSR++"))


def write(name: str, picture: str) -> None:
    path = HERE / f"{name}.svg"
    path.write_text(picture, encoding="utf-8")
    sys.stdout.write(f"{path}\n")


def draw_desk(run: RunFolder, state: RunState) -> None:
    for name in KEYS:
        asyncio.run(draw_opened(run, state, name, (100, 32)))
    asyncio.run(draw_replay(run, (100, 32)))


def main() -> None:
    run = RunFolder(Path(sys.argv[1]) if len(sys.argv) > 1 else demo_run_path())
    state = state_within(run)
    for name, size in SIZES.items():
        asyncio.run(draw(state, name, size))
    draw_desk(run, state)


if __name__ == "__main__":
    main()
