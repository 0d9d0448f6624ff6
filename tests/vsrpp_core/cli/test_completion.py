"""The scripts of ``vsrpp completion``, tried in the shells that this machine has."""

import os
import pty
import re
import select
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from vsrpp_core.cli.completion import SHELLS, completion_script
from vsrpp_core.cli.main import main, make_parser
from vsrpp_tui.cli import main as tui_main

LINES = [
    ("vsrpp tr", "train"),
    ("vsrpp prepare --deg", "--degradation"),
    ("vsrpp prepare --degradation r", "real"),
    ("vsrpp train --set training.batch", "training.batch_size="),
    ("vsrpp prepare --set skip.bla", "skip.black="),
    ("vsrpp upscale net", "network.pth"),
    ("vsrpp check dat", "dataset"),
]
"""A line where Tab is pressed at the end, and the only word it can become."""

BASH = """
source "$1"; shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
_shtab_vsrpp vsrpp "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def in_bash(line: str, script: Path) -> str:
    return _output("bash", "-c", BASH, "bash", str(script), *line.split(" "), cwd=script.parent)


def in_fish(line: str, script: Path) -> str:
    told = _output("fish", "--no-config", "-c", f"source {script}; complete -C '{line}'", cwd=script.parent)
    return "\n".join(row.partition("\t")[0].rstrip("/") for row in told.splitlines())


def _output(*command: str, cwd: Path) -> str:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def in_zsh(line: str, script: Path) -> str:
    """The last word of the line that zsh makes of ``line`` and Tab, on a terminal: there only it completes."""
    script.rename(script.with_name("_vsrpp"))
    child, terminal = pty.fork()
    if not child:
        os.chdir(script.parent)
        os.environ.update(TERM="dumb", COLUMNS="200")
        os.execvp("zsh", ["zsh", "-f", "-i"])
    try:
        os.write(terminal, b"PS1='> '; fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -D; echo rea''dy\n")
        _read(terminal, lambda told: "ready\r\n" in told and told.endswith("> "))
        os.write(terminal, f"{line}\t".encode())
        told = _read(terminal, lambda told: len(told.rstrip("/")) > len(line) and told[-1] in " /=")
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        os.close(terminal)
    return told.split()[-1].rstrip("/")


def _read(terminal: int, is_enough: Callable[[str], bool]) -> str:
    told, end = "", time.monotonic() + 60
    while not is_enough(told):
        assert time.monotonic() < end, told
        if select.select([terminal], [], [], 1)[0]:
            told = CONTROL.sub("", told + os.read(terminal, 4096).decode(errors="replace"))
    return told


CONTROL = re.compile(r"\x1b\[[?0-9;]*[a-zA-Z]")
COMPLETE = {"bash": in_bash, "zsh": in_zsh, "fish": in_fish}


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_completes_verbs_options_choices_settings_and_paths(shell: str, tmp_path: Path) -> None:
    if not shutil.which(shell):
        pytest.skip(f"there is no {shell}")
    for number, (line, word) in enumerate(LINES):
        folder = tmp_path / str(number)
        (folder / "dataset").mkdir(parents=True)
        (folder / "network.pth").touch()
        (folder / "data.txt").touch()
        (folder / "script").write_text(completion_script(make_parser(), shell))  # type: ignore[arg-type]
        assert COMPLETE[shell](line, folder / "script") == word


@pytest.mark.parametrize("shell", SHELLS)
def test_both_programs_print_their_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(word in script for word in ("upscale", "recipe-example", "libsvtav1"))
    assert tui_main(["--completion", shell]) == 0
    script = capsys.readouterr().out
    assert "vsrpp-tui" in script and "attach" in script


def test_its_help_says_how_to_install_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["completion", "--help"])
    told = capsys.readouterr().out
    assert all(f"vsrpp completion {shell} > " in told for shell in SHELLS)
