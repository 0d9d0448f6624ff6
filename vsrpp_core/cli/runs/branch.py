"""``vsrpp branch``: another run from a checkpoint of one."""

import argparse

from vsrpp_core.cli.shared.console import EXIT_DONE, Terminal
from vsrpp_core.cli.shared.options import add_settings, settings_of
from vsrpp_core.errors import command
from vsrpp_core.messages.changes import as_text
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.run.names import place


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=place, metavar="RUN", help="the run to branch from; it may be training")
    parser.add_argument("new", type=place, metavar="NEW", help="the folder of the new run")
    parser.add_argument(
        "--from", dest="checkpoint", default="", metavar="NAME", help="a checkpoint of RUN (default: its newest)"
    )
    add_settings(parser, "a setting in which the new run differs, e.g. schedule.lr_max=2e-4; may be repeated")


def run(options: argparse.Namespace) -> int:
    from vsrpp_core.session.branch import branch

    made = branch(RunFolder(options.run), options.new, options.checkpoint, settings_of(options))
    changed = ", ".join(f"{key} = {as_text(value)}" for key, value in made.changed.items())
    Terminal().say(
        f"{made.folder.path} goes on from step {made.origin.step:,} ({made.origin.checkpoint} of {options.run})"
        f"{f' with {changed}' if changed else ', with the same settings'}; "
        f"train it with: {command('vsrpp', 'train', options.new, '--resume')}"
    )
    return EXIT_DONE
