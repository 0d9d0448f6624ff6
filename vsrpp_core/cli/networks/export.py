"""``vsrpp export``: a network for other programs."""

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from vsrpp_core.cli.shared.console import EXIT_DONE, Terminal
from vsrpp_core.cli.shared.options import CHECKPOINT_HELP
from vsrpp_core.errors import OptionError
from vsrpp_core.run.names import place

if TYPE_CHECKING:
    from vsrpp_core.apply.export import Exported


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", type=place, metavar="CHECKPOINT", help=CHECKPOINT_HELP)
    parser.add_argument(
        "out", type=place, metavar="OUT", help="the file to write, .safetensors or .onnx; with --for the folder"
    )
    parser.add_argument(
        "--for",
        choices=("vapoursynth",),
        dest="program",
        help="a graph as vs-mlrt loads it, and a script that feeds it",
    )
    parser.add_argument("--half", action="store_true", help="in half precision (fp16), with --for vapoursynth")
    parser.add_argument("--licence", default="not stated", metavar="TEXT", help="of the weights, for the model card")
    parser.add_argument("--overwrite", action="store_true", help="replace OUT where it exists")


def run(options: argparse.Namespace) -> int:
    """Write the file, and say what it is and how well onnxruntime agrees with torch."""
    from vsrpp_core.apply.export import export

    terminal = Terminal()
    if options.program:
        return _for_vapoursynth(options, terminal)
    if options.half:
        raise OptionError("half", "--half is for --for vapoursynth; the other files are in single precision")
    made = export(options.checkpoint, options.out, options.overwrite, options.licence)
    _say(terminal, options.out, made)
    return EXIT_DONE


def _for_vapoursynth(options: argparse.Namespace, terminal: Terminal) -> int:
    from vsrpp_core.apply.players import export_for_vapoursynth

    made = export_for_vapoursynth(
        options.checkpoint, options.out, half=options.half, licence=options.licence, overwrite=options.overwrite
    )
    _say(terminal, made.onnx, made.exported)
    terminal.say(
        f"beside it: {made.script.name} feeds it a film, and says how it is called; {made.card.name} is its model card",
        f"for TensorRT: {made.trtexec}",
    )
    return EXIT_DONE


def _say(terminal: Terminal, path: Path, made: "Exported") -> None:
    network, form = made.network, made.network.form
    weights = "the moving average of the weights" if network.is_average else "the raw weights"
    terminal.say(
        f"wrote {path}, {made.size / 1e6:.1f} MB: {form.n_feats} feature maps, {form.n_blocks} blocks, "
        f"{form.n_frames} frames, {weights} at step {network.step:,}"
    )
    if not math.isnan(made.difference):
        terminal.say(f"onnxruntime and torch agree: largest difference {made.difference:.1e}")
