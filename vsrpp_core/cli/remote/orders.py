"""Verbs that give commands to whoever trains a run. Each ends once it was answered: what it says has happened."""

import argparse
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from vsrpp_core.cli.shared.console import EXIT_DONE, EXIT_FAILED, Terminal, complain
from vsrpp_core.cli.shared.options import finish_option, pairs_of
from vsrpp_core.errors import UsageError, VsrppError
from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages.commands import Command
from vsrpp_core.remote.link import ask
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.run.names import place

END_POLL_SECONDS = 0.1


class Order:
    """A verb for one kind of command."""

    def __init__(
        self,
        commands: Callable[[argparse.Namespace], Iterable[Command]],
        *options: Callable[[argparse.ArgumentParser], object],
    ) -> None:
        """``commands`` are those that the parsed options mean; ``options`` adds what the verb has beside RUN."""
        self._commands, self._options = commands, options

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("run", type=place, metavar="RUN", help="the run's folder, which a process trains")
        for add in self._options:
            add(parser)
        parser.add_argument(
            "--timeout", type=_seconds, default=math.inf, metavar="SECONDS", help="do not wait longer for the answer"
        )

    def run(self, options: argparse.Namespace) -> int:
        """Status 1 where the run refuses, does not answer in time, or nobody trains it."""
        folder, terminal, deadline = RunFolder(options.run), Terminal(), time.monotonic() + options.timeout
        for command in self._commands(options):
            answer = ask(folder, command, deadline - time.monotonic(), lambda: _say_what_for(folder))
            said = f"step {answer.step:,}: {_subject(command)}{answer.message}"
            if not answer.accepted:
                complain(f"vsrpp: {said}")
                return EXIT_FAILED
            terminal.say(said)
            if isinstance(command, cmd.Stop):
                _wait_for_end(folder, deadline)
        return EXIT_DONE


def _say_what_for(folder: RunFolder) -> None:
    complain(
        f"vsrpp: the run has the order but has not answered yet: it may be busy, or the disk of {folder.path} full; "
        "Ctrl-C ends the waiting, not the order"
    )


def _wait_for_end(folder: RunFolder, deadline: float) -> None:
    """What follows ``vsrpp stop`` in a script may use the run: it is saved, and nobody holds it."""
    while folder.owner():
        if time.monotonic() > deadline:
            raise VsrppError(f"{folder.path} was still being saved when the time was over; it ends soon")
        time.sleep(END_POLL_SECONDS)


def _subject(command: Command) -> str:
    """What an answer is about where several are given."""
    return f"{command.key}: " if isinstance(command, cmd.SetParameter) else ""


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return seconds


def _add_pairs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "settings", nargs="+", metavar="KEY=VALUE", help="a setting as in config.toml, e.g. schedule.factor=0.5"
    )


def _set(options: argparse.Namespace) -> Iterable[Command]:
    """Settings of one section are changed together: some only fit together."""
    sections: dict[str, dict[str, Any]] = defaultdict(dict)
    for key, value in pairs_of(options.settings).items():
        section, dot, name = key.partition(".")
        if not dot:
            raise UsageError(f"{key} is no setting; write it with its section, e.g. schedule.factor")
        if isinstance(value, float) and not math.isfinite(value):
            raise UsageError(f"{key} cannot be {value}; give a finite number")
        sections[section][name] = value
    for section, values in sections.items():
        if len(values) > 1:
            yield cmd.SetParameter(section, values)
        else:
            yield from (cmd.SetParameter(f"{section}.{name}", value) for name, value in values.items())


def _add_finish(parser: argparse.ArgumentParser) -> None:
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("finish", nargs="?", type=finish_option, metavar="N", help="over so many steps, or hours: 3h")
    how.add_argument("--cancel", action="store_true", help="take it back: rate and end are as planned before")


def _add_text(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", metavar="TEXT", help="a short note")


stop = Order(lambda options: (cmd.Stop(),))
pause = Order(lambda options: (cmd.Pause(),))
resume = Order(lambda options: (cmd.Resume(),))
checkpoint = Order(lambda options: (cmd.SaveCheckpoint(),))
validate = Order(lambda options: (cmd.Validate(),))
set_settings = Order(_set, _add_pairs)
finish = Order(lambda options: (cmd.CancelFinish() if options.cancel else options.finish,), _add_finish)
mark = Order(lambda options: (cmd.Mark(options.text),), _add_text)
