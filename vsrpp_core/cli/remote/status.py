"""``vsrpp status``: how one run stands; its exit status says it to a script."""

import argparse
from dataclasses import asdict
from datetime import datetime

from vsrpp_core.cli.remote.words import best, left, name, speed, steps, validation
from vsrpp_core.cli.shared.console import EXIT_DONE, EXIT_FAILED, Terminal, strict_json
from vsrpp_core.errors import VsrppError
from vsrpp_core.remote.standing import Standing, standing_of
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.run.names import place

EXIT_STOPPED, EXIT_COMPLETED = 3, 4
WIDTH = 12
"""Of the first column."""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "How one run stands. Exit status: 0 it is being trained, 1 it failed, was killed or is lost, 3 it was stopped "
        "or never trained, 4 it is complete."
    )
    parser.add_argument("run", type=place, metavar="RUN", help="the run's folder")
    parser.add_argument("--json", action="store_true", help="one line of JSON, for scripts")


def run(options: argparse.Namespace) -> int:
    folder = RunFolder(options.run)
    if not folder.path.is_dir():
        raise VsrppError(f"{folder.path} does not exist; name a run's folder (`vsrpp ps` lists them)")
    standing, terminal = standing_of(folder), Terminal()
    if options.json:
        terminal.say(strict_json(asdict(standing)))
    else:
        for label, text in _lines(standing):
            terminal.say(f"{label:{WIDTH}}{text}")
    return exit_status(standing)


def exit_status(standing: Standing) -> int:
    if standing.is_lost or standing.status in ("failed", "killed"):
        return EXIT_FAILED
    if standing.is_trained:
        return EXIT_DONE
    return EXIT_COMPLETED if standing.status == "completed" else EXIT_STOPPED


def _lines(standing: Standing) -> list[tuple[str, str]]:
    by = f" by process {standing.pid}" if standing.is_trained else ""
    lines = [
        ("run", name(standing)),
        ("state", f"{standing.status}{by}{', lost' if standing.is_lost else ''}"),
        ("step", steps(standing)),
        ("speed", speed(standing)),
        ("time left", left(standing)),
        ("validation", validation(standing.psnr, standing.gain)),
        ("best", f"{best(standing)}{f' at step {standing.best_step:,}' if standing.best_step else ''}"),
        ("device", standing.device or "–"),
        ("last event", f"{datetime.fromtimestamp(standing.heard_at):%Y-%m-%d %H:%M:%S}" if standing.heard_at else "–"),
    ]
    lines += [("branched", f"from {origin}") for origin in reversed(standing.branched_from)]
    return [*lines, ("error", standing.error)] if standing.error else lines
