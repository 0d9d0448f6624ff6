"""``vsrpp import``: a run from a checkpoint of the original VSR++, or from an exported network."""

import argparse
from collections.abc import Iterator
from pathlib import Path

from vsrpp_core.cli.shared.console import EXIT_DONE, Terminal
from vsrpp_core.errors import command
from vsrpp_core.messages.changes import as_text
from vsrpp_core.run.legacy_settings import OriginalSettings
from vsrpp_core.run.names import place


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "checkpoint",
        type=place,
        metavar="OLD",
        help="a checkpoint (.pth) of the original, or a .safetensors file that vsrpp export wrote",
    )
    parser.add_argument("run", type=place, metavar="RUN", help="the run to make")
    parser.add_argument(
        "--config",
        type=place,
        metavar="JSON",
        help="the original's settings (default: train_config.json beside OLD, if RUN has no settings yet)",
    )
    blocks = "of the residual blocks in OLD, where its version differs from what the names in it suggest"
    parser.add_argument("--slope", type=float, metavar="S", help=f"LeakyReLU {blocks} (0.2, later 0.1)")
    parser.add_argument("--residual-scale", type=float, metavar="S", help=f"scale {blocks} (0.1, later 1)")


def run(options: argparse.Namespace) -> int:
    from vsrpp_core.checkpoint.legacy_checkpoint import Blocks
    from vsrpp_core.session.import_run import import_run

    made = import_run(options.checkpoint, options.run, options.config, Blocks(options.slope, options.residual_scale))
    data = () if made.config.data.root and Path(made.config.data.root).is_dir() else ("--data", "ROOT")
    Terminal().say(
        *(_imported(made.settings) if made.settings else ()),
        *(f"note: {note}" for note in made.notes),
        f"{options.run / made.saved.name} holds step {made.saved.step:,}; "
        f"continue with: {command('vsrpp', 'train', options.run, '--resume', *data)}",
    )
    return EXIT_DONE


def _imported(settings: OriginalSettings) -> Iterator[str]:
    yield f"settings imported from {settings.path}:"
    for mapped in settings.mapped:
        yield f"  {mapped.setting} = {as_text(mapped.value)}  ({mapped.key})"
    if settings.unused:
        yield f"ignored: there is no equivalent here: {', '.join(settings.unused)}"
    if settings.overridden:
        yield f"ignored: MODEL_CONFIG sets the same thing: {', '.join(settings.overridden)}"
