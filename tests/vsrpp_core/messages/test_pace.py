import pytest

from vsrpp_core.messages.pace import Pace, clock


def test_a_pace_is_of_the_last_minute_and_keeps_few_points() -> None:
    pace = Pace()
    for tick in range(1000):
        pace = pace.noted(tick / 10, 2 * tick / 10 if tick < 400 else 80 + 5 * (tick - 400) / 10)
    assert pace.rate == pytest.approx(5, rel=0.05) and len(pace.seen) < 70
    assert pace.left(0) != pace.left(0), "no total, no end"
    assert Pace().noted(1, 1).rate == 0 and Pace().noted(1, 5).noted(2, 5).rate == 0


@pytest.mark.parametrize(("seconds", "text"), [(0.9, "0:00:00"), (61, "0:01:01"), (36_000, "10:00:00")])
def test_a_clock_has_hours_minutes_and_whole_seconds(seconds: float, text: str) -> None:
    assert clock(seconds) == text
