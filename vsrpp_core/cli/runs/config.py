"""``vsrpp config``: every setting of a run."""

import argparse
import json
from collections.abc import Iterable, Iterator

from rich.table import Table
from rich.text import Text

from vsrpp_core.cli.shared.console import EXIT_DONE, Terminal
from vsrpp_core.errors import VsrppError
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.run.names import place
from vsrpp_core.run.settings import line_of, read_toml


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=place, nargs="?", metavar="RUN", help="the run's folder (default: all defaults)")


def run(options: argparse.Namespace) -> int:
    """Each setting's value, the line of config.toml it is from, its default, what it means and may be.

    Of one that shares its line with others, in braces, only the file is named.
    Without a run the defaults; VsrppError where ``options.run`` is not one.
    """
    config, text, written = RunConfig(), "", set[str]()
    if options.run is not None:
        file = RunFolder(options.run).config
        if not file.is_file():
            what = "has no config.toml, so it is not a run" if options.run.is_dir() else "does not exist"
            raise VsrppError(f"{options.run} {what}; name a run's folder, or leave it out to list the defaults")
        document, text = read_toml(file)
        config = RunConfig.from_mapping(document, source=str(file), text=text)
        written = {f"{section}.{name}" for section, table in document.items() for name in table}
    terminal, rows = Terminal(), list(_rows(config, text, written))
    if terminal.is_terminal:
        terminal.print(_table(rows))
    else:  # a line each, whole, for grep
        terminal.say(*("  ".join(filter(None, row)) for row in rows))
    return EXIT_DONE


Row = tuple[str, str, str, str, str]
"""A setting's name, its value, where that is from, the default where it is another, and the meaning."""


def _rows(config: RunConfig, text: str, written: set[str]) -> Iterator[Row]:
    for setting in config.settings():
        line = line_of(tuple(setting.key.split(".")), text)
        default = "" if setting.value == setting.default else json.dumps(setting.default)
        meaning = f"{setting.description} ({setting.range})" if setting.range else setting.description
        source = f"line {line}" if line else "config.toml" if setting.key in written else "default"
        yield setting.key, json.dumps(setting.value), source, default, meaning


def _table(rows: Iterable[Row]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("setting", "value", "source", "default", "meaning"):
        table.add_column(heading, overflow="fold")
    for key, value, source, default, meaning in rows:
        table.add_row(key, Text(value, "bold" if default else ""), source, default, Text(meaning, "dim"))
    return table
