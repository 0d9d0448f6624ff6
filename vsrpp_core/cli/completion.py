"""``vsrpp completion``: a script that completes verbs, options, choices, paths and setting names in a shell.

The application prints its own by ``vsrpp-tui --completion``, as the core does not know it.
"""

import argparse
import sys
from collections.abc import Iterator
from typing import Literal, get_args

from vsrpp_core.cli.shared.console import EXIT_DONE
from vsrpp_core.run.names import place

Shell = Literal["bash", "zsh", "fish"]
SHELLS: tuple[Shell, ...] = get_args(Shell)
FOLDERS = ("RUN", "ROOT")
"""Metavars of paths that are folders."""

INSTALL = """\
to install it, in a folder that exists:
  bash  vsrpp completion bash > ~/.local/share/bash-completion/completions/vsrpp
  zsh   vsrpp completion zsh > ~/.zfunc/_vsrpp   (with fpath+=~/.zfunc before compinit in ~/.zshrc)
  fish  vsrpp completion fish > ~/.config/fish/completions/vsrpp.fish
The same for the application, named vsrpp-tui there: vsrpp-tui --completion SHELL
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help=f"the shell: {', '.join(SHELLS)}")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = INSTALL


def run(options: argparse.Namespace) -> int:
    from vsrpp_core.cli.main import make_parser

    sys.stdout.write(completion_script(make_parser(), options.shell))
    return EXIT_DONE


def completion_script(parser: argparse.ArgumentParser, shell: Shell) -> str:
    """The script for ``parser``, which is of no other use afterwards."""
    import shtab

    for verb, action in _actions(parser):
        if action.dest == "settings":
            action.choices = [f"{key}=" for key in _setting_keys(verb)]
        elif action.metavar in FOLDERS:
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
        elif action.type is place:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    return shtab.complete(parser, shell)


def _actions(parser: argparse.ArgumentParser, verb: str = "") -> Iterator[tuple[str, argparse.Action]]:
    """The arguments of every verb, with its name."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, verb_parser in action.choices.items():
                yield from _actions(verb_parser, name)
        else:
            yield verb, action


def _setting_keys(verb: str) -> list[str]:
    from vsrpp_core.prepare.recipe import Recipe
    from vsrpp_core.run.config import RunConfig

    defaults = Recipe() if verb == "prepare" else RunConfig()
    return [setting.key for setting in defaults.settings()]
