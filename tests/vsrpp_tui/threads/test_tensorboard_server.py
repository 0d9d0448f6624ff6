import sys
import time
from pathlib import Path

import pytest

from vsrpp_tui.threads.tensorboard_server import TensorBoard

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("http://here", flush=True)
time.sleep(100)
"""


@pytest.mark.timeout(30)
def test_a_server_that_heeds_nothing_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vsrpp_tui.threads.tensorboard_server._command", lambda logs: [sys.executable, "-c", STUBBORN])
    monkeypatch.setattr("vsrpp_tui.threads.tensorboard_server.STOPPING_SECONDS", 0.2)
    server = TensorBoard()
    server.start(tmp_path)
    while not server.url:
        time.sleep(0.01)
    assert server.is_running and not server.is_overdue
    server.stop()
    assert not server.is_running
