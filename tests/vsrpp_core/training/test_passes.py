"""Trials of ways to run the network's passes, with times that are made up."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from tests.helpers import TINY
from vsrpp_core.batches.dataset import Batch
from vsrpp_core.device.hardware import Hardware, choose_hardware
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages.events import PassesTimed
from vsrpp_core.network.loss import LossWeights
from vsrpp_core.run.config import RunConfig
from vsrpp_core.training import passes
from vsrpp_core.training.laps import Lap
from vsrpp_core.training.passes import Passes
from vsrpp_core.training.step import OptimizerStep, build_model

CARD, CPU = torch.device("cuda"), torch.device("cpu")
FRAMES = torch.zeros(1)


def training(**settings: Any) -> Any:
    return RunConfig().with_overrides({f"training.{name}": value for name, value in settings.items()}).training


def lap(seconds: float) -> Lap:
    """Of ten steps of so many seconds, and five more in which pictures were waited for."""
    return Lap(steps=10, samples=40, seconds=10 * seconds + 5, waited=5.0, synced=0.0)


@pytest.fixture(autouse=True)
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was compiled; each way says its name."""
    names = list[str]()

    def compiled(network: Any, way: str) -> Callable[[Any], str]:
        names.append(way)
        return lambda frames: way

    monkeypatch.setattr(passes, "_compiled", compiled)
    return names


def tried(trial: Passes, *seconds: float) -> tuple[list[Any], list[PassesTimed]]:
    """What answered in each lap, and what was said."""
    answers, said = list[Any](), list[PassesTimed]()
    for second in seconds:
        answers.append(trial(FRAMES))
        said += trial.timed(70, lap(second))
    return answers, said


def new(device: torch.device = CARD, alone: bool = True, **settings: Any) -> Passes:
    return Passes(lambda frames: "off", training(compile="auto", **settings), device, alone)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("times", "chosen"),
    [((1.0, 0.7, 0.6), "graphs"), ((1.0, 0.7, 0.8), "on"), ((1.0, 0.99, 0.98), "off"), ((0.5, 0.6, 0.7), "off")],
)
def test_the_fastest_way_is_kept_if_it_is_worth_it(times: tuple[float, ...], chosen: str) -> None:
    trial = new()
    answers, (said,) = tried(trial, *(seconds for time in times for seconds in (time + 4, time + 1, time)))
    assert answers == ["off"] * 3 + ["on"] * 3 + ["graphs"] * 3
    assert (said.chosen, said.ways) == (chosen, ("off", "on", "graphs")) and trial(FRAMES) == chosen
    assert said.seconds == pytest.approx(times) and said.prepared == pytest.approx((40, 40, 40))
    assert list(trial.timed(80, lap(1.0))) == [], "it is over"


def test_a_way_that_fails_is_passed_over_and_named() -> None:
    trial = new()
    tried(trial, 5.0, 1.0, 1.0, 30.0)
    assert trial.give_up(RuntimeError("no Triton for sm_61\nmore")) and trial(FRAMES) == "off"
    _, (said,) = tried(trial, 1.0, 5.0, 0.5, 0.5)
    assert said.errors == ("on: no Triton for sm_61",) and said.chosen == "graphs"
    assert [math.isnan(seconds) for seconds in said.seconds] == [False, True, False]
    assert not trial.give_up(RuntimeError("later"))


def test_what_is_not_to_be_tried_is_not(made: list[str]) -> None:
    assert tried(new(CPU), 5.0, 1.0, 1.0, 1.0) == (["off"] * 4, []), "a CPU's numbers would change"
    assert tried(new(alone=False), 5.0, 1.0, 1.0, 1.0) == (["off"] * 4, [])
    assert tried(new(accumulation=2), 5.0, 1.0, 1.0, 5.0, 0.5, 0.5)[1][0].ways == ("off", "on") and made == ["on"]


def test_settings_of_earlier_versions_and_what_cannot_be() -> None:
    assert [training(compile=value).compile for value in (True, False, "true", "graphs")] == [
        "on",
        "off",
        "on",
        "graphs",
    ]
    with pytest.raises(VsrppError, match=r"training: .*accumulation = 1"):
        training(compile="graphs", accumulation=2)


def test_a_step_whose_way_fails_halfway_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gradients of the micro-batches before are not counted twice."""
    cpu = choose_hardware("fp32")
    config = RunConfig().with_overrides({**TINY, "training.compile": "auto"})
    frames = torch.randint(256, (2, 5, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    half = Batch(frames, frames[:, :1, :, :, :].repeat(1, 1, 1, 3, 3)[:, 0], share=0.5)

    def stepped(trial: bool) -> tuple[torch.Tensor, ...]:
        torch.manual_seed(0)
        model = build_model(config, cpu)
        step = OptimizerStep(model, config.training, cpu)
        if trial:
            calls = iter(range(9))

            def failing(frames: torch.Tensor) -> torch.Tensor:
                if next(calls):
                    raise RuntimeError("the compiler is gone")
                prediction: torch.Tensor = model(frames)
                return prediction

            step.passes = Passes(failing, config.training, CARD)  # type: ignore[arg-type]
            step.passes._way = "on"
            step.passes._made["on"] = failing
        step.run([half, half], LossWeights(0.6, 0.2, 0.2), 1.5, 1e-3)
        return tuple(parameter.detach() for parameter in model.parameters())

    assert all(torch.equal(one, other) for one, other in zip(stepped(True), stepped(False), strict=True))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("way", ["on", "graphs"])
def test_compiled_code_takes_the_same_step_on_a_card(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # this one compiles
    hardware: Hardware = choose_hardware("fp32")
    frames = torch.randint(256, (2, 5, 3, 16, 16), dtype=torch.uint8)
    whole = Batch(frames, torch.randint(256, (2, 3, 48, 48), dtype=torch.uint8))
    found = []
    for compiled in ("off", way):
        torch.manual_seed(0)
        config = RunConfig().with_overrides({**TINY, "training.compile": compiled})
        model = build_model(config, hardware)
        step = OptimizerStep(model, config.training, hardware)
        figures = [step.run([whole], LossWeights(0.6, 0.2, 0.2), 1.5, 1e-4).cpu() for _ in range(12)]
        found.append((torch.stack(figures), [parameter.detach().cpu() for parameter in model.parameters()]))
    torch.testing.assert_close(found[0], found[1], rtol=1e-3, atol=1e-5, equal_nan=True)
