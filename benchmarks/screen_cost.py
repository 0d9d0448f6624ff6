"""What the screen costs the training: the demo's speed with the screen on against the same session without it.

One session in one process, in tmux, 140×45, on as many cores as there are: settings, threads and what the trainer
writes are the same throughout. Windows take turns, in an order that a steady drift of the machine does not favour: in
one the application shows what the session says, in the next it takes nothing from it and draws nothing. The seconds
after each turn are left out, as what was begun before is drawn in them and what had waited is taken in; validations
and checkpoints are set aside for the whole of it. Speed is read off the session's own journal.

Prints one JSON line: steps a second (medians of the windows), the ratio of each pair of neighbouring windows and their
median, and the share of a core that the screen's thread took in either kind of window: next to none while it is off, or
the comparison is not with a session without a screen. Aim: a ratio of 0.95 or more.
"""

import asyncio
import json
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import ClassVar

from textual.binding import Binding, BindingType

from benchmarks.rig.demo import demo_run
from benchmarks.rig.load import OtherLoad
from benchmarks.rig.probed import Probed, reported, run
from benchmarks.rig.terminal import Terminal
from benchmarks.rig.windows import Window, compared, turns
from vsrpp_core.messages.journal import replay
from vsrpp_tui.screens.start.start import Choice

WINDOW, PAIRS = 6.0, 8
SETTLING = 1.5
"""Seconds left out after each turn: charts may be drawn up to a second after the state they show."""

WARM_UP = 8.0
"""Seconds of training before the first window, the first validation among what comes before them."""

QUIET = {
    "cadence.validate_every": 1_000_000,
    "cadence.checkpoint_every": 10_000_000,
    "cadence.recovery_minutes": 1440,
    "cadence.journal_every": 5,  # as often as the status file is written, so that no step more is reported
}
TAKE_TURNS = "\x14"


class TurnByTurn(Probed):
    """From ctrl+t on shows nothing in every second window, and ends after the last."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+t", "take_turns", show=False, priority=True)]

    shown = True

    def on_ready(self) -> None:
        self.windows: list[Window] = []  # and no timer: it would be work in both windows

    def action_take_turns(self) -> None:
        self.run_worker(self._take_turns())

    async def _take_turns(self) -> None:
        for shown in turns(PAIRS):
            self.shown = shown
            await asyncio.sleep(SETTLING)
            begun, work = time.time(), time.thread_time()
            await asyncio.sleep(WINDOW)
            self.windows.append(Window(shown, begun, time.time(), time.thread_time() - work))
        self.shown = True
        self.action_leave()

    def pump(self) -> None:
        if self.shown:
            super().pump()

    def figures(self) -> dict[str, object]:
        return {"windows": [asdict(window) for window in self.windows]}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        place, data = demo_run(Path(folder), QUIET)
        report = Path(folder) / "report.json"
        command = [sys.executable, __file__, str(place), str(data), str(report)]
        with Terminal(command, {"XDG_STATE_HOME": folder, "XDG_CONFIG_HOME": folder}) as terminal:
            terminal.until("[S]tart")
            terminal.press("s")
            terminal.until("● training")
            terminal.press("v")
            terminal.until("dB over LR")
            terminal.watch(WARM_UP)
            load = OtherLoad()
            terminal.press(TAKE_TURNS)
            windows = reported(terminal, report, patience=60 + 2 * PAIRS * (WINDOW + SETTLING))["windows"]
            others = load.tell()
        events = list(replay(place / "events.jsonl"))
    figures = compared(events, [Window(**window) for window in windows])
    print(json.dumps({"benchmark": "screen_cost", **figures, **others}))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run(TurnByTurn(Choice(Path(sys.argv[1]), Path(sys.argv[2]))), Path(sys.argv[3]))
    else:
        main()
