"""The training screen where nothing is trained here: a replay, or a run of another process. It only looks."""

import time
from datetime import datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from vsrpp_core.messages import commands as cmd
from vsrpp_tui.screens.run.training import TrainingScreen
from vsrpp_tui.screens.run.tune import TuneScreen
from vsrpp_tui.state.replay import Position
from vsrpp_tui.threads.follower import Follower
from vsrpp_tui.widgets.text import bar, duration

REFUSED = ("pause", "checkpoint", "validate", "settings", "mark")
STEERING = ("take", "measure", "by_hand")
MOVING = ("pause", "back", "forward", "faster", "slower", "first", "last")


def _kept() -> list[BindingType]:
    """The training screen's keys that steer nothing, and those that every screen has."""
    own = (binding for binding in TrainingScreen.BINDINGS if isinstance(binding, Binding))
    return [*Screen.BINDINGS, *(binding for binding in own if binding.id not in REFUSED)]


def _kept_of_search() -> list[BindingType]:
    own = (binding for binding in TuneScreen.BINDINGS if isinstance(binding, Binding))
    return [*Screen.BINDINGS, *(binding for binding in own if binding.id not in STEERING)]


def _refused(key: str, action: str, id: str) -> Binding:
    return Binding(key, f"refuse({action!r})", action, show=False, id=id, tooltip="nothing is trained here")


class WatchingScreen(TrainingScreen, inherit_bindings=False):
    """Keys that would steer the training say why they do not."""

    BINDINGS: ClassVar[list[BindingType]] = [
        _refused("p", "Pause", "pause"),
        _refused("c", "Checkpoint", "checkpoint"),
        _refused("v", "Validate", "validate"),
        _refused("enter", "Settings", "settings"),
        _refused("m", "Mark", "mark"),
        *_kept(),
    ]
    REASON = "another process trains this run; steer it from its own terminal"

    def __init__(self) -> None:
        super().__init__()
        self._bar = Static(id="watch-bar", markup=False)

    def body(self) -> ComposeResult:
        yield from super().body()
        yield self._bar

    def action_refuse(self, action: str) -> None:
        self.notify(f"{action}: {self.REASON}", severity="warning", markup=False)

    def _order(self, command: cmd.Command, asked: str) -> None:
        """No command leaves this screen, whatever key it came by."""
        self.action_refuse(command.name)

    def tell(self, follower: Follower) -> None:
        """Who trains the run, and when it was last heard of."""
        self._bar.update(_attached(follower))


class ReplayScreen(WatchingScreen, inherit_bindings=False):
    """Arrows move through the recording."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p,space", "app.play", "Play/pause", id="pause", key_display="p", tooltip="stand still, and go on"),
        Binding("left", "app.skip(-0.01)", "Back", id="back", key_display="←", tooltip="back by 1 %"),
        Binding("right", "app.skip(0.01)", "Forward", id="forward", key_display="→", tooltip="forward by 1 %"),
        Binding("plus", "app.faster(1)", "Speed", id="faster", key_display="+ -", tooltip="faster, up to 1000 times"),
        Binding("minus", "app.faster(-1)", "Slower", show=False, id="slower", tooltip="down to as it was"),
        Binding("home", "app.jump(0)", "Start", show=False, id="first", tooltip="to the first event"),
        Binding("end", "app.jump(1)", "End", show=False, id="last", tooltip="to the last event"),
        *WatchingScreen.BINDINGS[1:],  # all but its p
    ]
    REASON = "this is a replay of what was recorded; nothing is trained here"

    def tell_position(self, position: Position | None, fault: str) -> None:
        """Where the replay is; None while the journal is being read."""
        self._bar.update(_replayed(position, fault, self.size.width))


class WatchedTuneScreen(TuneScreen, inherit_bindings=False):
    """The search for a network in a run of another process."""

    BINDINGS: ClassVar[list[BindingType]] = [
        _refused("enter", "Take it", "take"),
        _refused("m", "Measure", "measure"),
        _refused("escape", "Set by hand", "by_hand"),
        *_kept_of_search(),
    ]
    REASON = WatchingScreen.REASON

    def __init__(self) -> None:
        super().__init__()
        self._bar = Static(id="watch-bar", markup=False)
        self._table.can_focus = False

    def body(self) -> ComposeResult:
        yield from super().body()
        yield self._bar

    def action_refuse(self, action: str) -> None:
        self.notify(f"{action}: {self.REASON}", severity="warning", markup=False)

    def _order(self, command: cmd.Command, asked: str) -> None:
        """No command leaves this screen, whatever key or click it came by."""

    def tell(self, follower: Follower) -> None:
        self._bar.update(_attached(follower))


class ReplayTuneScreen(WatchedTuneScreen, inherit_bindings=False):
    """The search in a recording: the keys are those of the replay."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(binding for binding in ReplayScreen.BINDINGS if isinstance(binding, Binding) and binding.id in MOVING),
        *WatchedTuneScreen.BINDINGS,
    ]
    REASON = ReplayScreen.REASON

    def tell_position(self, position: Position | None, fault: str) -> None:
        self._bar.update(_replayed(position, fault, self.size.width))


def _attached(follower: Follower) -> Content:
    if follower.fault:
        return _bar("ATTACHED", Content.styled(follower.fault, "$error"))
    if not follower.caught_up:
        return _bar("ATTACHED", Content("reading the journal …"))
    who = f"process {follower.owner} trains it" if follower.owner else "no process trains it now"
    last = f"last event {duration(time.time() - follower.last_event)} ago" if follower.last_event else "no event yet"
    style = "" if follower.owner else "$warning"
    return _bar("ATTACHED", Content.assemble((who, style), (f" · {last} · read-only", "$secondary")))


def _replayed(position: Position | None, fault: str, width: int) -> Content:
    if fault:
        return _bar("REPLAY", Content.styled(fault, "$error"))
    if position is None:
        return _bar("REPLAY", Content("reading the journal …"))
    sign = "▶" if position.playing else "❚❚"
    left = f"{sign:<2} {position.speed:>4}×"
    moment = f"{datetime.fromtimestamp(position.time):%d.%m.%Y %H:%M:%S}" if position.time else f"{'':19}"
    right = f"{int(100 * position.share):>3} %  {moment}"
    room = width - len(left) - len(right) - len(" REPLAY ") - 8
    return _bar("REPLAY", Content.assemble(left, "  ", bar(position.share, room, "$primary"), "  ", right))


def _bar(label: str, told: Content) -> Content:
    return Content.assemble((f" {label} ", "bold reverse"), "  ", told)
