"""How auto-tune measures one configuration: real steps, given up early, and out of memory as a result."""

from typing import Any

import pytest
import torch

from tests.helpers import TINY
from vsrpp_core.data.stacked import StackGeometry
from vsrpp_core.device.hardware import DeviceDescription, Hardware, choose_hardware
from vsrpp_core.run.config import RunConfig
from vsrpp_core.training.step import OptimizerStep, build_model
from vsrpp_core.tune import measure
from vsrpp_core.tune.ladder import forecast
from vsrpp_core.tune.measure import measure_steps

SMALL = StackGeometry(n_frames=7, height=16, width=16)
UNKNOWN = Hardware(torch.device("cpu"), DeviceDescription("a card", 10 * 2**30, "cuda"), "fp32", "")


def tiny(**settings: Any) -> RunConfig:
    wanted = {key.replace("__", "."): value for key, value in settings.items()}
    return RunConfig().with_overrides({**TINY, "model.n_frames": 7, **wanted})


def test_measuring_takes_a_warm_up_and_three_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = counted_steps(monkeypatch)
    measurement = measure_steps(tiny(training__checkpointing="trunk"), UNKNOWN, SMALL)
    assert 0 < measurement.seconds < 60 and measurement.memory_peak > 0 and not measurement.out_of_memory
    assert len(steps) == 4


@pytest.mark.parametrize("message", ["CUDA out of memory. Tried to allocate", "cuDNN error: CUDNN_STATUS_ALLOC_FAILED"])
def test_running_out_of_memory_is_a_result(monkeypatch: pytest.MonkeyPatch, message: str) -> None:
    def run_out(*anything: object, **more: object) -> None:
        raise torch.OutOfMemoryError(message) if "CUDA" in message else RuntimeError(message)

    monkeypatch.setattr(OptimizerStep, "run", run_out)
    assert measure_steps(tiny(), UNKNOWN, SMALL).out_of_memory


def test_another_error_is_not_taken_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*anything: object, **more: object) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(OptimizerStep, "run", fail)
    with pytest.raises(RuntimeError, match="illegal"):
        measure_steps(tiny(), UNKNOWN, SMALL)


def counted_steps(monkeypatch: pytest.MonkeyPatch, *seconds: float) -> list[int]:
    """One entry for each step taken; with ``seconds`` a clock says that the steps take those."""
    calls, run, clock = list[int](), OptimizerStep.run, [0.0]

    def counted(*anything: Any, **more: Any) -> torch.Tensor:
        calls.append(1)
        clock[0] += seconds[len(calls) - 1] if seconds else 0
        return run(*anything, **more)

    monkeypatch.setattr(OptimizerStep, "run", counted)
    if seconds:
        monkeypatch.setattr(measure, "perf_counter", lambda: clock[0])
    return calls


@pytest.mark.parametrize(
    ("seconds", "settings", "taken", "measured"),
    [
        ((9.0, 1.0, 3.0, 2.0), {}, 4, 2.0),
        ((9.0, 4.5, 1.0, 1.0), {}, 2, 4.5),  # one slow step is enough
        ((9.0, 1.0, 4.5, 1.0), {}, 3, 4.5),
        ((12.5, 1.0, 1.0, 1.0), {}, 1, 12.5),  # no warm-up takes so long
        ((99.0, 1.0, 1.0, 1.0), {"training__compile": True}, 4, 1.0),
        ((1.0, 2.5, 1.0, 1.0), {"training__accumulation": 2}, 2, 2.5),  # each micro-batch has half the time
        ((1.0, 4.5, 4.5, 4.5), {"tune__max_seconds": 5}, 4, 4.5),
    ],
)
def test_a_configuration_is_given_up_at_the_first_step_over_the_limit(
    monkeypatch: pytest.MonkeyPatch, seconds: tuple[float, ...], settings: dict[str, Any], taken: int, measured: float
) -> None:
    build_without_compiling(monkeypatch)
    calls = counted_steps(monkeypatch, *seconds)
    result = measure_steps(tiny(**settings), UNKNOWN, SMALL)
    assert (len(calls), result.seconds) == (taken, measured)


def build_without_compiling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiling takes a minute and is not what these tests are about."""
    off = {"training.compile": False}
    monkeypatch.setattr(
        measure, "build_model", lambda config, hardware: build_model(config.with_overrides(off), hardware)
    )


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_smallest_rung_is_measured_on_a_card() -> None:
    config = RunConfig().with_overrides({"data.crop": 48, "tune.max_seconds": 60})
    hardware = choose_hardware("auto")
    patches = StackGeometry(n_frames=5, height=180, width=180)
    rung = forecast(config, hardware, patches)[-1]
    before = torch.cuda.memory_allocated()
    result = measure_steps(rung.configure(config, "none", 5), hardware, patches)
    assert not result.out_of_memory and rung.predictions["none"].seconds_floor <= result.seconds < 60
    assert rung.predictions["none"].memory == pytest.approx(result.memory_peak, rel=0.5)
    assert torch.cuda.memory_allocated() == before
