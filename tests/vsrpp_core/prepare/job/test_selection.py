"""How a number of patches is divided."""

import pytest

from vsrpp_core.prepare.job.selection import shares


@pytest.mark.parametrize(
    ("total", "most", "wanted"),
    [
        (100, None, {"a": 60, "b": 30, "c": 10}),
        (7, None, {"a": 4, "b": 2, "c": 1}),
        (100, {"a": 1000, "b": 10, "c": 1000}, {"a": 77, "b": 10, "c": 13}),
        (100, {"a": 5, "b": 6, "c": 7}, {"a": 5, "b": 6, "c": 7}),
        (100, {"a": 0, "b": 0, "c": 500}, {"a": 0, "b": 0, "c": 100}),
    ],
)
def test_shares(total: int, most: dict[str, int] | None, wanted: dict[str, int]) -> None:
    assert shares(total, {"a": 6.0, "b": 3.0, "c": 1.0}, most) == wanted
