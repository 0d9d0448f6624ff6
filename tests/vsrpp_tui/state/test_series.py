import math

import pytest

from vsrpp_tui.state.series import SERIES_LIMIT, Series, smoothed


def test_a_series_stays_bounded_and_keeps_its_mean() -> None:
    series = Series()
    for number in range(10 * SERIES_LIMIT):
        series = series.add(number, float(number))
    assert len(series.points) < SERIES_LIMIT
    assert sum(v for _, v in series.points) / len(series.points) == pytest.approx(series.points[-1][1] / 2, rel=0.02)
    assert all(step == value for step, value in series.points)


def test_a_figure_that_is_not_finite_is_no_point_of_a_curve() -> None:
    assert Series().add(1, math.nan).add(2, math.inf).points == ()


def test_running_mean_and_trend() -> None:
    series = Series(tuple((float(i), 2.0 if i < 50 else 1.0) for i in range(100)))
    assert smoothed(series.points, 4)[-1] == (99.0, 1.0)
    assert smoothed(series.points, 4)[50][1] == pytest.approx(1.75)
    assert series.trend() == pytest.approx(-0.5)


def test_the_end_of_a_long_curve_is_known_report_by_report() -> None:
    series = Series()
    for number in range(10 * SERIES_LIMIT):
        series = series.add(number, float(number))
    last = 10 * SERIES_LIMIT - 1
    assert series.reaching(last - 20) == series.recent
    assert series.reaching(0) == series.points, "so far back only the means reach"
    assert len(series.recent) == SERIES_LIMIT


def test_a_short_curve_is_whole_from_any_step() -> None:
    series = Series().add(10, 1.0).add(20, 2.0)
    assert series.reaching(-500) == ((10, 1.0), (20, 2.0)) == series.reaching(15)


def test_what_lies_beyond_a_step_is_forgotten_in_full() -> None:
    series = Series().add(10, 1.0).add(20, 2.0).add(30, 3.0).up_to(20)
    assert series.points == series.recent == ((10.0, 1.0), (20.0, 2.0))
    assert series.change() == 1.0 and math.isnan(Series().add(1, 1.0).change())
