"""10,000 events a second through the worker's mailbox: does the screen still answer, and what does it hold?

No trainer: a thread says what a session says, a hundred times faster than any does, mostly steps, and every tenth
event one that is shown as a line of the log and may not be left out. In tmux, 140×45. Prints one JSON line: seconds of
keys and of a 50 ms timer's lateness, the events said a second, and MB early and late. Aims: the keys' worst and the
timer's p99 are 0.15 s or less, and nothing grows.
"""

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.replay import _started, _step
from benchmarks.rig.keys import WITHOUT_TRAINER, by_key, quantile, reactions
from benchmarks.rig.load import OtherLoad
from benchmarks.rig.memory import memory
from benchmarks.rig.probed import Probed, lateness, reported, run
from benchmarks.rig.terminal import Terminal
from vsrpp_core.messages import events as ev
from vsrpp_tui.screens.run.training import TrainingScreen
from vsrpp_tui.screens.start.start import Choice
from vsrpp_tui.threads.session import SessionRequest, Worker

PER_SECOND = 10_000
BATCH = 100
LOG_EVERY = 10
ROUNDS = 4


class Flood(Worker):
    """Its session is PER_SECOND events a second until it is stopped."""

    said = 0

    def _work(self) -> None:
        self.mailbox.put(_started(self.request.run))
        self.mailbox.put(ev.PhaseChanged(phase="training", step=0))
        begun, next_batch = time.monotonic(), time.monotonic()
        while not self._stopping.is_set():
            step = _step(self.said + BATCH, time.time())  # made once: a flood is not to cost what it measures
            for _ in range(BATCH):
                self.said += 1
                self.mailbox.put(step if self.said % LOG_EVERY else ev.WarningRaised(message=f"warning {self.said}"))
            next_batch += BATCH / PER_SECOND
            time.sleep(max(next_batch - time.monotonic(), 0))
        self.rate = self.said / (time.monotonic() - begun)
        self.mailbox.put(ev.SessionEnded(reason="stopped", step=self.said, checkpoint=""))


class Flooded(Probed):
    def __init__(self, place: Path) -> None:
        super().__init__(Choice(place, None))
        self.flood = Flood(SessionRequest(place, None, "fresh"))
        self.worker = self.flood
        self.most_waiting = 0

    def first_screen(self) -> TrainingScreen:
        self.flood.start()
        return TrainingScreen()

    def pump(self) -> None:
        self.most_waiting = max(self.most_waiting, len(self.flood.mailbox))
        super().pump()

    def figures(self) -> dict[str, object]:
        return {**super().figures(), "rate": self.flood.rate, "most_waiting": self.most_waiting}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, __file__, folder, str(report)]
        with Terminal(command, {"XDG_STATE_HOME": folder, "XDG_CONFIG_HOME": folder}) as terminal:
            terminal.until("● training")
            terminal.watch(5)
            load = OtherLoad()
            early, begun = memory(terminal.pid), time.monotonic()
            seconds = reactions(terminal, ROUNDS, WITHOUT_TRAINER)
            late, ended = memory(terminal.pid), time.monotonic()
            others = load.tell()
            terminal.press("q")
            told = reported(terminal, report)
    ticks = lateness(told, begun, ended)
    keys = [value for values in seconds.values() for value in values]
    figures = {
        "events_per_s": round(told["rate"]),
        "most_waiting": told["most_waiting"],
        "keys": len(keys),
        "key_p50_s": round(statistics.median(keys), 4),
        "key_worst_s": round(max(keys), 4),
        "timer_late_p99_s": round(quantile(ticks, 0.99), 4),
        "memory_early_mb": early,
        "memory_late_mb": late,
        **others,
        "by_key": by_key(seconds),
    }
    print(json.dumps({"benchmark": "flood", **figures}, ensure_ascii=False))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run(Flooded(Path(sys.argv[1])), Path(sys.argv[2]))
    else:
        main()
