"""``vsrpp logs``: what a run's log says, and with ``-f`` what it says next."""

import argparse
import math
import time
from collections import deque
from collections.abc import Iterator

from vsrpp_core.cli.shared.console import EXIT_DONE, Terminal
from vsrpp_core.errors import VsrppError, os_errors
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.run.names import place

POLL_SECONDS = 0.25
ASK_SECONDS = 2.0
"""Between two questions whether somebody still trains the run."""

LINES = 20


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=place, metavar="RUN", help="the run's folder")
    parser.add_argument(
        "-f", "--follow", action="store_true", help="wait for more, until nobody trains the run any longer"
    )
    parser.add_argument("-n", type=_count, default=LINES, metavar="N", dest="lines", help=f"last N lines ({LINES})")


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of lines")
    return int(text)


def run(options: argparse.Namespace) -> int:
    terminal = Terminal()
    for line in _lines(RunFolder(options.run), options.lines, options.follow):
        terminal.say(line.rstrip("\n"))
    return EXIT_DONE


def _lines(folder: RunFolder, most: int, is_followed: bool) -> Iterator[str]:
    path, rest, asked_at = folder.training_log, "", -math.inf
    if not path.exists():
        raise VsrppError(f"{path} does not exist; name a run that was trained (`vsrpp ps` lists them)")
    with os_errors(path, "cannot be read"), path.open(encoding="utf-8", errors="replace") as file:
        yield from deque(file, maxlen=most)
        while is_followed:
            if time.monotonic() - asked_at >= ASK_SECONDS:  # before it is read, so that no last line is missed
                is_followed, asked_at = folder.owner() != 0, time.monotonic()
            *whole, rest = (rest + file.read()).split("\n")
            yield from whole
            if is_followed:
                time.sleep(POLL_SECONDS)
    if rest:
        yield rest
