from tests.helpers import make_event
from vsrpp_core.messages.events import Event, WarningRaised
from vsrpp_core.sinks.sink import SinkGroup


class Listener:
    def __init__(self, works: bool = True) -> None:
        self.works, self.heard, self.closed = works, 0, 0

    def handle(self, event: Event) -> None:
        self.heard += 1
        if not self.works:
            raise OSError(28, "No space left on device")

    def close(self) -> None:
        self.closed += 1
        if not self.works:
            raise OSError(28, "No space left on device")


class Broken(Listener):
    pass


def test_a_failing_sink_is_given_up_with_one_warning_and_the_others_go_on() -> None:
    first, broken, last = Listener(), Broken(works=False), Listener()
    group = SinkGroup((first, broken, last))
    warnings = [warning for _ in range(3) for warning in group.handle(make_event(WarningRaised))]
    assert [warning.message for warning in warnings] == ["Broken is given up: [Errno 28] No space left on device"]
    assert (first.heard, broken.heard, last.heard) == (3, 1, 3)
    assert broken.closed == 1


def test_a_sink_that_cannot_be_closed_keeps_no_other_open() -> None:
    broken, last = Broken(works=False), Listener()
    SinkGroup((broken, last)).close()
    assert last.closed == 1
