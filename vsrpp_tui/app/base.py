"""What the application offers on every screen of a run: settings, marks, the log, pictures of the screen, themes.

Apart from app.py, which is about sessions and how they end.
"""

import asyncio
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import ClassVar, TypeVar

from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.command import Provider
from textual.driver import Driver
from textual.filter import LineFilter, Monochrome
from textual.reactive import reactive
from textual.worker import Worker

from vsrpp_core.errors import VsrppError
from vsrpp_core.messages import commands as cmd
from vsrpp_core.run.folder import RunFolder
from vsrpp_tui.screens.shared.messages import CommandWanted
from vsrpp_tui.state.run import RunState
from vsrpp_tui.terminal.driver import ResilientDriver
from vsrpp_tui.terminal.graphics import Answered, Graphics, Interview
from vsrpp_tui.user.preferences import HALF_CELLS, Preferences, preferences_path, remember_theme
from vsrpp_tui.user.themes import THEMES

T = TypeVar("T")

TMUX_SECONDS = 5.0
"""Between two questions which terminal looks at it."""


def _actions() -> type[Provider]:
    from vsrpp_tui.app.palette import Actions

    return Actions


class GreyscaleFilter(Monochrome):
    """What NO_COLOR does. Textual's own filter fails at text without a style, which some widgets draw."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return super().apply([Segment(s.text, s.style or Style.null(), s.control) for s in segments], background)


class RunApp(App[T]):
    """An application with the user's theme and keys, a command palette, and a run whose state it shows."""

    COMMANDS = {_actions}  # noqa: RUF012  as Textual declares it
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+p", "command_palette", "Palette", show=False, priority=True, id="palette"),
    ]

    state: RunState
    graphics: reactive[Graphics | None] = reactive(None)
    """How the terminal shows pictures pixel by pixel; None where they are half cells."""

    def __init__(self, preferences: Preferences, driver_class: type[Driver] | None = None) -> None:
        if not os.environ.get("NO_COLOR"):  # no-color.org: empty means unset, but Textual would obey it
            os.environ.pop("NO_COLOR", None)
        super().__init__(driver_class=driver_class)
        for theme in THEMES.values():  # before the stylesheet is read, or it would be read twice
            self.register_theme(theme)
        self.theme = preferences.theme
        self._preferences = preferences
        self._greyscale = GreyscaleFilter()
        self._interview = Interview()

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [self._greyscale if isinstance(kind, Monochrome) else kind for kind in super().get_line_filters()]

    @property
    def folder(self) -> RunFolder:
        """The run that is shown."""
        raise NotImplementedError

    @property
    def journal(self) -> Path:
        """Its events."""
        return self.folder.journal

    def send(self, command: cmd.Command) -> None:
        """Give the session a command."""
        raise NotImplementedError

    def on_command_wanted(self, message: CommandWanted) -> None:
        self.send(message.command)

    def on_load(self) -> None:
        self.set_keymap(self._preferences.keymap)

    def on_app_focus(self) -> None:
        """Another terminal may look at this tmux now."""
        self._ask()

    def on_resize(self) -> None:
        """Its cells may have another size."""
        self._ask()

    def _ask(self) -> None:
        """A picture's cells name it by their colour, so none may be changed."""
        if (
            isinstance(self._driver, ResilientDriver)
            and self._preferences.pictures != HALF_CELLS
            and self.console.color_system == "truecolor"
            and not self.no_color
        ):
            self._driver.ask()

    def on_answered(self, message: Answered) -> None:
        self._interview.hear(message.text)

        async def decide() -> None:
            self.graphics = await asyncio.to_thread(self._interview.graphics)
            if self._interview.may_change:
                await asyncio.sleep(TMUX_SECONDS)  # or until it answers
                self._ask()

        _: Worker[None] = self.run_worker(decide, group="graphics", exclusive=True)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        match action:
            case "settings" | "mark" | "finish" | "detach":
                from vsrpp_tui.screens.run.training import WORKING

                return True if self.state.phase in WORKING else None
            case _:
                return super().check_action(action, parameters)

    def action_settings(self) -> None:
        from vsrpp_tui.screens.run.settings import SettingsScreen

        try:
            self.push_screen(SettingsScreen(self.folder.config, self.state))
        except VsrppError as error:
            self.notify(str(error), severity="error", markup=False)

    def action_mark(self) -> None:
        from vsrpp_tui.screens.run.mark import MarkScreen

        self.push_screen(MarkScreen(self.state.current_step), lambda text: self.send(cmd.Mark(text)) if text else None)

    def action_finish(self) -> None:
        """Ask how long, or where the run is finishing already, whether to take that back."""
        from vsrpp_tui.screens.run.finish import FinishScreen
        from vsrpp_tui.screens.shared.ask import AskScreen

        started = self.state.started
        if started and started.finish_from:
            self.push_screen(
                AskScreen(
                    "Stop finishing?",
                    f"The learning rate falls until step {started.max_steps:,}, where the run ends. If that is taken "
                    f"back, rate and end are as planned before: step {started.planned_steps:,}.",
                    "take it back",
                    "keep finishing",
                ),
                lambda sure: self.send(cmd.CancelFinish()) if sure else None,
            )
        else:
            self.push_screen(FinishScreen(self.state), lambda command: self.send(command) if command else None)

    def action_log(self) -> None:
        from vsrpp_tui.screens.run.log import LogScreen

        self.push_screen(LogScreen(self.journal, self.state))

    def action_keep_screen(self) -> None:
        """Save a screenshot in the run's folder."""
        folder = self.folder.screenshots
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path = _unused(folder, f"{datetime.now():%Y-%m-%d_%H-%M-%S}")
            path.write_text(self._in_cells(), encoding="utf-8")
        except OSError as error:
            fault = f"the screenshot cannot be written to {folder} ({error.strerror}); check space and permissions"
            self.notify(fault, severity="error", markup=False)
        else:
            self.notify(f"screenshot saved to {path}", markup=False)

    def _in_cells(self) -> str:
        """The screen as SVG. Pixels are the terminal's, so pictures are half cells in it."""
        from vsrpp_tui.widgets.pictures.canvas import PictureCanvas  # loads an image library

        canvases = self.screen.query(PictureCanvas)
        for canvas in canvases:
            canvas.show_cells(True)
        try:
            return self.export_screenshot(title=f"VSR++  {self.folder.name}")
        finally:
            for canvas in canvases:
                canvas.show_cells(False)

    def action_set_theme(self, name: str) -> None:
        """Change the theme and remember it."""
        self.theme = name
        try:
            remember_theme(preferences_path(), name)
        except VsrppError as error:
            self.notify(str(error), severity="warning", markup=False)


def _unused(folder: Path, name: str) -> Path:
    """A path of this name that does not exist yet: two screenshots may be taken in one second."""
    path, number = folder / f"{name}.svg", 1
    while path.exists():
        number += 1
        path = folder / f"{name}_{number}.svg"
    return path
