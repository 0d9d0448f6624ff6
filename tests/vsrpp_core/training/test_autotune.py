from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import MakeDataset
from tests.helpers import TINY, make_info
from vsrpp_core.data.stacked import StackGeometry
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages import events as ev
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.folder import RunFolder, write_checkpoint_info
from vsrpp_core.training import autotune
from vsrpp_core.training.autotune import LADDER, Measurement, measure_steps, tune, tune_run
from vsrpp_core.training.hardware import DeviceDescription, Hardware
from vsrpp_core.training.step import OptimizerStep

GB = 2**30
CARD = Hardware(torch.device("cpu"), DeviceDescription("a card", 10 * GB, "cuda"), "fp32", "")
GEOMETRY = StackGeometry(n_frames=7, height=16, width=16)
FINE, OUT_OF_MEMORY = Measurement(1.0, 2 * GB), Measurement(float("nan"), 10 * GB, out_of_memory=True)


class Results:
    """Stands in for measuring: gives results in their order, the last one for ever."""

    def __init__(self, *results: Measurement) -> None:
        self.results, self.asked = list(results), list[RunConfig]()

    def __call__(self, config: RunConfig, hardware: Hardware, geometry: StackGeometry) -> Measurement:
        self.asked.append(config)
        return self.results.pop(0) if len(self.results) > 1 else self.results[0]


def finish(tuning: Generator[ev.Event, None, RunConfig | None]) -> tuple[list[ev.ConfigurationTried], Any]:
    tried: list[ev.ConfigurationTried] = []
    while True:
        try:
            event = next(tuning)
        except StopIteration as end:
            return tried, end.value
        assert isinstance(event, ev.ConfigurationTried)
        tried.append(event)


def test_the_ladder_is_tried_from_the_top() -> None:
    tried: list[ev.Event] = []
    with pytest.raises(VsrppError):
        tried.extend(tune(RunConfig(), CARD, GEOMETRY, Results(OUT_OF_MEMORY)))
    assert [(t.n_feats, t.batch_size, t.n_blocks) for t in tried if isinstance(t, ev.ConfigurationTried)] == [
        (192, 3, 32), (160, 4, 32), (128, 4, 32), (192, 2, 32), (160, 3, 24), (128, 3, 24), (96, 4, 24), (64, 4, 20),
    ]  # fmt: skip
    assert [t.index for t in tried if isinstance(t, ev.ConfigurationTried)] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_the_first_that_passes_is_taken_and_no_more_measured() -> None:
    measure = Results(OUT_OF_MEMORY, OUT_OF_MEMORY, FINE)
    tried, config = finish(tune(RunConfig(), CARD, GEOMETRY, measure))
    assert [t.passed for t in tried] == [False, False, True] and len(measure.asked) == 3
    assert (config.model.n_feats, config.model.n_blocks, config.model.n_frames) == (128, 32, 7)
    assert (config.training.batch_size, config.training.accumulation) == (4, 1)


@pytest.mark.parametrize(("place", "accumulation"), [(0, 2), (1, 1), (3, 2)], ids=["batch 3", "batch 4", "batch 2"])
def test_accumulation_makes_the_effective_batch_at_least_four(place: int, accumulation: int) -> None:
    results = [OUT_OF_MEMORY] * place + [FINE]
    tried, config = finish(tune(RunConfig(), CARD, GEOMETRY, Results(*results)))
    assert config.training.accumulation == tried[-1].accumulation == accumulation
    assert config.training.batch_size * accumulation >= 4
    assert tried[-1].seconds_per_step == accumulation * FINE.seconds


@pytest.mark.parametrize(
    ("result", "passed", "phrase"),
    [
        (Measurement(2.0, GB), True, "passes with 4.00 s per step and 1.0 GB"),
        (Measurement(2.01, GB), False, "4.0 s per step is over"),
        (Measurement(1.0, 8 * GB), True, "8.0 GB"),
        (Measurement(1.0, 8 * GB + 1), False, "memory 8.0 GB is over 80% of the card"),
        (OUT_OF_MEMORY, False, "out of memory"),
    ],
)
def test_what_passes(result: Measurement, passed: bool, phrase: str) -> None:
    """The first rung has a batch of 3, so a step is two measured passes."""
    first = next(tune(RunConfig(), CARD, GEOMETRY, Results(result)))
    assert isinstance(first, ev.ConfigurationTried)
    assert first.passed is passed and phrase in first.verdict


