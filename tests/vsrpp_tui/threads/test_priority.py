"""Threads that compute stand back for the screen's."""

import os
import sys
import threading

import pytest

from vsrpp_tui.threads.priority import NICENESS, lower_priority

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere niceness is the whole process's")


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_a_thread_stands_back_with_those_it_starts_and_no_other() -> None:
    before, found = niceness(), {}

    def compute() -> None:
        lower_priority()
        found["own"] = niceness()
        started = threading.Thread(target=lambda: found.update(started=niceness()))
        started.start()
        started.join()

    thread = threading.Thread(target=compute)
    thread.start()
    thread.join()
    expected = min(before + NICENESS, 19)
    assert found == {"own": expected, "started": expected} and niceness() == before


def test_where_it_is_forbidden_the_work_is_done_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "setpriority", forbidden)
    lower_priority()
