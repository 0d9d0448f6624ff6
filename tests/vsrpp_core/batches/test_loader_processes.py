"""What signals do to the processes beside the main one: a small program of its own, in a process group of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing import spawn
from pathlib import Path

import psutil
import pytest

from benchmarks.rig.ending import lives
from vsrpp_core.batches.loader_processes import without_main

PROGRAM = """
import multiprocessing, os, sys, time
from vsrpp_core.batches.loader_processes import begin_reading, start_server

def read():
    begin_reading(0)
    print(os.getpid(), flush=True)
    time.sleep(60)

if __name__ == "__main__":
    start_server()
    reader = multiprocessing.get_context("forkserver").Process(target=read, daemon=True)
    reader.start()
    for line in sys.stdin:
        reader.terminate()
        reader.join(10)
        print(reader.exitcode, flush=True)
"""
Program = subprocess.Popen[str]


def test_a_process_started_without_main_does_not_begin_the_script_again() -> None:
    main = sys.modules["__main__"]
    with without_main():
        told = spawn.get_preparation_data("reader")
    assert not [name for name in told if "main" in name] and sys.modules["__main__"] is main


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, script], text=True, start_new_session=True, **pipes) as process:  # type: ignore[call-overload]
        yield process
        process.kill()


def reader_of(program: Program) -> psutil.Process:
    assert program.stdout is not None
    return psutil.Process(int(program.stdout.readline()))


def is_gone(process: psutil.Process, within: float = 10.0) -> bool:
    end = time.monotonic() + within
    while lives(process):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def test_signals_to_all_end_no_process_beside_the_main_one_which_still_can(program: Program) -> None:
    reader = reader_of(program)
    beside = psutil.Process(program.pid).children(recursive=True)
    assert len(beside) == 3 and reader in beside, "the tracker, the server and its reader"
    for process in beside:
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            os.kill(process.pid, number)
    assert not is_gone(reader, within=1.5) and all(process.is_running() for process in beside)
    told, complaint = program.communicate("end it\n", timeout=20)
    assert told == "0\n" and complaint == ""
    assert all(map(is_gone, beside))


def test_nothing_outlives_a_main_process_that_is_killed(program: Program) -> None:
    reader = reader_of(program)
    beside = [*psutil.Process(program.pid).children(recursive=True), reader]
    program.kill()
    program.wait()
    assert all(map(is_gone, beside))
