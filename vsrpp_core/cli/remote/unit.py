"""``vsrpp unit``: a systemd unit of the user's by which a run outlives a reboot."""

import argparse
import sys
from pathlib import Path

from vsrpp_core.cli.shared.console import EXIT_DONE, Terminal
from vsrpp_core.errors import VsrppError
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.run.names import place

RESTARTS = 3
STOP_SECONDS = 600
"""What a step and a save may take, on any disk, before systemd kills them."""

UNIT = """\
# ~/.config/systemd/user/vsrpp-{name}.service
# systemctl --user daemon-reload && systemctl --user enable --now vsrpp-{name}
# loginctl enable-linger                                     (once: units begin at boot and not at login)
[Unit]
Description=VSR++ trains {run}
RequiresMountsFor={mount}

[Service]
ExecCondition=/bin/sh -c '"$$0" -m vsrpp_core status "$$1"; test $$? -ne 4' {python} {run}
ExecStart={python} -m vsrpp_core train {run} --resume --restarts {restarts}
SuccessExitStatus=130
TimeoutStopSec={seconds}

[Install]
WantedBy=default.target"""
"""Stopping it is a SIGTERM, which saves. A complete run (status 4) is not begun again."""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.description = "A systemd unit by which a run outlives a reboot; where it belongs stands at its top."
    parser.add_argument("run", type=place, metavar="RUN", help="the run's folder, with a checkpoint to resume from")


def run(options: argparse.Namespace) -> int:
    folder = RunFolder(options.run)
    if not folder.checkpoint_infos():
        raise VsrppError(f"{folder.path} has no checkpoint to resume from; begin to train it first")
    Terminal().say(unit(folder, Path(sys.executable)))
    return EXIT_DONE


def unit(folder: RunFolder, python: Path) -> str:
    """The text of the unit, for this installation."""
    name = "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in folder.name)
    return UNIT.format(
        name=name,
        run=_quoted(folder.path),
        mount=_quoted(folder.path),
        python=_quoted(python),
        restarts=RESTARTS,
        seconds=STOP_SECONDS,
    )


def _quoted(path: Path) -> str:
    """As a word of a unit, in which percent and dollar signs mean something."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{text}"'
