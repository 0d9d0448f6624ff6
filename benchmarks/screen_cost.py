"""What the screen costs the training: the demo's speed with the screen on against the same session without it.

One session in one process, in tmux, 140×45, on as many cores as there are. Windows take turns: in one the application
shows what the session says, in the next it draws nothing and looks at nothing, as if there were none. Prints one JSON
line: steps a second (medians of the windows) and the median ratio of neighbouring windows. Aim: 0.95 or more.
"""

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from rig.demo import demo_run
from rig.probed import Probed, run
from rig.terminal import Terminal

from vsrpp_core.messages import events as ev
from vsrpp_tui.screens.start import Choice

WINDOW = 4.0
PAIRS = 10
SETTLING = 5.0
"""Seconds of training before the first window."""


class TurnByTurn(Probed):
    """Shows nothing in every second window, and notes when which step was taken."""

    def __init__(self, choice: Choice) -> None:
        super().__init__(choice)
        self.begun = 0.0
        self.seen: list[tuple[float, int, int]] = []
        """Moment (seconds since the Unix epoch), step and window of reports."""

    def pump(self) -> None:
        if self.state.phase == "training" and not self.begun:
            self.begun = time.time() + SETTLING
        window = int((time.time() - self.begun) // WINDOW) if self.begun else -1
        if window >= 2 * PAIRS:
            self.action_leave()
        if window < 0 or window % 2 == 0 or window >= 2 * PAIRS:
            before = self.state.step
            super().pump()
            steps = [self.state.step] if self.state.step and self.state.step is not before else []
        else:
            assert self.worker
            steps = [event for event in self.worker.mailbox.take() if isinstance(event, ev.StepReported)]
        for step in steps:
            self.seen.append((step.time, step.step, int((step.time - self.begun) // WINDOW) if self.begun else -1))

    def figures(self) -> dict[str, object]:
        return {"seen": self.seen}


def speed(seen: list[tuple[float, int, int]], window: int) -> float:
    """Steps a second from the first report within a window to the last."""
    within = [(moment, step) for moment, step, of in seen if of == window]
    if len(within) < 2:
        sys.exit(
            f"fewer than two steps were reported in {WINDOW:.0f} s: this machine is too slow or too busy to compare"
        )
    return (within[-1][1] - within[0][1]) / (within[-1][0] - within[0][0])


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        place, data = demo_run(Path(folder))
        report = Path(folder) / "report.json"
        command = [sys.executable, __file__, str(place), str(data), str(report)]
        with Terminal(command, {"XDG_STATE_HOME": folder, "XDG_CONFIG_HOME": folder}) as terminal:
            terminal.until("[S]tart")
            terminal.press("s")
            while not report.exists():
                terminal.watch(0.2)
        seen = json.loads(report.read_text())["seen"]
    on = [speed(seen, 2 * pair) for pair in range(PAIRS)]
    off = [speed(seen, 2 * pair + 1) for pair in range(PAIRS)]
    figures = {
        "with_screen_steps_per_s": round(statistics.median(on), 2),
        "without_steps_per_s": round(statistics.median(off), 2),
        "ratio": round(statistics.median(a / b for a, b in zip(on, off, strict=True)), 3),
        "pairs": PAIRS,
    }
    print(json.dumps({"benchmark": "screen_cost", **figures}))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run(TurnByTurn(Choice(Path(sys.argv[1]), Path(sys.argv[2]))), Path(sys.argv[3]))
    else:
        main()
