"""What a user may write for the time in which a run is to finish."""

import pytest

from vsrpp_core.errors import UsageError
from vsrpp_core.messages.commands import FinishNow, finish_in


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("2000", FinishNow(steps=2000)),
        (" 12,000 ", FinishNow(steps=12_000)),
        ("3h", FinishNow(hours=3.0)),
        ("1.5 h", FinishNow(hours=1.5)),
        ("1", FinishNow(steps=1)),
    ],
)
def test_steps_or_hours(text: str, command: FinishNow) -> None:
    assert finish_in(text) == command


@pytest.mark.parametrize(
    "text", ["", "0", "-3", "1.5", "h", "0h", "1e3", "inf h", "nan h", "12,00", "９", "3 days", "1" * 10, "99999999h"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="write 2000, or 3h"):
        finish_in(text)
