import math

import pytest
from textual.content import Content

from vsrpp_tui.widgets.text import bar, decimate, duration, file_size, percent, shortened, sparkline, spread


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (41.4, "41 s"), (151, "2 m 31 s"), (54_240, "15 h 04 m"), (270_000, "3 d 03 h"), (math.nan, "–")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (999, "999 B"), (3_400_000, "3.4 MB"), (999_600, "1.0 MB"), (1.8e9, "1.8 GB")]
)
def test_file_sizes(size: int, text: str) -> None:
    assert file_size(size) == text


@pytest.mark.parametrize("share", [-1.0, 0.0, 0.013, 0.5, 0.999, 1.0, 7.0])
@pytest.mark.parametrize("width", [1, 7, 40])
def test_a_bar_keeps_its_width(share: float, width: int) -> None:
    assert bar(share, width, "", mark=0.8).cell_length == width


def test_a_bar_shows_its_share_and_its_limit() -> None:
    assert bar(0.25, 8, "", mark=0.8).plain == "━━────│─"
    assert bar(0.31, 8, "").plain == "━━╸─────"


def test_spread_fills_the_width_and_cuts_what_is_too_long() -> None:
    assert spread(Content("left"), Content("right"), 20).plain == "left           right"
    assert spread(Content("a very long name"), Content("right"), 14).cell_length == 14


def test_sparkline_runs_from_least_to_greatest() -> None:
    assert sparkline([1, 2, 3], 10)[0] == "▁" and sparkline([1, 2, 3], 10)[-1] == "█"
    assert len(sparkline(range(100), 10)) == 10 and sparkline([], 10) == "" and sparkline([1, 1], 4) == "▁▁"


def test_decimating_keeps_the_ends() -> None:
    points = [(float(i), float(i)) for i in range(1000)]
    few = decimate(points, 50)
    assert len(few) == 50 and few[0] == points[0] and few[-1] == points[-1] and few == sorted(few)


def test_decimating_loses_no_outlier() -> None:
    points = [(float(i), 9.0 if i in (333, 801) else -9.0 if i == 334 else 0.0) for i in range(1000)]
    few = decimate(points, 50)
    assert len(few) <= 50 and {(333.0, 9.0), (334.0, -9.0), (801.0, 9.0)} <= set(few)


def test_unknown_shares_are_dashes() -> None:
    assert percent(math.nan) == "–" and percent(0.6123) == "61.2 %"


@pytest.mark.parametrize(
    ("path", "width", "shown"),
    [
        ("~/runs", 6, "~/runs"),
        ("/mnt/films/runs/2026", 12, "…/runs/2026"),
        ("/mnt/a-very-long-name", 10, "…long-name"),
        ("/mnt/films", 3, ""),
        ("/mnt/films", -2, ""),
    ],
)
def test_the_end_of_a_path_tells_most(path: str, width: int, shown: str) -> None:
    assert shortened(path, width) == shown
