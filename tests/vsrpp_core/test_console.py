import os
import signal

import pytest

from vsrpp_core.console import _stop_on_signals
from vsrpp_core.messages.commands import CommandQueue, Stop


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_asks_the_session_to_stop(number: signal.Signals) -> None:
    commands, before = CommandQueue(), signal.getsignal(number)
    with _stop_on_signals(commands):
        os.kill(os.getpid(), number)
        assert commands.get(timeout=5) == Stop()
    assert signal.getsignal(number) is before


def test_a_second_interrupt_gives_up_at_once_and_a_second_hang_up_does_not() -> None:
    with pytest.raises(KeyboardInterrupt), _stop_on_signals(CommandQueue()):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGINT)
