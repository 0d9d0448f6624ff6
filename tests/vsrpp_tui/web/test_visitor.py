"""The program behind a visitor's browser, driven by packets as the server sends them, and by the server's end."""

import os
import select
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

import pytest

from tests.preloaded import Preloaded
from tests.vsrpp_tui.conftest import started, step
from tests.vsrpp_tui.web.stand_in import packet
from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.journal import JournalWriter
from vsrpp_core.remote.channel import Channel
from vsrpp_core.run.folder import RunFolder

SECONDS = 60
PHONE = {"COLUMNS": "45", "ROWS": "36"}


@contextmanager
def visitor(run: Path) -> Iterator[Preloaded]:
    words = [sys.executable, "-m", "vsrpp_tui.web.visitor", str(run)]
    with Preloaded(words, stdin=-1, stdout=-1, stderr=-3, env={**os.environ, **PHONE}) as process:
        try:
            yield process
        finally:
            process.kill()


def read_until(process: Preloaded, text: bytes) -> bytes:
    """What it has sent once ``text`` is part of it."""
    assert process.stdout
    drawn, end = b"", time.monotonic() + SECONDS
    while text not in drawn:
        assert select.select([process.stdout], [], [], end - time.monotonic())[0], drawn[-2000:]
        new = os.read(process.stdout.fileno(), 65536)
        assert new, drawn[-2000:]
        drawn += new
    return drawn


@pytest.fixture
def run(tmp_path: Path) -> Path:
    with JournalWriter(tmp_path / "events.jsonl", step_every=1) as writer:
        for event in (started(), step(5), ev.PhaseChanged(phase="training", step=5)):
            writer.handle(event)
    return tmp_path


def test_a_visitor_steers_the_run_and_leaves(run: Path) -> None:
    folder, taken = RunFolder(run), SimpleQueue[cmd.Command]()
    with folder.lock(), Channel(folder.socket, taken.put), visitor(run) as process:
        assert process.stdin
        drawn = read_until(process, b"trains it")
        assert drawn.startswith(b"__GANGLION__\n") and b"too small" not in drawn
        process.stdin.write(
            packet(b"M", b'{"type": "resize", "width": 44, "height": 36}') + packet(b"D", b"\xff\x1b[M")
        )
        process.stdin.flush()
        read_until(process, b"too small")
        process.stdin.write(packet(b"D", b"   ") + packet(b"D", b"p"))  # the rest of a mouse report, then a key
        process.stdin.flush()
        assert isinstance(taken.get(timeout=SECONDS), cmd.Pause)
        process.stdin.write(packet(b"D", b"q"))
        process.stdin.flush()
        read_until(process, packet(b"M", b'{"type": "exit"}'))
        assert process.wait(SECONDS) == 0
        assert taken.empty()


def test_a_visitor_whose_server_is_gone_ends(run: Path) -> None:
    with visitor(run) as process:
        read_until(process, b"no process trains")
        assert process.stdin and process.stdout
        process.stdin.close()
        process.stdout.close()
        assert process.wait(SECONDS) == 0
