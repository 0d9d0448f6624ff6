"""How soon a key changes the screen, and how late the screen's timers are, while the demo trains on the same cores.

In tmux, 140×45: from writing the key until what it shows has been drawn by a client, all of tmux included. Each round
presses every key of ``rig/keys.py``, pausing and going on once. Prints one JSON line, seconds, in all and for each key.
Aims: p50 ≤ 15 ms and worst ≤ 150 ms of the keys, p99 ≤ 150 ms of a 50 ms timer beside it.
"""

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.rig.demo import demo_run
from benchmarks.rig.keys import ALL, by_key, quantile, reactions
from benchmarks.rig.load import OtherLoad
from benchmarks.rig.probed import Probed, lateness, reported, run
from benchmarks.rig.terminal import Terminal
from vsrpp_tui.screens.start.start import Choice

ROUNDS = 6


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        place, data = demo_run(Path(folder))
        report = Path(folder) / "report.json"
        state = {"XDG_STATE_HOME": folder, "XDG_CONFIG_HOME": folder}
        command = [sys.executable, __file__, str(place), str(data), str(report)]
        with Terminal(command, state) as terminal:
            terminal.until("[S]tart")
            terminal.press("s")
            terminal.until("● training")
            terminal.press("v")
            terminal.until("dB over LR")
            terminal.watch(3)
            begun, load = time.monotonic(), OtherLoad()
            seconds = reactions(terminal, ROUNDS, ALL)
            ended, others = time.monotonic(), load.tell()
            terminal.press("q")
            late = lateness(reported(terminal, report), begun, ended)
    keys = [value for values in seconds.values() for value in values]
    figures = {
        "keys": len(keys),
        "key_p50_s": round(statistics.median(keys), 4),
        "key_p95_s": round(quantile(keys, 0.95), 4),
        "key_worst_s": round(max(keys), 4),
        "timer_late_p50_s": round(statistics.median(late), 4),
        "timer_late_p99_s": round(quantile(late, 0.99), 4),
        "timer_late_worst_s": round(max(late), 4),
        **others,
        "by_key": by_key(seconds),
    }
    print(json.dumps({"benchmark": "responsiveness", **figures}, ensure_ascii=False))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run(Probed(Choice(Path(sys.argv[1]), Path(sys.argv[2]))), Path(sys.argv[3]))
    else:
        main()
