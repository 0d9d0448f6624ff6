from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.helpers import FIRST_WEIGHT, SHAPE, make_state
from vsrpp_core.checkpoint import checkpoints, schema
from vsrpp_core.errors import VsrppError
from vsrpp_core.network.model import VSRBidirectional3x
from vsrpp_core.run.config import RunConfig
from vsrpp_core.training.step import FIGURES

Change = Callable[[dict[str, Any]], object]
NOT_FINITE = torch.full((4, 3, 3, 3), torch.nan)
N_WEIGHTS = len(list(VSRBidirectional3x(**SHAPE).parameters()))


def moments(**changed: Any) -> dict[int, Any]:
    """What AdamW keeps after a step, the first weight's changed."""
    weights = VSRBidirectional3x(**SHAPE).parameters()
    kept = {"step": torch.tensor(1.0)}
    state = {i: {**kept, "exp_avg": torch.zeros_like(w), "exp_avg_sq": w * w} for i, w in enumerate(weights)}
    return {**state, 0: {**state[0], **changed}}


WRONG: dict[str, Change] = {
    "model is missing": lambda state: state.pop("model"),
    "progress is missing": lambda state: state.pop("progress"),
    "progress.step is missing": lambda state: state["progress"].pop("step"),
    "progress.step must be a whole number": lambda state: state["progress"].update(step="four"),
    "progress.step must be at least 0": lambda state: state["progress"].update(step=-4),
    "progress.best_quality must be a finite": lambda state: state["progress"].update(best_quality=torch.inf),
    "config must be a table": lambda state: state.update(config="settings"),
    "config.model.n_feats is missing": lambda state: state.update(config={}),
    "config.model.n_blocks must be even": lambda state: state["config"].update(model={**SHAPE, "n_blocks": 3}),
    "config.model.n_feats must be at most": lambda state: state["config"].update(model={**SHAPE, "n_feats": 10**6}),
    "config.training.max_steps must be like": lambda state: state["config"].update(training={"max_steps": "all"}),
    "model must be a table": lambda state: state.update(model=[1, 2]),
    f"model.{FIRST_WEIGHT} must be a Tensor": lambda state: state["model"].update({FIRST_WEIGHT: "weights"}),
    f"model lacks {FIRST_WEIGHT}": lambda state: state["model"].pop(FIRST_WEIGHT),
    "has elsewhere.weight, which is in no network": lambda state: state["model"].update(
        {"elsewhere.weight": torch.zeros(3)}
    ),
    r"feat_extract.weight of shape \[3\] where": lambda state: state["model"].update({FIRST_WEIGHT: torch.zeros(3)}),
    "feat_extract.weight as something else": lambda state: state["model"].update(
        {FIRST_WEIGHT: torch.zeros(4, 3, 3, 3, dtype=torch.int64)}
    ),
    "feat_extract.weight with values that are not finite": lambda state: state["model"].update(
        {FIRST_WEIGHT: NOT_FINITE}
    ),
    "average.weights lacks": lambda state: state["average"].update(weights={FIRST_WEIGHT: torch.zeros(4, 3, 3, 3)}),
    "average must be a table": lambda state: state.update(average=None),
    "state is of 1 weights where the network": lambda state: state["optimizer_step"]["optimizer"].update(
        state={0: moments()[0]}
    ),
    r"optimizer.state.0.step is missing": lambda state: state["optimizer_step"]["optimizer"].update(state={0: {}}),
    "state has exp_avg of feat_extract.weight of shape": lambda state: state["optimizer_step"]["optimizer"].update(
        state=moments(exp_avg=torch.zeros(2))
    ),
    "state has exp_avg_sq of feat_extract.weight with values": lambda state: state["optimizer_step"][
        "optimizer"
    ].update(state=moments(exp_avg_sq=NOT_FINITE)),
    "scaler is not whole": lambda state: state["optimizer_step"].update(scaler={"scale": 1.0}),
    "loss_weights.weights": lambda state: state["loss_weights"].update(weights=[0.5, 0.5]),
    "grad_clip.clip_norm must be greater than 0": lambda state: state["grad_clip"].update(clip_norm=0.0),
    "lr_schedule.factor must be a finite": lambda state: state["lr_schedule"].update(factor=torch.nan),
    "lr_schedule.course.0 must be a whole number": lambda state: state["lr_schedule"].update(course=["late", 0, 0]),
    "1 steps and 0 qualities": lambda state: state["lr_schedule"].update(progress={"steps": [1], "qualities": []}),
    "stream.epoch must be at least 1": lambda state: state["stream"].update(epoch=0),
    "figures.pending.0": lambda state: state["figures"].update(pending=[[1.0]]),
    "random.cpu is of shape": lambda state: state["random"].update(cpu=torch.zeros(3, dtype=torch.uint8)),
    "no state of torch's generators": lambda state: state["random"].update(cuda=[torch.zeros(3)]),
}


def changed(change: Change) -> dict[str, Any]:
    state = make_state(7)
    state = {name: dict(part) if isinstance(part, dict) else part for name, part in state.items()}
    change(state)
    return state


@pytest.mark.parametrize("told", WRONG)
def test_a_part_that_is_not_as_it_must_be_is_named(told: str) -> None:
    with pytest.raises(VsrppError, match=told) as caught:
        schema.check_state(changed(WRONG[told]), Path("run/a.pth"))
    assert str(caught.value).startswith("run/a.pth is not a whole checkpoint: its") and "\n" not in str(caught.value)


def test_a_checkpoint_as_saved_is_whole_with_moments_and_an_average_too() -> None:
    state = changed(lambda state: state["optimizer_step"]["optimizer"].update(state=moments()))
    state["average"] = {"updates": 3, "weights": state["model"]}
    schema.check_state(state, Path("a.pth"))
    assert len(FIGURES) == schema.N_FIGURES


def test_what_is_no_whole_checkpoint_is_refused_and_not_taken_for_damaged(tmp_path: Path) -> None:
    torch.save({"format": 2}, tmp_path / "a.pth")
    with pytest.raises(VsrppError, match="its part config is missing") as caught:
        checkpoints.load(tmp_path / "a.pth")
    assert not isinstance(caught.value, checkpoints.DamagedCheckpointError)


def test_looking_at_a_network_draws_nothing_from_torch_s_generator() -> None:
    before = torch.get_rng_state()
    schema.check_state(make_state(), Path("a.pth"))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_setting_of_an_earlier_version_is_understood() -> None:
    """``training.compile`` was true or false."""
    state = make_state()
    state["config"]["training"]["compile"] = False
    schema.check_state(state, Path("a.pth"))
    assert RunConfig.from_checkpoint(state["config"]).training.compile == "off"
