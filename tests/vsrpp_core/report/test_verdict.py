"""What limits a run: simulated runs, each limited by one thing."""

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from tests.helpers import make_event
from vsrpp_core.messages import events as ev
from vsrpp_core.report.record import MOST_SAMPLES, RunRecord
from vsrpp_core.report.sentences import heading, sentences, verdict
from vsrpp_core.report.verdict import Report, judge

EVERY = 500
"""Steps between two validations."""

Course = Callable[[int], float]
STEP = make_event(ev.StepReported, lr_phase=1)
VALIDATION = make_event(ev.ValidationFinished, lr_psnr=28.0, seconds=20.0)


def constant(value: float) -> Course:
    return lambda step: value


def begun(step: int = 0, **known: object) -> ev.SessionStarted:
    defaults: dict[str, object] = {
        "step": step,
        "resumed_from": "checkpoint_recovery.pth" if step else "",
        "max_steps": 100_000,
        "lr_max": 1e-3,
        "lr_min": 1e-6,
        "schedule_factor": 1.0,
        "parameters": 1_500_000,
        "val_samples": 40,
        "finish_from": 0,
        "planned_steps": 0,
    }
    return make_event(ev.SessionStarted, **{**defaults, **known})


def trained(
    first: int,
    last: int,
    *,
    psnr: Course,
    loss: Course = lambda step: 0.01,
    rate: Course = lambda step: 5e-4,
    waited: float = 0.02,
    agreement: float = math.nan,
    seconds: float = 0.5,
    seed: int = 0,
) -> Iterator[ev.Event]:
    """Steps every tenth of which is reported, batches that scatter by a fifth, validations by 0.005 dB."""
    noise = random.Random(seed)
    for step in range(first, last + 1, 10):
        yield replace(
            STEP,
            step=step,
            loss_l1=loss(step) * math.exp(noise.gauss(0, 0.2)),
            learning_rate=rate(step),
            seconds_per_step=seconds,
            data_wait=waited,
        )
        if step % EVERY == 0:
            yield replace(
                VALIDATION,
                step=step,
                ki_psnr=psnr(step) + noise.gauss(0, 0.005),
                agreement=noise.gauss(agreement, 0.01),
            )


def after(*events: ev.Event) -> RunRecord:
    record = RunRecord()
    for event in events:
        record = record.with_event(event)
    return record


def judged(*events: ev.Event) -> Report:
    return judge(after(*events))


def rising(step: int) -> float:
    return 29.0 + 0.5 * math.log10(step)


def flat(step: int) -> float:
    return 30.0


def falling(step: int) -> float:
    return 0.01 * (1 - step / 60_000)


def test_a_run_that_learns_is_limited_by_time() -> None:
    report = judged(begun(), *trained(10, 20_000, psnr=rising))
    learning = report.finding("learning")
    assert report.limit == "learning" and learning is not None
    truth = 0.5 * math.log10(20_000 / 14_500) / (5_500 * 0.5 / 3600 + 11 * 20 / 3600)
    assert learning.value == pytest.approx(truth, rel=0.3)
    assert learning.value > learning.uncertainty > 0
    assert report.hours == pytest.approx(20_000 * 0.5 / 3600 + 40 * 20 / 3600, rel=0.001)
    assert "more of the same" in verdict(report)


@pytest.mark.parametrize("seed", range(3))
def test_slow_progress_is_found_in_more_validations(seed: int) -> None:
    report = judged(begun(), *trained(10, 60_000, psnr=lambda step: 29 + step * 1e-6, seed=seed))
    assert report.limit == "learning" and report.validations in (24, 48, 96)


