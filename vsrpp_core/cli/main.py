"""``vsrpp``: finds the verb, runs it, and turns its errors into one line and an exit status."""

import argparse
import faulthandler
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module

from vsrpp_core import __version__
from vsrpp_core.cli.shared.console import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE, complain, settled
from vsrpp_core.errors import UsageError, VsrppError, describe_os_error
from vsrpp_core.run.crash_dump import STDERR
from vsrpp_core.run.names import speak_anywhere

VERBS = {
    "prepare": ("datasets.prepare", "make a dataset from videos"),
    "check": ("datasets.check", "read every pair of a dataset and list all that is wrong"),
    "cache": ("datasets.cache", "decode a dataset's training pairs into one file, for faster training"),
    "train": ("runs.train", "train a run, without a screen"),
    "doctor": ("runs.doctor", "check this machine, its card and disks before a long run"),
    "bench": ("runs.bench", "measure this machine: steps, reading, validation, saving, upscaling"),
    "branch": ("runs.branch", "make another run from a checkpoint of one, with other settings"),
    "compare": ("runs.compare", "set runs beside each other: figures, settings, curves, pictures"),
    "report": ("runs.report", "say what a run learned lately, and what limits it"),
    "ps": ("remote.ps", "list your runs: state, step, speed, time left, best"),
    "status": ("remote.status", "say how one run stands, also by the exit status"),
    "logs": ("remote.logs", "print a run's log, and with -f what is added to it"),
    "stop": ("remote.orders:stop", "save and end a run, wherever it is trained"),
    "pause": ("remote.orders:pause", "let a run stand still between two steps"),
    "resume": ("remote.orders:resume", "let a paused run continue"),
    "checkpoint": ("remote.orders:checkpoint", "save a checkpoint of a run now; it is kept"),
    "validate": ("remote.orders:validate", "validate a run now"),
    "set": ("remote.orders:set_settings", "change settings of a run while it trains"),
    "finish": ("remote.orders:finish", "let the rate of a run fall, and end it there"),
    "unit": ("remote.unit", "print a systemd unit by which a run outlives a reboot"),
    "mark": ("remote.orders:mark", "put a note into a run's log and TensorBoard"),
    "tune": ("runs.tune", "find the largest network this device can train"),
    "config": ("runs.config", "list every setting of a run, its value and meaning"),
    "evaluate": ("networks.evaluate", "score networks on ground-truth frames beside bicubic"),
    "export": ("networks.export", "write a network for other programs, as safetensors or ONNX"),
    "upscale": ("networks.upscale", "upscale videos or folders of images"),
    "import": ("runs.import_run", "make a run from a checkpoint or folder of the original VSR++, or an export"),
    "demo": ("runs.demo", "train a small network on photographs, to see everything work"),
    "completion": ("completion", "print a script that completes this command in bash, zsh or fish"),
}
"""Each verb's module, or after a colon what is in it, with ``add_options(parser)`` and ``run(options)``, which returns
the exit status; its help."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; the exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: waiting threads must not burn the cores
    faulthandler.enable(STDERR)
    speak_anywhere(sys.stdout)
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = make_parser(next((part for part in arguments if not part.startswith("-")), ""))
    options = parser.parse_args(arguments, argparse.Namespace(arguments=arguments[1:]))
    return settled(_status(options))


def _status(options: argparse.Namespace) -> int:
    run: Callable[[argparse.Namespace], int] = options.verb
    try:
        return run(options)
    except UsageError as error:
        return EXIT_USAGE if _first_rank_tells_it() else _fail(str(error), EXIT_USAGE)
    except VsrppError as error:
        return _fail(str(error), EXIT_FAILED)
    except KeyboardInterrupt:
        return _fail("interrupted", EXIT_INTERRUPTED)
    except BrokenPipeError:  # the reader (head, less) has left; nothing more can be said to it
        return EXIT_FAILED
    except OSError as error:  # one that nothing nearer expected
        with suppress(OSError):  # it may be the terminal itself that is gone
            _fail(f"{describe_os_error(error)}, then run the same command again", EXIT_FAILED)
        return EXIT_FAILED


def make_parser(wanted: str | None = None) -> argparse.ArgumentParser:
    """With the options of the verb ``wanted``, or of all: only the modules of these are imported."""
    parser = argparse.ArgumentParser(
        prog="vsrpp", description="Train a video super-resolution network on your own footage."
    )
    parser.add_argument("--version", action="version", version=f"vsrpp {__version__}")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for name, (place, what) in VERBS.items():
        verb = verbs.add_parser(name, help=what)
        if wanted in (None, name):
            module, _, within = place.partition(":")
            found = import_module(f"vsrpp_core.cli.{module}")
            found = getattr(found, within) if within else found
            found.add_options(verb)
            verb.set_defaults(verb=found.run)
    return parser


def _first_rank_tells_it() -> bool:
    """Whether this is one of several ranks that torchrun started: all were given the same command."""
    rank, size = (os.environ.get(name, "") for name in ("RANK", "WORLD_SIZE"))
    return rank.isdecimal() and size.isdecimal() and 0 < int(rank) < int(size)


def _fail(error: str, status: int) -> int:
    complain(f"vsrpp: {error}")
    return status
