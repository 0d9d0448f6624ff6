"""Runs the benchmarks named as arguments, one after the other: `make bench`.

Each has to print one line of JSON and end well. What goes wrong with one is told and does not keep the others from
running, but the exit status is then 1. Whatever ends this ends what it started too.
"""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

LIMIT = 600.0
"""Seconds; the slowest takes some three minutes on two quiet cores."""

GRACE = 30.0


def fault_of(script: Path, limit: float) -> str:
    """Run it and pass on what it prints; what went wrong, or nothing."""
    command = [sys.executable, str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            said, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            return f"was ended after {limit:.0f} s"
        finally:
            _end(process)
    print(said, end="", flush=True)
    if process.returncode:
        return f"failed with status {process.returncode}"
    return "" if _is_result(said) else "did not print one line of JSON that names its benchmark"


def _is_result(said: str) -> bool:
    try:
        result = json.loads(said)
    except ValueError:
        return False
    return said.count("\n") == 1 and isinstance(result, dict) and "benchmark" in result


def _end(process: "subprocess.Popen[str]") -> None:
    """Of the whole group: first asked, then not."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)


def main(scripts: list[Path], limit: float = LIMIT) -> int:
    faults = []
    for script in scripts:
        begun = time.monotonic()
        fault = fault_of(script, limit)
        print(f"{script.stem}: {fault or 'done'}, {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
        faults += [f"{script.stem} {fault}"] if fault else []
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    signal.signal(signal.SIGHUP, lambda number, _: sys.exit(128 + number))
    sys.exit(main([Path(argument) for argument in sys.argv[1:]]))
