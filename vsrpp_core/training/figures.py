"""The figures of recent steps, on the device until they are due, and as events have them."""

import math
from typing import Any

import torch
from torch import Tensor

from vsrpp_core.messages.events import ActivityMeasured
from vsrpp_core.network.loss import LossWeights
from vsrpp_core.network.model import Activity
from vsrpp_core.training.step import FIGURES


class StepFigures:
    """Collects one small tensor a step and reads them all back together; Stateful.

    Figures that were not read back yet belong to the state: a resumed run passes the same figures to the adaptive parts
    at the same step as an uninterrupted one.
    """

    def __init__(self) -> None:
        self._pending: list[Tensor] = []
        self._latest: Tensor | None = None

    def add(self, figures: Tensor) -> None:
        self._pending.append(figures)
        self._latest = figures

    def take(self) -> list[dict[str, float]]:
        """Figures of all steps since the last call, oldest first. Waits for the device."""
        if not self._pending:
            return []
        device = self._pending[-1].device  # those of a checkpoint are in host memory
        rows = torch.stack([row.to(device) for row in self._pending]).tolist()
        self._pending.clear()
        return [dict(zip(FIGURES, row, strict=True)) for row in rows]

    def latest(self) -> dict[str, float]:
        """Figures of the last step. Waits for the device."""
        assert self._latest is not None, "no step has been taken yet"
        return dict(zip(FIGURES, self._latest.tolist(), strict=True))

    def state_dict(self) -> dict[str, Any]:
        return {"pending": [row.tolist() for row in self._pending]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Rows of earlier versions lack the newest figures."""
        rows = (row + [math.nan] * (len(FIGURES) - len(row)) for row in state["pending"])
        self._pending = [torch.tensor(row) for row in rows]


def weight_fields(weights: LossWeights) -> dict[str, float]:
    """As events have them."""
    return {"weight_l1": weights.l1, "weight_ms": weights.ms, "weight_grad": weights.grad}


def activity_event(step: int, activity: Activity) -> ActivityMeasured:
    """Waits for the device."""
    return ActivityMeasured(
        step=step,
        backward_trunk=tuple(float(x) for x in activity.backward_trunk),
        forward_trunk=tuple(float(x) for x in activity.forward_trunk),
        fusions=tuple(float(x) for x in activity.fusions),
    )
