from collections.abc import Callable, Generator
from typing import Any
from unittest.mock import patch

import pytest

from tests.vsrpp_core.tune.cards import (
    FINE,
    GB,
    LARGE,
    OUT_OF_MEMORY,
    P4,
    PATCHES,
    RTX_3060,
    SLOW,
    SMALL,
    UNKNOWN,
    Results,
    card,
)
from vsrpp_core.data.stacked import StackGeometry
from vsrpp_core.device.hardware import Hardware
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.commands import CommandQueue, Stop
from vsrpp_core.network.lean import LeanVSR
from vsrpp_core.run.config import RunConfig
from vsrpp_core.training.inbox import Inbox
from vsrpp_core.tune import measure as measuring
from vsrpp_core.tune import search as search_module
from vsrpp_core.tune.interactive import tune_and_choose
from vsrpp_core.tune.ladder import LADDER, MODES
from vsrpp_core.tune.search import Measurement


class Search:
    """A search that nobody attends, run to its end: its events by kind, and what it found or why it failed.

    A Stop is sent after ``stop_after`` measurements, unless that is 0.
    """

    def __init__(
        self,
        hardware: Hardware,
        measure: Callable[..., Measurement],
        geometry: StackGeometry = SMALL,
        stop_after: int = 0,
        **settings: Any,
    ) -> None:
        wanted = {key.replace("__", "."): value for key, value in settings.items()}
        config = RunConfig().with_overrides(wanted)
        self.predicted, self.tried = list[ev.ConfigurationPredicted](), list[ev.ConfigurationTried]()
        self.failure, self._queue, self._stop_after = "", CommandQueue(), stop_after
        tuning = tune_and_choose(config, hardware, geometry, Inbox(self._queue), attended=False)
        with patch.object(measuring, "measure_steps", measure):
            try:
                self.config = self._finish(tuning)
            except VsrppError as error:
                self.failure = str(error)

    def _finish(self, tuning: Generator[ev.Event, None, RunConfig | None]) -> Any:
        while True:
            try:
                event = next(tuning)
            except StopIteration as end:
                return end.value
            if isinstance(event, ev.ConfigurationPredicted):
                assert not self.tried, "everything is predicted before anything is tried"
                self.predicted.append(event)
            elif isinstance(event, ev.ConfigurationTried):
                self.tried.append(event)
                if len(self.tried) == self._stop_after:
                    self._queue.put(Stop())

    @property
    def attempts(self) -> list[tuple[int, str]]:
        return [(tried.index, tried.checkpointing) for tried in self.tried]


# the order


def test_the_ladder_is_tried_from_the_top_with_checkpointing_before_a_smaller_network() -> None:
    measure = Results(OUT_OF_MEMORY)
    search = Search(UNKNOWN, measure)
    assert [(p.n_feats, p.batch_size, p.n_blocks) for p in search.predicted] == list(LADDER) == [
        (192, 3, 32), (160, 4, 32), (128, 4, 32), (192, 2, 32), (160, 3, 24), (128, 3, 24), (96, 4, 24), (64, 4, 20),
    ]  # fmt: skip
    assert measure.asked == [(n_feats, batch, mode) for n_feats, batch, _ in LADDER for mode in MODES]
    assert search.attempts == [(index, mode) for index in range(1, 9) for mode in MODES]


def test_the_first_that_passes_is_taken_and_no_more_measured() -> None:
    measure = Results(SLOW, OUT_OF_MEMORY, LARGE, FINE)
    search = Search(UNKNOWN, measure)
    assert search.attempts == [(1, "none"), (2, "none"), (2, "block"), (2, "trunk")]
    assert [t.passed for t in search.tried] == [False, False, False, True]
    model, training = search.config.model, search.config.training
    assert (model.n_feats, model.n_blocks, model.n_frames) == (160, 32, 7)
    assert (training.batch_size, training.accumulation, training.checkpointing) == (4, 1, "trunk")


def test_a_rung_that_is_too_slow_is_not_tried_with_checkpointing() -> None:
    both = Measurement(9.0, 9 * GB)
    assert Search(UNKNOWN, Results(both, FINE)).attempts == [(1, "none"), (2, "none")]


def test_a_search_begins_with_the_checkpointing_asked_for() -> None:
    search = Search(UNKNOWN, Results(OUT_OF_MEMORY, OUT_OF_MEMORY, FINE), training__checkpointing="block")
    assert search.attempts == [(1, "block"), (1, "trunk"), (2, "block")]


@pytest.mark.parametrize(("place", "accumulation"), [(0, 2), (1, 1), (3, 2)], ids=["batch 3", "batch 4", "batch 2"])
def test_accumulation_makes_the_effective_batch_at_least_four(place: int, accumulation: int) -> None:
    search = Search(UNKNOWN, Results(*[SLOW] * place, FINE))
    assert search.config.training.accumulation == search.tried[-1].accumulation == accumulation
    assert search.tried[-1].seconds_per_step == accumulation * FINE.seconds


def test_a_larger_effective_batch_is_accumulated_rounded_up() -> None:
    search = Search(UNKNOWN, Results(Measurement(0.5, GB)), tune__min_effective_batch=10)
    assert search.config.training.accumulation == 4 and search.tried[-1].seconds_per_step == 2


