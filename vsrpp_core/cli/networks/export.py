"""``vsrpp export``: a network for other programs."""

import argparse
import math

from vsrpp_core.cli.shared.console import EXIT_DONE, Terminal
from vsrpp_core.cli.shared.options import CHECKPOINT_HELP
from vsrpp_core.run.names import place


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", type=place, metavar="CHECKPOINT", help=CHECKPOINT_HELP)
    parser.add_argument("out", type=place, metavar="OUT", help="the file to write: .safetensors or .onnx")
    parser.add_argument("--overwrite", action="store_true", help="replace OUT where it exists")


def run(options: argparse.Namespace) -> int:
    """Write the file, and say what it is and how well onnxruntime agrees with torch."""
    from vsrpp_core.apply.export import export

    made = export(options.checkpoint, options.out, options.overwrite)
    network, form = made.network, made.network.form
    weights = "the moving average of the weights" if network.is_average else "the raw weights"
    terminal = Terminal()
    terminal.say(
        f"wrote {options.out}, {made.size / 1e6:.1f} MB: {form.n_feats} feature maps, {form.n_blocks} blocks, "
        f"{form.n_frames} frames, {weights} at step {network.step:,}"
    )
    if not math.isnan(made.difference):
        terminal.say(f"onnxruntime and torch agree: largest difference {made.difference:.1e}")
    return EXIT_DONE
