"""How long until the start screen accepts a key, beside an empty Textual application (the floor on this machine).

Each program runs in a pseudo-terminal with a key already waiting; the clock stops when the key's answer is drawn. The
two take turns. Prints one JSON line: medians in seconds, and their ratio.
"""

import json
import os
import pty
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from benchmarks.rig.ending import signals_unwind
from benchmarks.rig.load import OtherLoad

ROUNDS = 9
GIVE_UP = 60.0

EMPTY = """
from textual.app import App
class Empty(App):
    BINDINGS = [("question_mark", "answer", "")]
    def action_answer(self): self.mount(__import__("textual.widgets").widgets.Static("Keys and words"))
Empty().run()
"""
ANSWER = b"Keys and words"


def seconds_to_answer(command: list[str], home: str) -> float:
    """From starting the process until ANSWER is drawn; the process is killed then."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "HOME": home, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
    environment |= {f"XDG_{kind}_HOME": home for kind in ("CACHE", "CONFIG", "DATA", "STATE")}
    start = time.perf_counter()
    process = subprocess.Popen(
        command, stdin=follower, stdout=follower, stderr=follower, env=environment, start_new_session=True
    )
    os.close(follower)
    os.write(leader, b"?")
    seen = b""
    try:
        while ANSWER not in seen:
            left = GIVE_UP - (time.perf_counter() - start)
            if left <= 0 or not select.select([leader], [], [], left)[0]:
                sys.exit(f"no answer from {command[1:]} within {GIVE_UP:.0f} s; it drew:\n{_text(seen)}")
            seen = seen[-4096:] + _drawn(leader, seen, command)
        return time.perf_counter() - start
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(leader)


def _drawn(leader: int, seen: bytes, command: list[str]) -> bytes:
    try:
        return os.read(leader, 65536)
    except OSError:  # how Linux tells that the other end is closed
        sys.exit(f"{command[1:]} ended before it answered; it drew:\n{_text(seen)}")


def _text(drawn: bytes) -> str:
    return drawn.decode(errors="replace")


def main() -> None:
    with signals_unwind(), tempfile.TemporaryDirectory() as home:
        load = OtherLoad()
        ours = [sys.executable, "-m", "vsrpp_tui", str(Path(home) / "Learn")]
        floor = [sys.executable, "-c", EMPTY]
        seconds: dict[str, list[float]] = {"start_screen": [], "empty_application": []}
        for round_ in range(ROUNDS + 1):
            for name, command in (("start_screen", ours), ("empty_application", floor)):
                taken = seconds_to_answer(command, home)
                if round_:  # the first round fills the disk's cache
                    seconds[name].append(taken)
        others = load.tell()
    medians = {f"{name}_s": round(statistics.median(values), 3) for name, values in seconds.items()}
    ratio = round(medians["start_screen_s"] / medians["empty_application_s"], 2)
    print(json.dumps({"benchmark": "start_screen", **medians, "ratio": ratio, "rounds": ROUNDS, **others}))


if __name__ == "__main__":
    main()
