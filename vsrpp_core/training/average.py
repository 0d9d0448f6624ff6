"""The moving average of the weights: what is validated and used, while the raw weights are trained.

The average over many noisy steps is a better network than the last of them (Polyak and Juditsky 1992).
"""

import copy
from typing import Any

import torch
from torch import Tensor

from vsrpp_core.network.model import VSRBidirectional3x


class WeightAverage:
    """An exponential moving average that is updated after every step; Stateful.

    ``decay`` is the share of the average that a step keeps; 0 means the raw weights. In the first steps it is lower, at
    step n at most (1 + n) / (10 + n), or the untrained network would linger.
    """

    def __init__(self, model: VSRBidirectional3x, decay: float) -> None:
        self._decay, self._updates = decay, 0
        self._raw = model
        self.model = copy.deepcopy(model).requires_grad_(False) if decay else model
        self._averages: list[Tensor] = list(self.model.parameters())
        self._latest: list[Tensor] = list(model.parameters())

    @torch.no_grad()
    def update(self) -> None:
        """Fold in the current raw weights. Does not wait for the device."""
        if not self._decay:
            return
        self._updates += 1
        decay = min(self._decay, (1 + self._updates) / (10 + self._updates))
        torch._foreach_lerp_(self._averages, self._latest, 1 - decay)

    def restart(self) -> None:
        """Restart from the raw weights."""
        self._updates = 0
        if self._decay:
            self.model.load_state_dict(self._raw.state_dict())

    def state_dict(self) -> dict[str, Any]:
        return {"updates": self._updates, "weights": self.model.state_dict() if self._decay else {}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Load the raw weights first: a state without an average starts one from them."""
        self.restart()
        if self._decay and state["weights"]:
            self.model.load_state_dict(state["weights"])
            self._updates = state["updates"]