@pytest.mark.parametrize(
    ("result", "settings", "passed", "phrase"),
    [
        (Measurement(2.0, GB), {}, True, "passes with 4.00 s per step and 1.0 GB"),
        (Measurement(2.01, GB), {}, False, "4.02 s per step is over 4 s"),
        (Measurement(2.01, GB), {"tune__max_seconds": 4.5}, True, "4.02 s"),
        (Measurement(1.0, 8 * GB), {}, True, "8.0 GB"),
        (Measurement(1.0, 8 * GB + 1), {}, False, "memory 8.0 GB is over 80% of the card"),
        (Measurement(1.0, 8 * GB), {"tune__max_memory": 0.5}, False, "memory 8.0 GB is over 50% of the card"),
        (OUT_OF_MEMORY, {}, False, "out of memory"),
    ],
)
def test_which_measurements_pass(result: Measurement, settings: dict[str, Any], passed: bool, phrase: str) -> None:
    """The first rung has a batch of 3, so a step is two measured passes."""
    first = Search(UNKNOWN, Results(result, FINE), **settings).tried[0]
    assert first.passed is passed and phrase in first.verdict


def test_the_result_is_described_in_the_settings() -> None:
    found = Search(P4, Results(FINE), PATCHES).config.tune.found
    assert found.startswith("1.00 s per step and 2.0 GB measured on a card (fp32), 20")


def test_other_settings_stay() -> None:
    config = Search(UNKNOWN, Results(FINE), training__seed=5, data__root="/clips").config
    assert (config.training.seed, config.data.root, config.schedule) == (5, "/clips", RunConfig().schedule)


def test_a_search_can_be_ended() -> None:
    search = Search(UNKNOWN, Results(OUT_OF_MEMORY), stop_after=2)
    assert search.attempts == [(1, "none"), (1, "block")] and search.config is None


def test_a_search_that_takes_long_measures_only_the_last_rung() -> None:
    clock = iter(range(0, 10_000, 40))
    search = search_module.Search(RunConfig(), UNKNOWN, SMALL, Results(SLOW, SLOW, FINE), clock=lambda: next(clock))
    tried = [event for event in search.climb() if isinstance(event, ev.ConfigurationTried)]
    assert [t.index for t in tried if t.memory_peak] == [1, 2, 8] and tried[-1].passed
    assert all("taken over 90 s" in t.verdict for t in tried[2:-1])


# predictions


def test_a_p4_measures_only_what_is_not_ruled_out() -> None:
    measure = Results(FINE)
    search = Search(P4, measure, PATCHES)
    verdicts = [p.verdict for p in search.predicted]
    assert verdicts[0] == "ruled out: at least 9.2 s per step" and verdicts[1] == "ruled out: at least 4.3 s per step"
    assert verdicts[2] == "may fit with checkpointing block"
    assert search.attempts == [(1, "none"), (2, "none"), (3, "block")] and measure.asked == [(128, 4, "block")]
    assert search.tried[0].verdict == "not measured, ruled out: at least 9.2 s per step" and not search.tried[0].passed
    assert search.config.training.checkpointing == "block"
    one = search.predicted[2]
    assert (one.parameters, one.checkpointing) == (sum(p.numel() for p in LeanVSR(128, 32).parameters()), "block")
    assert (search.tried[2].predicted_memory, search.tried[2].parameters) == (one.predicted_memory, one.parameters)
    assert search.tried[2].predicted_seconds == one.predicted_seconds


def test_a_12_gb_card_in_bf16_measures_from_the_top() -> None:
    search = Search(RTX_3060, Results(SLOW, FINE), PATCHES)
    assert all(p.verdict == "may fit" for p in search.predicted)
    assert search.attempts == [(1, "none"), (2, "none")]


def test_a_2_gb_card_needs_checkpointing() -> None:
    measure = Results(Measurement(1.0, GB))
    search = Search(card(2), measure, PATCHES)
    assert search.predicted[0].verdict == "ruled out: about 3.9 GB even with checkpointing trunk"
    assert search.predicted[-1].verdict == "may fit with checkpointing trunk"
    assert measure.asked == [(64, 4, "trunk")]
    assert search.config.training.checkpointing == "trunk"


def test_nothing_is_measured_where_nothing_can_fit() -> None:
    measure = Results(FINE)
    search = Search(card(0.5), measure, PATCHES)
    assert not measure.asked and all(p.verdict.startswith("ruled out: about") for p in search.predicted)
    assert "closest came rung 8 (64 feature maps, 20 blocks, batch 4 x 1, checkpointing trunk)" in search.failure


# nothing passes


def test_when_nothing_passes_the_closest_is_named_with_what_to_set() -> None:
    nearly = Measurement(5.2, 7 * GB)
    search = Search(UNKNOWN, Results(SLOW, SLOW, nearly, SLOW), PATCHES)
    assert search.failure == (
        "no configuration fits a card; closest came rung 3 (128 feature maps, 32 blocks, batch 4 x 1, checkpointing "
        "block), which took 5.20 s per step where 4 s are allowed; set tune.max_seconds = 5.5 or data.crop = 152 "
        "in config.toml or with --set"
    )


def test_memory_that_is_just_missing_is_asked_for() -> None:
    search = Search(UNKNOWN, Results(Measurement(1.0, int(8.4 * GB))))
    assert "8.4 GB where 8.0 GB are allowed; set tune.max_memory = 0.89 in config.toml" in search.failure


def test_more_memory_than_there_is_is_not_asked_for() -> None:
    failure = Search(UNKNOWN, Results(OUT_OF_MEMORY), PATCHES).failure
    assert "tune.max_memory" not in failure and "set data.crop = " in failure


def test_proposed_settings_pass() -> None:
    """Advice is of use only if the next search finds something."""
    failure = Search(P4, Results(Measurement(5.2, GB)), PATCHES).failure
    proposed = failure.partition("tune.max_seconds = ")[2].split()[0]
    assert Search(P4, Results(Measurement(5.2, GB)), PATCHES, tune__max_seconds=float(proposed)).tried[-1].passed
