"""``vsrpp tune``: the table of predictions, each measurement, and what was written where."""

import argparse
import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from vsrpp_core.cli.shared.console import EXIT_DONE, Terminal
from vsrpp_core.cli.shared.options import add_settings, settings_of
from vsrpp_core.errors import UsageError
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.describe import describe
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.disk import GB
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.run.names import place
from vsrpp_core.run.settings import Overrides

if TYPE_CHECKING:
    from vsrpp_core.tune.ladder import Rung
    from vsrpp_core.tune.predict import Prediction
    from vsrpp_core.tune.run_tuning import Listing

PLAIN_WIDTH = 120


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "run",
        type=place,
        nargs="?",
        metavar="RUN",
        help="the run whose config.toml gets the result; not for --list",
    )
    parser.add_argument("--data", type=place, metavar="ROOT", help="dataset folder; its patch size is what is measured")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--list", action="store_true", help="only predict what each rung would need; nothing is written")
    how.add_argument("--choose", type=int, metavar="N", help="use rung N of the list without measuring")
    add_settings(parser)


def run(options: argparse.Namespace) -> int:
    settings = settings_of(options)
    if options.list:
        return _list(options.run, options.data, settings)
    if options.run is None:
        raise UsageError("name the run whose config.toml receives the result: vsrpp tune RUN --data ROOT")
    if options.choose is not None:
        return _choose(options.run, options.data, options.choose, settings)
    return _tune(options.run, options.data, settings)


def _tune(run: Path, data: Path | None, overrides: Overrides) -> int:
    """Predict the ladder, measure it, show each rung, and write what passes into the run's config.toml."""
    from vsrpp_core.tune.run_tuning import tune_run

    terminal, predicted, rungs = _wide(), list[ev.ConfigurationPredicted](), 0
    for event in tune_run(run, data, overrides):
        if isinstance(event, ev.ConfigurationPredicted):
            predicted.append(event)
            if len(predicted) == rungs:
                terminal.print(_predicted_table(predicted))
            continue
        if isinstance(event, ev.TuningStarted):
            rungs = event.rungs
        line = describe(event).in_full
        if line and not isinstance(event, ev.ConfigurationChosen):  # what is chosen is written
            terminal.say(line)
    _say_written(terminal, run)
    return EXIT_DONE


def _choose(run: Path, data: Path | None, index: int, overrides: Overrides) -> int:
    """Write one rung into the run's config.toml without measuring it."""
    from vsrpp_core.tune.run_tuning import choose_rung

    terminal = Terminal()
    for event in choose_rung(run, data, index, overrides):
        terminal.say(describe(event).in_full)
    _say_written(terminal, run)
    return EXIT_DONE


def _list(run: Path | None, data: Path | None, overrides: Overrides) -> int:
    """The whole ladder with all that is predicted of it; nothing is written."""
    from vsrpp_core.tune.run_tuning import list_ladder

    terminal = _wide()
    listing = list_ladder(run, data, overrides)
    terminal.say(*_heading(listing))
    terminal.print(_ladder_table(listing.rungs))
    terminal.say("s/step: at least / expected; memory: without checkpointing / block / trunk; take one with --choose N")
    return EXIT_DONE


def _wide() -> Terminal:
    """Where nobody watches, a table may be wide."""
    terminal = Terminal()
    return terminal if terminal.is_terminal else Terminal(width=max(terminal.width, PLAIN_WIDTH))


def _say_written(terminal: Terminal, run: Path) -> None:
    folder = RunFolder(run)
    config = RunConfig.load(folder.config)
    model, training = config.model, config.training
    terminal.say(
        f"wrote {folder.config}: {model.n_feats} feature maps, {model.n_blocks} blocks, "
        f"batch {training.batch_size} x {training.accumulation}, checkpointing {training.checkpointing}; "
        f"{config.tune.found}",
    )


def _heading(listing: "Listing") -> list[str]:
    """What the figures are for, and where the device's speed comes from."""
    from vsrpp_core.device.speed import speed_of
    from vsrpp_core.tune.default_settings import CPU

    hardware, geometry, tune = listing.hardware, listing.geometry, listing.config.tune
    device = hardware.description
    speed = speed_of(hardware, listing.rungs[-1].n_feats)
    assumed = "no dataset is named, so these are assumed: " if listing.assumed else ""
    bandwidth = "" if math.isinf(speed.bandwidth) else f" and {speed.bandwidth / 1e9:.0f} GB/s"
    rate = "" if math.isinf(speed.flops) else f"{speed.flops / 1e12:.3g} TFLOP/s{bandwidth}, "
    lines = [
        f"{device.name}, {device.memory / GB:.1f} GB, {hardware.precision} ({hardware.reason}): {rate}{speed.source}",
        f"{assumed}{geometry.cropped(listing.config.data.crop)}; limits: {tune.max_seconds:g} s per step, "
        f"{tune.max_memory:.0%} of the memory",
    ]
    if device.kind == "cpu":
        small = dict(CPU)
        lines.append(
            "the ladder is meant for GPUs; without --choose this CPU gets a small network of "
            f"{small['model.n_feats']} maps, {small['model.n_blocks']} blocks"
        )
    return lines


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "verdict" else "right", overflow="fold")
    return table


def _predicted_table(events: Iterable[ev.ConfigurationPredicted]) -> Table:
    table = _table("rung", "maps", "blocks", "batch", "params", "s/step", "memory", "verdict")
    for event in events:
        table.add_row(
            str(event.index),
            str(event.n_feats),
            str(event.n_blocks),
            f"{event.batch_size}×{event.accumulation}",
            f"{event.parameters / 1e6:.1f} M",
            _seconds(event.predicted_seconds),
            f"{event.predicted_memory / GB:.1f} GB",
            event.verdict,
        )
    return table


def _ladder_table(rungs: "Iterable[Rung]") -> Table:
    table = _table("rung", "maps", "blocks", "batch", "params", "TFLOP", "s/step", "memory, GB", "verdict")
    for rung in rungs:
        plain = next(iter(rung.predictions.values()))
        table.add_row(
            str(rung.index),
            str(rung.n_feats),
            str(rung.n_blocks),
            f"{rung.batch_size}×{rung.accumulation}",
            f"{plain.parameters / 1e6:.1f} M",
            f"{plain.flops / 1e12:.2f}",
            _both_seconds(plain),
            "/".join(f"{prediction.memory / GB:.1f}" for prediction in rung.predictions.values()),
            rung.verdict,
        )
    return table


def _both_seconds(prediction: "Prediction") -> str:
    if math.isnan(prediction.seconds):
        return "?"
    return f"{_seconds(prediction.seconds_floor)}/{_seconds(prediction.seconds)}"


def _seconds(seconds: float) -> str:
    """Three figures are enough; a step may take milliseconds or minutes."""
    if math.isnan(seconds):
        return "?"
    return f"{seconds:.3g}" if seconds < 100 else f"{seconds:.0f}"
