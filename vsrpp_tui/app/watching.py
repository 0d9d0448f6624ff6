"""Applications without a session: ``--replay`` of a recorded journal, ``--attach`` to a run of another process."""

import time
from pathlib import Path
from threading import Thread

from vsrpp_core.errors import UsageError
from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import journal
from vsrpp_tui.app.app import Farewell, VsrppApp
from vsrpp_tui.screens.run.tune import TuneScreen
from vsrpp_tui.screens.run.watching import (
    AttachedScreen,
    AttachedTuneScreen,
    ReadOnlyScreen,
    ReplayScreen,
    ReplayTuneScreen,
    WatchingScreen,
    attached_bar,
    replay_bar,
)
from vsrpp_tui.screens.start.start import Choice
from vsrpp_tui.state.replay import Player, Recording
from vsrpp_tui.threads.follower import Follower, journal_fault
from vsrpp_tui.threads.orders import Orders
from vsrpp_tui.user.preferences import Preferences


class ReplayApp(VsrppApp):
    """Plays a journal. There is nothing to steer, and nothing to save at the end."""

    def __init__(self, path: Path, preferences: Preferences | None = None) -> None:
        """``path``: an events.jsonl, or a run's folder that has one. Raises UsageError if there is none."""
        path = path / "events.jsonl" if path.is_dir() else path
        if not path.is_file():
            raise UsageError(f"{path} does not exist; name the events.jsonl of a run")
        super().__init__(Choice(path.absolute().parent, None), preferences)
        self._path = path.absolute()
        self._fault = ""
        self._player: Player | None = None
        self._pumped_at = 0.0
        self._replay_screen = ReplayScreen()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return False if action in ("settings", "mark", "finish", "detach") else super().check_action(action, parameters)

    def send(self, command: cmd.Command) -> None:
        raise AssertionError(f"{command} from a read-only screen")

    def farewell(self) -> Farewell:
        return Farewell()

    @property
    def journal(self) -> Path:
        return self._path

    @property
    def player(self) -> Player | None:
        """None while the journal is being read."""
        return self._player

    def first_screen(self) -> ReplayScreen:
        Thread(target=self._read, name="replay", daemon=True).start()
        return self._replay_screen

    def _read(self) -> None:
        try:
            recording = Recording(journal.replay(self._path))
        except Exception as error:
            self._fault = journal_fault(self._path, error)
            return
        if len(recording):
            self._player = Player(recording)
        else:
            self._fault = f"{self._path.name} has no event that this version knows"

    def pump(self) -> None:
        now = time.monotonic()
        passed, self._pumped_at = now - (self._pumped_at or now), now
        if self._player:
            self._player.advance(passed)
        self._redraw()

    def _redraw(self) -> None:
        if self._player:
            self.state = self._player.state
        self.show_state()
        for screen in self.screen_stack:
            if isinstance(screen, ReadOnlyScreen) and screen.is_mounted:
                position = self._player.position if self._player else None
                screen.show_bar(replay_bar(position, self._fault, screen.size.width))

    def search_screen(self) -> TuneScreen:
        return ReplayTuneScreen()

    def action_play(self) -> None:
        if self._player:
            self._player.toggle()
            self._redraw()

    def action_skip(self, share: float) -> None:
        if self._player:
            self._player.seek_by(share)
            self._redraw()

    def action_jump(self, share: float) -> None:
        if self._player:
            self._player.seek(round(share * self._player.position.total))
            self._redraw()

    def action_faster(self, by: int) -> None:
        if self._player:
            self._player.change_speed(by)
            self._redraw()


class AttachedApp(VsrppApp):
    """Follows the journal of a run and gives it commands; ends without any effect on it."""

    def __init__(self, run: Path, preferences: Preferences | None = None) -> None:
        """Raises UsageError if there is no such run."""
        if not run.is_dir():
            raise UsageError(f"{run} is not a run's folder; name one that is being trained")
        super().__init__(Choice(run.absolute(), None), preferences)
        self.follower = Follower(self.folder)
        self.orders = Orders(self.folder, self.follower)
        self._sent: set[int] = set()
        """Numbers of commands that are not answered yet."""
        self._attached_screen = AttachedScreen()
        self._attached_screen.silence = lambda: self.follower.silence

    def first_screen(self) -> AttachedScreen:
        self.follower.start()
        self.orders.start()
        return self._attached_screen

    def send(self, command: cmd.Command) -> None:
        self._sent.add(command.number)
        self.orders.send(command)

    def pump(self) -> None:
        self.state = self.follower.state
        self.show_state()
        self._tell_refusals()
        for screen in self.screen_stack:
            if isinstance(screen, WatchingScreen) and screen.is_mounted:
                screen.show_bar(attached_bar(self.follower, self.orders, screen.line_width))

    def _tell_refusals(self) -> None:
        """What this screen asked for and the run, or the way there, refused; others see it in their logs."""
        for answer in self.state.answers if self._sent else ():
            if answer.number in self._sent:
                self._sent.remove(answer.number)
                if not answer.accepted:
                    self.notify(f"{answer.command}: {answer.message}", severity="warning", markup=False)

    def search_screen(self) -> TuneScreen:
        return AttachedTuneScreen()

    def action_stop(self) -> None:
        """Ask first: on this screen every other way out leaves the run alone."""
        from vsrpp_tui.screens.shared.ask import AskScreen

        self.push_screen(
            AskScreen(
                "Stop the run?",
                "It is saved after the step in progress, and its process ends; it can continue from there.",
                "stop it",
                "go on",
            ),
            lambda sure: self.send(cmd.Stop()) if sure else None,
        )

    def farewell(self) -> Farewell:
        goes_on = self.follower.owner and not self.state.is_over
        return Farewell(message="the run goes on" if goes_on else "")
