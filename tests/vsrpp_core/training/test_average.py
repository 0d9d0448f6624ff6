"""The moving average of the weights: its formula, its state, and that training does not notice it."""

from pathlib import Path

import pytest
import torch

from tests.conftest import MakeDataset
from tests.helpers import TINY
from vsrpp_core.apply.load_network import load_network
from vsrpp_core.checkpoint import checkpoints
from vsrpp_core.device.hardware import choose_hardware
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.commands import CommandQueue
from vsrpp_core.network.model import VSRBidirectional3x
from vsrpp_core.session.session import open_session
from vsrpp_core.training.average import WeightAverage


def network(fill: float) -> VSRBidirectional3x:
    model = VSRBidirectional3x(4, 2)
    set_all(model, fill)
    return model


@torch.no_grad()
def set_all(model: VSRBidirectional3x, fill: float) -> None:
    for parameter in model.parameters():
        parameter.fill_(fill)


def value(average: WeightAverage) -> float:
    values = torch.cat([parameter.flatten() for parameter in average.model.parameters()]).unique()
    assert len(values) == 1
    return float(values)


@pytest.mark.parametrize("decay", [0.3, 0.999])
def test_the_average_follows_its_formula(decay: float) -> None:
    model, expected = network(0.0), 0.0
    average = WeightAverage(model, decay)
    for n in range(1, 31):
        set_all(model, float(n))
        average.update()
        kept = min(decay, (1 + n) / (10 + n))
        expected = kept * expected + (1 - kept) * n
        assert value(average) == pytest.approx(expected, rel=1e-5)


def test_without_decay_the_raw_weights_are_used() -> None:
    model = network(1.0)
    average = WeightAverage(model, 0.0)
    set_all(model, 2.0)
    average.update()
    assert average.model is model and average.state_dict() == {"updates": 0, "weights": {}}


def test_its_state_comes_back_and_a_state_without_one_begins_at_the_raw_weights() -> None:
    model = network(0.0)
    average, other = WeightAverage(model, 0.9), WeightAverage(network(7.0), 0.9)
    set_all(model, 1.0)
    average.update()
    other.load_state_dict(average.state_dict())
    assert value(other) == value(average) and other.state_dict()["updates"] == 1
    other.load_state_dict({"updates": 0, "weights": {}})
    assert value(other) == 7.0


def train(run: Path, data: Path, ema: float, start: str = "fresh") -> list[ev.Event]:
    settings = {**TINY, "training.ema": ema, "cadence.best_from": 0}
    session = open_session(run, data, start=start, overrides=settings)  # type: ignore[arg-type]
    return list(session.events(CommandQueue()))


def test_training_does_not_notice_it_and_what_is_used_does(make_dataset: MakeDataset, tmp_path: Path) -> None:
    data = make_dataset()
    with_average, without = train(tmp_path / "a", data, 0.9), train(tmp_path / "b", data, 0)
    losses = [[e.loss_total for e in events if isinstance(e, ev.StepReported)] for events in (with_average, without)]
    scores = [[e.ki_psnr for e in events if isinstance(e, ev.ValidationFinished)] for events in (with_average, without)]
    assert losses[0] == losses[1] and scores[0] != scores[1]
    a, b = (checkpoints.load(tmp_path / run / "checkpoint_step_24.pth") for run in "ab")
    assert all(torch.equal(a["model"][name], b["model"][name]) for name in a["model"])
    used = load_network(tmp_path / "a" / "checkpoint_step_24.pth", choose_hardware("fp32")).state_dict()
    assert all(torch.equal(used[name], weight) for name, weight in a["average"]["weights"].items())
    assert not torch.equal(used["fusion.weight"], a["model"]["fusion.weight"])
    used = load_network(tmp_path / "b" / "checkpoint_step_24.pth", choose_hardware("fp32")).state_dict()
    assert torch.equal(used["fusion.weight"], b["model"]["fusion.weight"])
