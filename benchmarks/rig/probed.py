"""The application with a 50 ms timer beside it that notes how late it was, as the screen's own work then was too."""

import asyncio
import json
import time
from pathlib import Path

from vsrpp_tui.app import VsrppApp, _run

EVERY = 0.05


class Probed(VsrppApp):
    """Its notes are in ``report`` at the end: moment (time.monotonic) and lateness of each tick, seconds."""

    report = Path()

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
    app.report = report
    _run(app)
    report.write_text(json.dumps(app.figures()))


def lateness(report: Path, since: float, until: float) -> list[float]:
    """Of the ticks between two moments."""
    ticks: list[tuple[float, float]] = json.loads(report.read_text())["ticks"]
    return [late for moment, late in ticks if since <= moment <= until]
