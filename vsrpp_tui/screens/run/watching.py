"""The screens of a run where nothing is trained here: a replay, which only shows, and a run of another process."""

from datetime import datetime
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from vsrpp_core.messages import commands as cmd
from vsrpp_tui.screens.run.training import TrainingScreen
from vsrpp_tui.screens.run.tune import TuneScreen
from vsrpp_tui.screens.shared.base_screen import BaseScreen
from vsrpp_tui.state.replay import Position
from vsrpp_tui.threads.follower import Follower
from vsrpp_tui.threads.orders import Orders
from vsrpp_tui.widgets.text import bar, duration

STEERING = ("pause", "checkpoint", "validate", "settings", "mark", "finish", "detach", "take", "measure", "by_hand")
"""Ids of the bindings that would steer a session."""

PLAYER: tuple[Binding, ...] = (
    Binding("p,space", "app.play", "Play/pause", id="pause", key_display="p", tooltip="pause the replay, and resume"),
    Binding("left", "app.skip(-0.01)", "Back", id="back", key_display="←", tooltip="back by 1 %"),
    Binding("right", "app.skip(0.01)", "Forward", id="forward", key_display="→", tooltip="forward by 1 %"),
    Binding("plus", "app.faster(1)", "Speed", id="faster", key_display="+ -", tooltip="faster, up to 1000 times"),
    Binding("minus", "app.faster(-1)", "Slower", show=False, id="slower", tooltip="slower, down to real time"),
    Binding("home", "app.jump(0)", "Start", show=False, id="first", tooltip="to the first event"),
    Binding("end", "app.jump(1)", "End", show=False, id="last", tooltip="to the last event"),
)


LEAVING: tuple[Binding, ...] = (
    Binding("q,d", "app.leave", "Leave", id="quit", key_display="q", tooltip="leave; the run goes on"),
    Binding("Q,shift+q", "app.stop", "Stop", id="stop", tooltip="save and end the run, wherever it is trained"),
)
"""Of an attached screen, in place of those that end the session."""


def _attached(screen: type[Screen[Any]]) -> list[BindingType]:
    """The bindings of a screen, with other ways out."""
    ids = {binding.id for binding in LEAVING} | {"detach"}
    own = [binding for binding in screen.BINDINGS if isinstance(binding, Binding) and binding.id not in ids]
    place = next(
        i for i, binding in enumerate(screen.BINDINGS) if isinstance(binding, Binding) and binding.id == "quit"
    )
    return [*Screen.BINDINGS, *own[:place], *LEAVING, *own[place:]]


def _read_only(screen: type[Screen[Any]]) -> list[BindingType]:
    """The bindings of a screen, in which keys that would steer the session say why they do not."""
    own = [binding for binding in screen.BINDINGS if isinstance(binding, Binding)]
    steering = {binding.id: binding for binding in reversed(own) if binding.id in STEERING}
    others = (binding for binding in own if binding.id not in steering)
    return [*map(_refused, steering.values()), *Screen.BINDINGS, *others]


def _refused(binding: Binding) -> Binding:
    action, name = f"refuse({binding.description!r})", binding.description
    return Binding(binding.key, action, name, show=False, id=binding.id, tooltip="nothing is trained here")


def _replayed(screen: type[Screen[Any]]) -> list[BindingType]:
    """As ``_read_only``, with the keys of the player; its ``p`` takes the place of the one that pauses training."""
    ids = {binding.id for binding in PLAYER}
    kept = (binding for binding in _read_only(screen) if not isinstance(binding, Binding) or binding.id not in ids)
    return [*PLAYER, *kept]


class WatchingScreen(BaseScreen[None]):
    """Mixed into a screen of a session: a line at its end says what is shown."""

    def __init__(self) -> None:
        super().__init__()
        self._bar = Static(id="watch-bar", markup=False)

    def body(self) -> ComposeResult:
        yield from super().body()
        yield self._bar

    def show_bar(self, content: Content) -> None:
        self._bar.update(content)


class ReadOnlyScreen(WatchingScreen):
    """Mixed into a screen that steers a session: no command leaves it."""

    def action_refuse(self, action: str) -> None:
        reason = "this is a replay of what was recorded; nothing is trained here"
        self.notify(f"{action}: {reason}", severity="warning", markup=False)

    def _order(self, command: cmd.Command, asked: str) -> None:
        """Send nothing, whatever key or click it came by."""


class AttachedScreen(WatchingScreen, TrainingScreen, inherit_bindings=False):
    """The training of another process: steered as if it were this one's, except that leaving leaves it alone."""

    BINDINGS: ClassVar[list[BindingType]] = _attached(TrainingScreen)


class AttachedTuneScreen(WatchingScreen, TuneScreen, inherit_bindings=False):
    """The search for a network in a run of another process."""

    BINDINGS: ClassVar[list[BindingType]] = _attached(TuneScreen)


class ReplayScreen(ReadOnlyScreen, TrainingScreen, inherit_bindings=False):
    """The training in a recording."""

    BINDINGS: ClassVar[list[BindingType]] = _replayed(TrainingScreen)

    def __init__(self) -> None:
        super().__init__()
        self.silence = lambda: 0.0  # nobody trains who could be silent


class ReplayTuneScreen(ReadOnlyScreen, TuneScreen, inherit_bindings=False):
    """The search in a recording."""

    BINDINGS: ClassVar[list[BindingType]] = _replayed(TuneScreen)

    def __init__(self) -> None:
        super().__init__()
        self._table.can_focus = False


def attached_bar(follower: Follower, orders: Orders, width: int) -> Content:
    """Who trains the run, when the last event came, and whether the keys steer it; in ``width`` cells the most
    important of it.
    """
    if follower.fault:
        return _bar("ATTACHED", Content.styled(follower.fault, "$error"))
    if not follower.caught_up:
        return _bar("ATTACHED", Content("reading the journal …"))
    who = f"process {follower.owner} trains it" if follower.owner else "no process trains it now"
    last = f"last event {duration(follower.silence)} ago" if follower.has_events else "no event yet"
    told = [(who, "" if follower.owner else "$warning"), (last, "$secondary")]
    if follower.owner and not orders.is_connected:
        told.append(("takes no commands", "$warning"))
    for left_out in (last, who):
        joined = _bar("ATTACHED", Content.styled(" · ", "$secondary").join(Content.styled(*part) for part in told))
        if joined.cell_length <= width or len(told) == 1:
            return joined
        told = [part for part in told if part[0] != left_out]
    return _bar("ATTACHED", Content.styled(*told[0]))


def replay_bar(position: Position | None, fault: str, width: int) -> Content:
    """Where the replay is, in ``width`` cells; None while the journal is being read."""
    if fault:
        return _bar("REPLAY", Content.styled(fault, "$error"))
    if position is None:
        return _bar("REPLAY", Content("reading the journal …"))
    sign = "▶" if position.playing else "❚❚"
    left = f"{sign:<2} {position.speed:>4}×"
    moment = f"{datetime.fromtimestamp(position.time):%Y-%m-%d %H:%M:%S}" if position.time else f"{'':19}"
    right = f"{int(100 * position.share):>3} %  {moment}"
    room = width - len(left) - len(right) - len(" REPLAY ") - 8
    if room < 1:  # the time of day, without the day
        right, room = right.replace(moment, moment[-8:]), room + len(moment) - 8
    return _bar("REPLAY", Content.assemble(left, "  ", bar(position.share, room, "$primary"), "  ", right))


def _bar(label: str, content: Content) -> Content:
    return Content.assemble((f" {label} ", "bold reverse"), "  ", content)
