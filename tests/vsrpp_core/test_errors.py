"""One sentence for an error of the system: where, what, why, and what to do."""

import errno

import pytest

from vsrpp_core.errors import VsrppError, describe_os_error, os_errors


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
