"""A crash below Python leaves a word: in a process of its own, as it ends that process."""

import faulthandler
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vsrpp_core.run.crash_dump import crash_name, dump_crashes, read_crash
from vsrpp_core.run.folder import RunFolder

CRASH = """
import os, sys
from pathlib import Path
from vsrpp_core.run.crash_dump import dump_crashes
with dump_crashes(Path(sys.argv[1])):
    os.kill(os.getpid(), int(sys.argv[2]))
"""


@pytest.fixture(autouse=True)
def crashes_of_tests() -> Iterator[None]:
    """Back to where pytest has them written."""
    yield
    faulthandler.enable(sys.__stderr__ or sys.stderr)


@pytest.mark.parametrize(
    ("number", "name"),
    [(signal.SIGSEGV, "Segmentation fault"), (signal.SIGABRT, "Aborted"), (signal.SIGBUS, "Bus error")],
)
def test_a_crash_says_what_it_was_and_where(tmp_path: Path, number: int, name: str) -> None:
    folder = RunFolder(tmp_path)
    ended = subprocess.run([sys.executable, "-c", CRASH, str(folder.crash_log), str(int(number))], check=False)
    assert ended.returncode == -number
    assert crash_name(read_crash(folder.crash_log)) == name == folder.summary().crash
    assert "most recent call first" in read_crash(folder.crash_log)


def test_what_ends_well_leaves_nothing(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with dump_crashes(folder.crash_log):
        assert folder.crash_log.exists() and folder.summary().crash == ""
    assert not folder.crash_log.exists() and read_crash(folder.crash_log) == ""
