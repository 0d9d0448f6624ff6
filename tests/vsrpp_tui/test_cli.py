"""Words of the command line that exclude each other are wrong usage: nothing that was asked for is passed over."""

import pytest

from vsrpp_core.errors import UsageError
from vsrpp_tui.cli import make_parser, refuse_contradictions


@pytest.mark.parametrize(
    "words",
    [
        "my-run --demo", "--data d --demo", "my-run --attach r", "--attach r --data d", "--replay j --attach r",
        "--replay j --demo", "--attach r --go-on", "my-run --replay j", "Learn --demo", "--demo --preset pascal",
        "--serve --demo", "my-run --serve --data d", "--serve --attach r", "--attach r --host h", "--port 0 --replay j",
    ],
)  # fmt: skip
def test_words_that_exclude_each_other_are_refused(words: str) -> None:
    with pytest.raises(UsageError, match=r"cannot be combined with .*; leave one out"):
        refuse_contradictions(make_parser().parse_args(words.split()))


@pytest.mark.parametrize(
    "words",
    [
        "",
        "my-run",
        "my-run --data d --go-on --preset pascal",
        "--demo --go-on",
        "--attach r",
        "--replay j",
        "r --serve --port 0 --host h",
    ],
)
def test_words_that_belong_together_are_taken(words: str) -> None:
    refuse_contradictions(make_parser().parse_args(words.split()))
