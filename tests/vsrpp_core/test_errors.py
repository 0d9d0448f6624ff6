"""One sentence for an error of the system: where, what, why, and what to do."""

import errno
import os
import subprocess
from pathlib import Path

import pytest

from vsrpp_core.errors import VsrppError, command, describe_os_error, os_errors


@pytest.mark.parametrize(
    ("code", "advice", "said"),
    [
        (errno.ENOSPC, "", "a.txt cannot be written (why); make room there"),
        (errno.EACCES, "", "a.txt cannot be written (why); check its permissions"),
        (errno.EXDEV, "", "a.txt cannot be written (why); check that disk"),
        (errno.ENOSPC, "choose another place", "a.txt cannot be written (why); choose another place"),
    ],
)
def test_the_kind_of_error_says_what_to_do_unless_the_caller_knows_better(code: int, advice: str, said: str) -> None:
    error = OSError(code, "why", "other.txt")
    with pytest.raises(VsrppError) as raised, os_errors("a.txt", "cannot be written", advice):
        raise error
    assert str(raised.value) == said and raised.value.__cause__ is error


def test_an_error_of_no_known_place_is_described_by_the_file_it_names() -> None:
    assert describe_os_error(OSError(errno.EIO, "why", b"b.txt")).startswith("b.txt cannot be read or written (why)")


@pytest.mark.parametrize(
    ("name", "shown"),
    [("a b", "'a b'"), ("-a", "./-a"), ("it's", "'it'\"'\"'s'"), (os.fsdecode(b"'\xe4\n1"), "$'\\x27\\xe4\\x0a1'")],
)
def test_a_command_can_be_pasted_whatever_its_file_is_called(name: str, shown: str, tmp_path: Path) -> None:
    assert command("vsrpp", "-f", Path(name)) == f"vsrpp -f {shown}"
    (tmp_path / name).touch()
    subprocess.run(["bash", "-c", command("rm", Path(name))], cwd=tmp_path, check=True)
    assert not list(tmp_path.iterdir())
