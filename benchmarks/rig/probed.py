"""The application with a 50 ms timer beside it that notes how late it was, as the screen's own work then was too."""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from vsrpp_tui import cli
from vsrpp_tui.app.app import VsrppApp

from .terminal import GIVE_UP, Terminal

EVERY = 0.05


class Probed(VsrppApp):
    """What it notes is its report: moment (time.monotonic) and lateness of each tick, seconds."""

    def on_ready(self) -> None:
        self.ticks: list[tuple[float, float]] = []
        self._tick(asyncio.get_running_loop().time())

    def _tick(self, due: float) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        self.ticks.append((time.monotonic(), now - due))
        loop.call_at(now + EVERY, self._tick, now + EVERY)

    def figures(self) -> dict[str, object]:
        return {"ticks": self.ticks}


def run(app: Probed, report: Path) -> None:
    """As ``vsrpp-tui`` runs it, until its end; then the report, and the application's own exit status."""
    if "torch" in sys.modules:
        sys.exit("torch was loaded before the application, which sets how torch's threads wait: nothing is comparable")
    status = cli.run(app)
    report.write_text(json.dumps(app.figures()))
    sys.exit(status)


def reported(terminal: Terminal, report: Path, patience: float = GIVE_UP) -> Any:
    """What the application reports at its end, which is waited for."""
    terminal.until_ended(patience)
    if not report.exists():
        terminal.fail("the program ended without a report")
    return json.loads(report.read_text())


def lateness(report: Any, since: float, until: float) -> list[float]:
    """Of the ticks between two moments, seconds."""
    return [late for moment, late in report["ticks"] if since <= moment <= until]
