"""Options that several verbs share."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from vsrpp_core.errors import UsageError
from vsrpp_core.messages.commands import FinishNow, finish_in
from vsrpp_core.messages.kinds import Ensemble
from vsrpp_core.run.config import Precision, RunConfig
from vsrpp_core.run.names import place
from vsrpp_core.run.settings import Overrides, Settings

CHECKPOINT_HELP = "a checkpoint (.pth) of a run"
MOST_RESTARTS = 1_000


def add_settings(
    parser: argparse.ArgumentParser,
    what: str = "a setting as in config.toml, e.g. training.batch_size=8; may be repeated",
) -> None:
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="settings", help=what)


def settings_of(options: argparse.Namespace, known: Settings | None = None) -> Overrides:
    """Every --set, as settings of ``known``, by default a run."""
    return pairs_of(options.settings, known, "--set ")


def pairs_of(texts: Sequence[str], known: Settings | None = None, option: str = "") -> Overrides:
    """Every KEY=VALUE, as settings of ``known``, by default a run. Raises UsageError."""
    pairs = [text.partition("=") for text in texts]
    wrong = [key for key, separator, _ in pairs if not separator]
    if wrong:
        raise UsageError(f"{option}{wrong[0]} has no value; write it as KEY=VALUE")
    return (known or RunConfig()).parse((key.strip(), value.strip()) for key, _, value in pairs)


def finish_option(text: str) -> FinishNow:
    """The type of an option: a number of steps, or of hours."""
    try:
        return finish_in(text)
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def restarts_option(text: str) -> int:
    """The type of an option: how often a training is started again."""
    if not text.isdecimal() or int(text) > MOST_RESTARTS:
        raise argparse.ArgumentTypeError(f"{text} is no number up to {MOST_RESTARTS:,}")
    return int(text)


def add_run_to_examine(parser: argparse.ArgumentParser, done: str, as_json: str) -> None:
    """RUN, which need not exist, with --data and --json. ``done``: what is done with its settings and disk."""
    parser.add_argument(
        "run",
        type=_folder,
        nargs="?",
        default=Path("Learn"),
        metavar="RUN",
        help=f"the run whose settings and disk are {done} (default Learn, also where it does not exist yet)",
    )
    parser.add_argument("--data", type=place, metavar="ROOT", help="dataset folder; the run knows its own")
    parser.add_argument("--json", action="store_true", help=as_json)


def _folder(text: str) -> Path:
    """The type of a folder that need not exist."""
    if (path := place(text)).exists() and not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is a file; name a run's folder")
    return path


def add_ensemble(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--ensemble",
        type=int,
        choices=get_args(Ensemble),
        default=1,
        help="average the pictures of so many mirrored and turned views: better, and as many times slower (default 1)",
    )


def add_precision(parser: argparse.ArgumentParser, default: Precision) -> None:
    parser.add_argument(
        "--precision",
        choices=get_args(Precision),
        default=default,
        help=f"arithmetic of the network (default {default})",
    )
