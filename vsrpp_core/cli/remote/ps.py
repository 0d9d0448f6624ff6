"""``vsrpp ps``: the runs of this user, and how each stands."""

import argparse
from dataclasses import asdict
from pathlib import Path

from vsrpp_core.cli.remote.words import best, left, name, speed, steps
from vsrpp_core.cli.shared.console import EXIT_DONE, Terminal, complain, strict_json
from vsrpp_core.errors import VsrppError
from vsrpp_core.remote.recent_runs import KEPT, LIMIT, recent_runs
from vsrpp_core.remote.standing import Standing, standing_of
from vsrpp_core.run.folder import RunFolder

HEADINGS = ("RUN", "STATE", "PID", "STEP", "SPEED", "LEFT", "BEST")


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="a list in one line of JSON, for scripts")


def run(options: argparse.Namespace) -> int:
    standings = [standing for path in _shown() if (standing := _standing(path))]
    terminal = Terminal()
    if options.json:
        terminal.say(strict_json([asdict(standing) for standing in standings]))
    elif standings:
        _say(terminal, standings)
    else:
        terminal.say("no run has been trained or opened yet")
    return EXIT_DONE


def _shown() -> list[Path]:
    """Those that are trained now, whenever that began, then the latest others."""
    runs = recent_runs(KEPT)
    trained = {path: RunFolder(path).owner() != 0 for path in runs}
    return sorted(
        (path for place, path in enumerate(runs) if trained[path] or place < LIMIT), key=lambda p: not trained[p]
    )


def _standing(path: Path) -> Standing | None:
    """None, after a complaint, where the journal cannot be read: the other runs are listed all the same."""
    try:
        return standing_of(RunFolder(path))
    except VsrppError as error:
        complain(f"vsrpp: {error}")
        return None


def _say(terminal: Terminal, standings: list[Standing]) -> None:
    rows = [HEADINGS, *map(_row, standings)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    for number, row in enumerate(rows):
        cells = (text.ljust(width) for text, width in zip(row, widths, strict=True))
        terminal.say("  ".join(cells).rstrip(), style="bold" if number == 0 else None)


def _row(standing: Standing) -> tuple[str, ...]:
    state = "lost" if standing.is_lost else standing.status
    pid = str(standing.pid or "")
    return name(standing), state, pid, steps(standing), speed(standing), left(standing), best(standing)