@pytest.mark.parametrize("seed", range(3))
def test_a_rate_that_was_cut_to_its_least_is_named_with_what_lifts_it(seed: int) -> None:
    """The plateau rule of an earlier version: cuts every 1,500 steps, and a week at the least rate."""
    cuts = [make_event(ev.LearningRateReduced, step=step, factor=0.5 ** (step // 1500)) for step in (9_000, 10_500)]
    events = [
        begun(),
        *trained(10, 9_000, psnr=rising, seed=seed),
        cuts[0],
        *trained(9_010, 10_500, psnr=rising, rate=constant(2e-6), seed=seed),
        cuts[1],
        *trained(10_510, 12_000, psnr=flat, rate=lambda step: 2e-6 if step < 11_000 else 1e-6, seed=seed),
    ]
    report = judged(*events)
    assert report.limit == "rate"
    assert verdict(report) == (
        "the learning rate is at its least since step 11,000; lift schedule.factor (to 128 for the rate as planned)"
    )


def test_the_end_of_a_cosine_is_no_limit() -> None:
    events = [begun(max_steps=20_000), *trained(10, 20_000, psnr=rising, rate=lambda s: 1e-6 if s > 19_500 else 1e-4)]
    report = judged(*events)
    assert report.limit == "learning" and report.finding("rate") is not None


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("limit", "course"),
    [
        ("data", {"psnr": flat, "loss": falling}),
        ("data", {"psnr": lambda step: 30 - step * 2e-5, "loss": falling}),
        ("noise", {"psnr": flat}),
        ("noise", {"psnr": flat, "rate": constant(5e-5), "agreement": -0.04}),
        ("size", {"psnr": flat, "rate": constant(5e-5)}),
        ("size", {"psnr": flat, "rate": constant(5e-5), "agreement": 0.001}),
        ("waiting", {"psnr": rising, "waited": 0.35}),
    ],
)
def test_what_limits_a_run(limit: str, course: dict[str, object], seed: int) -> None:
    report = judged(begun(), *trained(10, 50_000, seed=seed, **course))  # type: ignore[arg-type]
    assert report.limit == limit
    assert [sentence.name for sentence in sentences(report) if sentence.is_limit]
    assert verdict(report)


def lost_at(step: int) -> ev.RunLost:
    return make_event(ev.RunLost, step=step, ki_psnr=-8.0, lr_psnr=28.0, best_psnr=math.nan)


def test_a_lost_run_is_said_first_until_a_validation_is_sound_again() -> None:
    events = [begun(), *trained(10, 2_000, psnr=constant(-8.0), waited=0.5), lost_at(2_000)]
    report = judged(*events)
    (lost, *_) = report.findings
    assert report.limit == "lost" and lost.value == pytest.approx(36.0) and lost.since == 2_000
    assert judged(*events, *trained(2_010, 2_500, psnr=rising)).limit != "lost"


def test_too_few_validations_say_nothing_and_nothing_is_invented() -> None:
    report = judged(begun(), *trained(10, 1_000, psnr=rising))
    assert report.limit == "" and verdict(report) == "too early to say"
    assert {sentence.name: sentence.text for sentence in sentences(report)}["learning"] == "not known yet"
    assert judged(begun()).validations == 0
    assert "not validated yet" in heading(judged(begun(), *trained(10, 100, psnr=rising)))


# what the record keeps


def test_work_is_counted_and_not_the_clock() -> None:
    first = after(begun(), *trained(10, 1_000, psnr=rising, seconds=3.6))
    second = after(begun(), *trained(10, 1_000, psnr=rising, seconds=3.6), begun(1_000))
    assert first.hours == second.hours == pytest.approx(991 * 3.6 / 3600 + 2 * 20 / 3600)


def test_what_came_after_an_older_checkpoint_is_forgotten() -> None:
    record = after(begun(), *trained(10, 3_000, psnr=rising), begun(1_200))
    assert [sample.step for sample in record.samples] == [500, 1_000]
    assert record.comparable_from == 0 and record.last_step == 1_200
    rolled = make_event(ev.RolledBack, step=3_000, to_step=1_200, factor=0.5)
    record = after(begun(), *trained(10, 3_000, psnr=rising), rolled)
    assert [sample.step for sample in record.samples] == [500, 1_000]
    assert (record.cut, record.comparable_from) == (0.5, 1_200)


def test_a_resumed_run_is_judged_with_what_it_did_before() -> None:
    one = judged(begun(), *trained(10, 20_000, psnr=rising))
    two = judged(begun(), *trained(10, 10_000, psnr=rising), begun(10_000), *trained(10_010, 20_000, psnr=rising))
    assert one.validations == two.validations and two.limit == "learning"
    other = judged(begun(), *trained(10, 10_000, psnr=rising), begun(10_000, val_samples=7))
    assert other.validations == 0


def test_a_fresh_run_forgets_the_one_before() -> None:
    assert after(begun(), *trained(10, 3_000, psnr=rising), begun()).samples == ()


def test_a_year_of_validations_takes_bounded_memory_and_keeps_the_newest() -> None:
    record = after(begun())
    for number in range(1, 5_000):
        record = record.with_event(replace(VALIDATION, step=number * EVERY))
    steps = [sample.step for sample in record.samples]
    assert len(steps) <= MOST_SAMPLES and steps == sorted(set(steps))
    assert steps[-100:] == [number * EVERY for number in range(4_900, 5_000)]
