"""One optimizer step: forward, loss, backward, clip, update, without waiting for the device once.

Separate from the loop because auto-tune measures exactly this step. The figures of a step stay on the device as one
small tensor until they are read back.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import get_total_norm

from vsrpp_core.batches.dataset import Batch
from vsrpp_core.device.hardware import Hardware
from vsrpp_core.network.lean import LeanVSR
from vsrpp_core.network.loss import LossWeights, bicubic_edges, hybrid_loss, sharpness
from vsrpp_core.network.model import VSRBidirectional3x
from vsrpp_core.run.config import RunConfig, TrainingConfig
from vsrpp_core.training.distributed import SINGLE_RANK, Ranks
from vsrpp_core.training.passes import Passes

FIGURES = ("loss_l1", "loss_ms", "loss_grad", "loss_total", "sharpness", "gradient_norm", "bicubic_sharpness")
"""Names of a step's figures, in order; the last is NaN where it was not measured."""


@dataclass(frozen=True, slots=True)
class StepInputs:
    """What a step uses beside its batches; its report carries them: the loss is the sum by these weights."""

    weights: LossWeights
    aggressive: bool
    clip_norm: float
    learning_rate: float
    lr_phase: int


class OptimizerStep:
    """Owns the optimizer and, for fp16, the loss scaler; Stateful.

    A step whose loss or gradient is not finite leaves weights and moments bit-unchanged: fused AdamW gets a flag on the
    device. Of several ranks each takes its part of the step; weights, and the figures of the whole step, are the same
    on all.
    """

    def __init__(
        self, model: VSRBidirectional3x, config: TrainingConfig, hardware: Hardware, ranks: Ranks = SINGLE_RANK
    ) -> None:
        self._hardware, self._ranks, self._scale = hardware, ranks, model.scale
        self._model = ranks.join(model)
        self.passes = Passes(self._model, config, hardware.device, alone=ranks.size == 1)
        self._parameters = list(model.parameters())
        self._optimizer = torch.optim.AdamW(
            self._parameters,
            betas=(config.beta1, config.beta2),
            weight_decay=config.weight_decay,
            fused=True,
        )
        self._scaler = torch.amp.GradScaler(hardware.device.type, enabled=hardware.precision == "fp16")

    def run(
        self,
        batches: list[Batch],
        weights: LossWeights,
        clip_norm: float,
        learning_rate: float,
        observed: bool = False,
        bicubic: bool = False,
    ) -> Tensor:
        """Take one step over the micro-batches, weighted by their shares; its figures, float32 [7] on the device.

        ``observed``: hooks are attached to the network, which compiled code would bypass. ``bicubic``: measure how
        sharp bicubic upscaling is. Raises VsrppError where the network cannot be compiled.
        """
        sums = None
        try:
            sums = self._gradients(self._model if observed else self.passes, batches, weights, bicubic)
        except Exception as error:
            if observed or not self.passes.give_up(error):
                raise
        if sums is None:  # out here the error is gone, and with it what the failed passes held
            self._optimizer.zero_grad(set_to_none=True)
            sums = self._gradients(self._model, batches, weights, bicubic)
        sums = self._ranks.sum(sums)  # first: on CPUs this waits, and fails if a rank died
        *losses, edges, target_edges, plain_edges = sums
        norm = self._update(clip_norm, learning_rate)
        plain_sharpness = sharpness(plain_edges, target_edges)
        return torch.stack((*losses, sharpness(edges, target_edges), norm.float(), plain_sharpness))

    def _gradients(
        self, network: Callable[[Tensor], Tensor], batches: list[Batch], weights: LossWeights, bicubic: bool
    ) -> Tensor:
        """Those of all micro-batches, in the parameters; the sums of their figures."""
        sums = torch.zeros(7, device=self._hardware.device)
        for batch in batches[:-1]:
            with self._ranks.no_sync(self._model):
                sums += self._backward(network, batch, weights, bicubic)
        return sums + self._backward(network, batches[-1], weights, bicubic)

    def _backward(
        self, network: Callable[[Tensor], Tensor], batch: Batch, weights: LossWeights, bicubic: bool
    ) -> Tensor:
        frames, ground_truth = batch.on(self._hardware.device)
        with self._hardware.autocast():
            prediction = network(frames)
        parts = hybrid_loss(prediction.float(), ground_truth)
        total = parts.total(weights)
        share_of_mean = batch.share * self._ranks.size  # gradients of ranks are averaged, where a sum is meant
        sound = 1 + 0 * total.detach()  # NaN of a loss that is not finite, so that no gradient of it is either
        self._scaler.scale(total * share_of_mean * sound).backward()
        plain_edges = bicubic_edges(frames, self._scale) if bicubic else torch.full_like(parts.edges, math.nan)
        figures = (parts.l1, parts.ms, parts.grad, total, parts.edges, parts.target_edges, plain_edges)
        return batch.share * torch.stack(figures).detach()

    def _update(self, clip_norm: float, learning_rate: float) -> Tensor:
        self._scaler.unscale_(self._optimizer)
        norm = get_total_norm([p.grad for p in self._parameters if p.grad is not None])
        torch.nn.utils.clip_grads_with_norm_(self._parameters, clip_norm, norm)
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        if self._scaler.is_enabled():
            self._scaler.step(self._optimizer)
            self._scaler.update()
        else:
            self._optimizer.found_inf = (~norm.isfinite()).float()  # type: ignore[attr-defined]
            self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        return norm

    def agreement(self) -> float:
        """How far the gradients of successive steps agree: 1 where they are equal, 0 where each is noise of its own,
        less where steps undo one another; NaN before the first.

        From AdamW's moments: of independent gradients the squared mean is (1 - beta1) / (1 + beta1) of the mean square.
        """
        states = list(self._optimizer.state.values())
        steps = float(states[0]["step"]) if states else 0.0
        group, *_ = self._optimizer.param_groups
        beta1, beta2 = group["betas"]
        if not steps:
            return math.nan
        mean = float(get_total_norm([state["exp_avg"] for state in states])) / (1 - beta1**steps)
        mean_square = float(get_total_norm([state["exp_avg_sq"] for state in states], 1.0)) / (1 - beta2**steps)
        of_noise = (1 - beta1) / (1 + beta1)
        return (mean**2 / mean_square - of_noise) / (1 - of_noise) if mean_square else math.nan

    def load_optimizer(self, optimizer: dict[str, Any]) -> None:
        """Load the moments of another AdamW of the same parameters; rates and decays are those of the settings."""
        own = self._optimizer.state_dict()
        self._optimizer.load_state_dict({"state": optimizer["state"], "param_groups": own["param_groups"]})

    def state_dict(self) -> dict[str, Any]:
        return {"optimizer": self._optimizer.state_dict(), "scaler": self._scaler.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.load_optimizer(state["optimizer"])
        if self._scaler.is_enabled() and state["scaler"]:
            self._scaler.load_state_dict(state["scaler"])


def build_model(config: RunConfig, hardware: Hardware) -> VSRBidirectional3x:
    """The network of a configuration, freshly initialized, on its device and in the layout that convolutions prefer."""
    shape, training = config.model, config.training
    model = LeanVSR(checkpointing=training.checkpointing, folded=training.folded, **shape.model_dump())
    model.initialize()
    return model.to(hardware.device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
