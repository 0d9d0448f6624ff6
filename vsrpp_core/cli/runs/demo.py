"""``vsrpp demo``: a small training on photographs."""

import argparse

from vsrpp_core.cli.runs.train import run_session
from vsrpp_core.cli.shared.options import add_settings, settings_of
from vsrpp_core.run.folder import demo_run_path
from vsrpp_core.run.names import place


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--run", type=place, metavar="RUN", help="where to train it (default: the user's data folder)")
    add_settings(parser)


def run(options: argparse.Namespace) -> int:
    from vsrpp_core.session.session import open_session

    path = options.run or demo_run_path()
    return run_session(open_session(path, None, start="fresh", demo=True, overrides=settings_of(options)))
