"""``vsrpp bench``: what this machine does, in a table and in one line of JSON that can be sent."""

import argparse
import math
from typing import TYPE_CHECKING

from vsrpp_core.cli.shared.console import EXIT_DONE, Terminal, strict_json
from vsrpp_core.cli.shared.options import add_run_to_examine

if TYPE_CHECKING:
    from vsrpp_core.bench.results import Part


BUSY = 0.1
"""Share of the cores in other hands from which figures are worth a word of caution."""
WHILE_BUSY = ": figures tell little while they run"


def add_options(parser: argparse.ArgumentParser) -> None:
    add_run_to_examine(parser, "measured", "the line of JSON alone")


def run(options: argparse.Namespace) -> int:
    from vsrpp_core.bench.bench import bench
    from vsrpp_core.bench.results import as_json

    terminal, parts = Terminal(), list["Part"]()
    for part in bench(options.run, options.data):
        parts.append(part)
        if not options.json:
            terminal.say(*_lines(part))
    terminal.say(*([] if options.json else [""]), strict_json(as_json(parts)))
    return EXIT_DONE


def _lines(part: "Part") -> list[str]:
    from vsrpp_core.bench import results as rs
    from vsrpp_core.run.disk import size_in_words

    match part:
        case rs.Machine():
            built = f"CUDA {part.cuda}, driver {part.driver}" if part.cuda else "for CPUs"
            return [
                f"{part.device} ({part.precision}), {part.processor}, {part.cores} cores, {part.system}",
                f"VSR++ {part.vsrpp}, torch {part.torch} {built}, Python {part.python}, {part.date}",
                f"other programs take {part.busy:.0%} of the cores" + (WHILE_BUSY if part.busy > BUSY else ""),
                "",
                "rung   feats  blocks  batch   LR size      s/step       peak   of ceiling",
            ]
        case rs.Step():
            batch, size = f"{part.batch_size} x {part.accumulation}", f"{part.width}x{part.height}"
            sizes = f"{part.rung or 'own':<6} {part.n_feats:>5}  {part.n_blocks:>6}  {batch:<6}  {size:<9}"
            if math.isnan(part.seconds):
                return [f"{sizes}  {part.verdict}"]
            saving = "" if part.checkpointing == "none" else f"  checkpointing {part.checkpointing}"
            peak = size_in_words(part.memory)
            return [f"{sizes}  {part.seconds:>8.3f}  {peak:>9}  {part.share:>10.0%}{saving}"]
        case rs.Reading():
            by = f"{part.readers} processes" if part.readers else "the program itself"
            made_up = " (of pictures made up)" if part.is_made_up else ""
            return [f"reading     {part.samples_per_second:,.0f} samples a second by {by}{made_up}"]
        case rs.Loop():
            return [
                f"training    {part.seconds:.3f} s a step in a session, {part.data_wait:.0%} of it waiting for images",
                f"validation  {1000 * part.validation_seconds:.0f} ms a pair",
                f"checkpoint  {part.checkpoint_seconds:.2f} s for {size_in_words(part.checkpoint_size)}",
            ]
        case rs.Upscaling():
            tiles = f", in tiles of {part.tile[1]}x{part.tile[0]}" if part.tile else ""
            return [f"upscaling   {part.seconds:.2f} s a picture of {part.width}x{part.height}{tiles}"]
