from pathlib import Path

from tests.helpers import make_event
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.events import Event, WarningRaised
from vsrpp_core.sinks.sink import RETRY_SECONDS, SinkGroup


class Listener:
    def __init__(self, name: str = "a", works: bool = True) -> None:
        self.path, self.works = Path(name), works
        self.heard, self.missed, self.tried, self.closed = 0, 0, 0, 0

    def handle(self, event: Event) -> None:
        self._work()
        self.heard += 1

    def miss(self, event: Event) -> None:
        self.missed += 1

    def retry(self) -> None:
        self.tried += 1
        self._work()

    def close(self) -> None:
        self.closed += 1
        self._work()

    def _work(self) -> None:
        if not self.works:
            raise OSError(28, "No space left on device")


class Group:
    """Three sinks of which the second is of interest, and a clock that is set by hand."""

    def __init__(self) -> None:
        self.first, self.middle, self.last = Listener("first"), Listener("middle"), Listener("last")
        self.now = 100.0
        self.group = SinkGroup((self.first, self.middle, self.last), clock=lambda: self.now)

    def send(self, event: Event | None = None) -> list[str]:
        return [warning.message for warning in self.group.handle(event or make_event(WarningRaised))]


FAILURE = "middle cannot be written (No space left on device); make room there: it is tried again every 5 seconds"


def test_a_failing_sink_is_told_once_and_the_others_go_on() -> None:
    group = Group()
    group.middle.works = False
    assert [group.send(), group.send(), group.send()] == [[FAILURE], [], []]
    assert (group.first.heard, group.middle.missed, group.last.heard) == (3, 3, 3)
    assert group.middle.tried == 0, "not at every event"


def test_a_failing_sink_is_tried_again_now_and_then_until_it_works() -> None:
    group = Group()
    group.middle.works = False
    group.send()
    for _ in range(3):
        group.now += RETRY_SECONDS
        assert [group.send(), group.send()] == [[], []]
    assert group.middle.tried == 3 and group.middle.missed == 7
    group.middle.works = True
    assert group.send() == [], "not yet"
    group.now += RETRY_SECONDS
    assert [group.send(), group.send()] == [["middle is written again"], []]
    assert group.middle.heard == 2 and group.middle.tried == 4
    group.middle.works = False
    assert group.send() == [FAILURE]


def test_the_last_event_of_a_session_is_tried_in_any_case() -> None:
    for kind in (ev.SessionEnded, ev.SessionFailed):
        group = Group()
        group.middle.works = False
        group.send()
        group.middle.works = True
        assert group.send(make_event(kind)) == ["middle is written again"] and group.middle.heard == 1


def test_a_fault_that_is_not_room_asks_to_look_at_the_disk() -> None:
    group = Group()
    group.first.handle = lambda event: (_ for _ in ()).throw(OSError(5, "Input/output error"))  # type: ignore[method-assign]
    assert "first cannot be written (Input/output error); check that disk: it is tried" in group.send()[0]


def test_a_sink_that_cannot_be_closed_keeps_no_other_open() -> None:
    broken, last = Listener(works=False), Listener()
    SinkGroup((broken, last)).close()
    assert last.closed == 1
