"""One optimizer step: forward, loss, backward, clip, update, without waiting for the device once.

Separate from the loop because auto-tune measures exactly this step. What a step found out stays on the device as one
small tensor until somebody reads it.
"""

from typing import Any

import torch
from torch import Tensor

from vsrpp_core.data.dataset import Batch
from vsrpp_core.network.loss import LossWeights, hybrid_loss
from vsrpp_core.network.model import VSRBidirectional3x
from vsrpp_core.run.config import TrainingConfig
from vsrpp_core.training.hardware import Hardware

FIGURES = ("loss_l1", "loss_ms", "loss_grad", "loss_total", "sharpness", "gradient_norm")
"""What the figures of a step are, in order."""


class OptimizerStep:
    """Owns the optimizer and, for fp16, the loss scaler; Stateful.

    A step whose gradient is not finite leaves weights and moments bit-unchanged: fused AdamW is told on the device.
    """

    def __init__(self, model: VSRBidirectional3x, config: TrainingConfig, hardware: Hardware) -> None:
        self._model, self._hardware = model, hardware
        self._parameters = list(model.parameters())
        self._optimizer = torch.optim.AdamW(
            self._parameters,
            betas=(config.beta1, config.beta2),
            weight_decay=config.weight_decay,
            fused=True,
        )
        self._scaler = torch.amp.GradScaler(hardware.device.type, enabled=hardware.precision == "fp16")

    def run(self, batches: list[Batch], weights: LossWeights, clip_norm: float, learning_rate: float) -> Tensor:
        """Take one step over the micro-batches, weighted by their samples; its figures, float32 [6] on the device."""
        samples = sum(len(batch) for batch in batches)
        figures = torch.zeros(len(FIGURES) - 1, device=self._hardware.device)
        for batch in batches:
            figures += self._backward(batch, weights, share=len(batch) / samples)
        norm = self._update(clip_norm, learning_rate)
        return torch.cat((figures, norm.float().view(1)))

    def _backward(self, batch: Batch, weights: LossWeights, share: float) -> Tensor:
        frames, ground_truth = batch.on(self._hardware.device)
        with self._hardware.autocast():
            prediction = self._model(frames)
        parts = hybrid_loss(prediction.float(), ground_truth)
        total = parts.total(weights)
        self._scaler.scale(total * share).backward()  # type: ignore[no-untyped-call]
        return share * torch.stack((parts.l1, parts.ms, parts.grad, total, parts.sharpness)).detach()

    def _update(self, clip_norm: float, learning_rate: float) -> Tensor:
        self._scaler.unscale_(self._optimizer)
        norm = torch.nn.utils.get_total_norm([p.grad for p in self._parameters if p.grad is not None])
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

    def adopt(self, optimizer: dict[str, Any]) -> None:
        """Take over the moments of another AdamW of the same parameters; its rates and decays are not taken."""
        own = self._optimizer.state_dict()
        self._optimizer.load_state_dict({"state": optimizer["state"], "param_groups": own["param_groups"]})

    def state_dict(self) -> dict[str, Any]:
        return {"optimizer": self._optimizer.state_dict(), "scaler": self._scaler.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._optimizer.load_state_dict(state["optimizer"])
        if self._scaler.is_enabled() and state["scaler"]:
            self._scaler.load_state_dict(state["scaler"])
