"""``vsrpp import``: a run from a checkpoint or a whole folder of the original VSR++, or from an exported network."""

import argparse
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from vsrpp_core.cli.shared.console import EXIT_DONE, Terminal
from vsrpp_core.errors import UsageError, command
from vsrpp_core.messages.changes import as_text
from vsrpp_core.run.legacy_settings import OriginalSettings
from vsrpp_core.run.names import listed, place

if TYPE_CHECKING:
    from vsrpp_core.session.import_folder import ImportedFolder
    from vsrpp_core.session.import_run import ImportedRun


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "checkpoint",
        type=place,
        metavar="OLD",
        help="a checkpoint (.pth) of the original, its folder of them (Learn), or a .safetensors file that vsrpp "
        "export wrote",
    )
    parser.add_argument(
        "run", type=place, nargs="?", metavar="RUN", help="the run to make (default for a folder: beside it, OLD-vsrpp)"
    )
    parser.add_argument(
        "--config",
        type=place,
        metavar="FILE",
        help="the original's settings, train_config.json or config.py, which is only read (default: train_config.json "
        "beside OLD, if RUN has no settings yet; in a folder also runtime_config.json and config.py)",
    )
    blocks = "of the residual blocks in OLD, where its version differs from what the names in it suggest"
    parser.add_argument("--slope", type=float, metavar="S", help=f"LeakyReLU {blocks} (0.2, later 0.1)")
    parser.add_argument("--residual-scale", type=float, metavar="S", help=f"scale {blocks} (0.1, later 1)")


def run(options: argparse.Namespace) -> int:
    from vsrpp_core.checkpoint.legacy_checkpoint import Blocks
    from vsrpp_core.session.import_folder import import_folder
    from vsrpp_core.session.import_run import import_run

    blocks = Blocks(options.slope, options.residual_scale)
    if options.checkpoint.is_dir():
        folder = import_folder(options.checkpoint, options.run, options.config, blocks)
        _say(folder.run, folder.newest, *_came_along(folder))
        return EXIT_DONE
    if options.run is None:
        raise UsageError(f"{options.checkpoint} is one file; name the run to make of it too")
    _say(options.run, import_run(options.checkpoint, options.run, options.config, blocks))
    return EXIT_DONE


def _say(run: Path, made: "ImportedRun", *more: str) -> None:
    data = () if made.config.data.root and Path(made.config.data.root).is_dir() else ("--data", "ROOT")
    Terminal().say(
        *(_imported(made.settings) if made.settings else ()),
        *more,
        *(f"note: {note}" for note in made.notes),
        f"{run / made.saved.name} holds step {made.saved.step:,}; "
        f"continue with: {command('vsrpp', 'train', run, '--resume', *data)}",
    )


def _came_along(folder: "ImportedFolder") -> Iterator[str]:
    count = len(folder.checkpoints)
    yield f"checkpoints imported: {count:,} ({listed(folder.checkpoints)})"
    for reason, group in groupby(sorted(folder.left, key=lambda left: left.reason), key=lambda left: left.reason):
        yield f"left: {', '.join(left.name for left in group)}: {reason}"


def _imported(settings: OriginalSettings) -> Iterator[str]:
    yield f"settings imported from {', '.join(map(str, settings.paths))}:"
    for mapped in settings.mapped:
        file = f", {mapped.path.name}" if len(settings.paths) > 1 else ""
        yield f"  {mapped.setting} = {as_text(mapped.value)}  ({mapped.key}{file})"
    if settings.unused:
        yield f"ignored: there is no equivalent here: {', '.join(settings.unused)}"
    if settings.overridden:
        yield f"ignored: {_giver(settings)} sets the same thing: {', '.join(settings.overridden)}"


def _giver(settings: OriginalSettings) -> str:
    return settings.paths[0].name if len(settings.paths) > 1 else "MODEL_CONFIG"
