"""What charts and panels make of a state, without a screen."""

import math
from dataclasses import replace

import pytest

from tests.helpers import make_event
from tests.vsrpp_tui.conftest import started, step
from vsrpp_core.adaptive.lr_schedule import LRSchedule
from vsrpp_core.messages import events as ev
from vsrpp_core.run.config import ScheduleConfig, TuneConfig
from vsrpp_tui.state.run import replay
from vsrpp_tui.widgets.charts.charts import RANGES, SMOOTHINGS, Look, RateChart, plan_of, planned_rates, stretches
from vsrpp_tui.widgets.panels.activity import numbers, silent, vertical_bars
from vsrpp_tui.widgets.panels.machine import card_line, device_bars


def test_the_planned_curve_is_the_schedule_that_training_goes_by() -> None:
    schedule = LRSchedule(ScheduleConfig(lr_max=2e-4, lr_min=1e-6, warmup_steps=100, factor=2.0), 1000)
    told = started(lr_max=2e-4, lr_min=1e-6, warmup_steps=100, schedule_factor=2.0)
    plan = plan_of(told)
    assert plan is not None and plan_of(started(lr_max=0.0)) is None
    planned = planned_rates(plan)
    assert planned == [(number, schedule.rate(int(number))) for number, _ in planned]
    assert planned[0][0] == 1 and planned[-1] == pytest.approx((1000, 2e-6)) and (100, 4e-4) in planned
    schedule.slow_down(0.5, step=0)
    assert planned_rates(plan, cut=0.5)[120][1] == schedule.rate(int(planned[120][0]))


def test_a_journal_that_does_not_tell_the_schedule_shows_the_rates_seen() -> None:
    state = replay([started(), step(1, learning_rate=1e-5), step(2, learning_rate=2e-5)])
    curves = RateChart().curves(state, Look())
    assert [list(curve.points) for curve in curves] == [[], [(1, 1e-5), (2, 2e-5)]]
    assert RateChart().frame(state, Look()).mark == (2, 2e-5)


def test_stretches_of_aggressive_mode() -> None:
    assert stretches([(1, 0), (2, 1), (3, 0.5), (4, 0), (5, 1)]) == ((2, 3), (5, 5))
    assert stretches([]) == ()


def test_the_keys_of_the_charts_go_round() -> None:
    look = Look()
    for _ in RANGES:
        look = look.next_range()
    for _ in SMOOTHINGS:
        look = look.next_smoothing()
    assert look == Look() == look.other_axis().other_axis()
    assert look.next_range().describe_range() == "r last 10,000"
    assert look.other_axis().describe_smoothed() == "y linear · w mean of 24"


def test_bars_stand_on_the_floor_and_share_their_scale() -> None:
    assert vertical_bars([0.0, 0.001, 0.5, 1.0], 1.0, thick=2, gap=1, rows=2) == ["         ██ ", "   ▁▁ ██ ██ "]


def test_blocks_are_numbered_beneath_their_bars() -> None:
    assert numbers(4, 3) == "1  2  3  4"
    assert numbers(10, 2) == "1       5         10"
    assert numbers(12, 3)[27:29] == "10"


def test_a_block_that_does_nothing_is_named() -> None:
    assert silent([1.0, 0.001, 1.2, 0.9]) == [2] and silent([0.2, 0.1, 0.3]) == []


def test_the_card_s_line_leaves_out_what_its_driver_does_not_say() -> None:
    card = make_event(ev.CardMeasured, temperature=71.0, power=182.4, power_limit=250.0, clock=1.48e9, throttled=())
    assert str(card_line(card, skipped_steps=0)) == " 71 °C   182 of 250 W   1,480 MHz"
    passive = replace(card, power=math.nan, power_limit=math.nan, throttled=("temperature",))
    assert str(card_line(passive, skipped_steps=2)) == " 71 °C   1,480 MHz   2 steps skipped   temperature"


def test_the_memory_bar_marks_the_run_s_own_limit() -> None:
    """A journal of a version that did not write the limit is taken to have the default."""

    def marked_at(limit: float) -> int:
        card, _ = device_bars(step(), started(device_kind="cuda", max_memory=limit), width=80, roomy=False)
        return str(card).index("│")

    assert marked_at(0.6) < marked_at(0.95) and marked_at(0.0) == marked_at(TuneConfig().max_memory)
    assert not any("│" in str(bar) for bar in device_bars(step(), started(device_kind="cpu"), width=80, roomy=False))