def test_when_nothing_passes_the_closest_is_named() -> None:
    with pytest.raises(VsrppError, match=r"fits a card; .* 64 feature maps and 20 blocks: 9\.0 s per step is over"):
        finish(tune(RunConfig(), CARD, GEOMETRY, Results(OUT_OF_MEMORY, Measurement(9.0, GB))))


def test_other_settings_stay() -> None:
    config = RunConfig().with_overrides([("training.seed", "5"), ("data.root", "/clips")])
    _, tuned = finish(tune(config, CARD, GEOMETRY, Results(FINE)))
    assert (tuned.training.seed, tuned.data.root, tuned.schedule) == (5, "/clips", config.schedule)


def test_running_out_of_memory_is_a_result(monkeypatch: pytest.MonkeyPatch) -> None:
    def run_out(*anything: object, **more: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    config = RunConfig().with_overrides((*TINY.items(), ("model.n_frames", "7")))
    assert measure_steps(config, CARD, GEOMETRY).seconds > 0
    monkeypatch.setattr(OptimizerStep, "run", run_out)
    assert measure_steps(config, CARD, GEOMETRY).out_of_memory


def test_a_step_over_the_limit_is_measured_only_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, run = [], OptimizerStep.run

    def counted(*anything: Any, **more: Any) -> torch.Tensor:
        calls.append(1)
        return run(*anything, **more)

    monkeypatch.setattr(OptimizerStep, "run", counted)
    monkeypatch.setattr(autotune, "MAX_SECONDS", 0.0)
    measure_steps(RunConfig().with_overrides((*TINY.items(), ("model.n_frames", "7"))), CARD, GEOMETRY)
    assert len(calls) == 2


# a run


@pytest.fixture
def cpu_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def test_a_cpu_gets_a_small_network_and_is_told(cpu_only: None, make_dataset: MakeDataset, tmp_path: Path) -> None:
    run, data = tmp_path / "run", make_dataset()
    (warning,) = tune_run(run, data)
    assert isinstance(warning, ev.WarningRaised) and "for GPUs" in warning.message
    config = RunConfig.load(run / "config.toml")
    assert (config.data.root, config.model.n_feats, config.model.n_frames) == (str(data), 32, 5)


def test_a_card_gets_what_passed(monkeypatch: pytest.MonkeyPatch, make_dataset: MakeDataset, tmp_path: Path) -> None:
    run, data = tmp_path / "run", make_dataset()
    monkeypatch.setattr(autotune, "describe_device", lambda: CARD.description)
    monkeypatch.setattr(autotune, "choose_hardware", lambda precision: CARD)
    monkeypatch.setattr(autotune, "measure_steps", Results(OUT_OF_MEMORY, FINE))
    assert len(list(tune_run(run, data))) == 2
    config = RunConfig.load(run / "config.toml")
    assert (config.model.n_feats, config.model.n_frames, config.data.root) == (LADDER[1][0], 5, str(data))


def test_settings_of_one_s_own_stay_but_for_the_size(cpu_only: None, make_dataset: MakeDataset, tmp_path: Path) -> None:
    run, data = tmp_path / "run", make_dataset()
    mine = [
        ("training.seed", "7"),
        ("cadence.validate_every", "77"),
        ("training.max_steps", "123"),
        ("loss.l1", "0.7"),
        ("loss.ms", "0.1"),
    ]
    run.mkdir()
    RunConfig().with_overrides(mine).save(run / "config.toml")
    list(tune_run(run, data))
    config = RunConfig.load(run / "config.toml")
    assert (config.training.seed, config.cadence.validate_every, config.training.max_steps) == (7, 77, 123)
    assert (config.loss.l1, config.model.n_feats) == (0.7, 32)


def test_a_run_with_a_network_keeps_its_size(make_dataset: MakeDataset, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.create()
    folder.checkpoint(12).write_bytes(b"x")
    write_checkpoint_info(folder.path, make_info(12))
    with pytest.raises(VsrppError, match="holds a network at step 12"):
        list(tune_run(folder.path, make_dataset()))


def test_a_search_can_be_ended() -> None:
    asked = iter((False, False, True))
    tried, config = finish(tune(RunConfig(), CARD, GEOMETRY, Results(OUT_OF_MEMORY), lambda: next(asked)))
    assert len(tried) == 2 and config is None


def test_without_a_dataset_there_is_nothing_to_tune_for(tmp_path: Path) -> None:
    with pytest.raises(VsrppError, match="--data ROOT"):
        list(tune_run(tmp_path / "run", None))
    with pytest.raises(VsrppError, match="is not a folder"):
        list(tune_run(tmp_path / "run", tmp_path / "nowhere"))
    assert not (tmp_path / "run").exists()
