"""What a run has counted so far, and torch's random state: small Stateful parts of the trainer."""

import math
from dataclasses import dataclass
from typing import Any

import torch


@dataclass
class Progress:
    """What the trainer counts; all of it is in a checkpoint."""

    step: int = 0
    last_loss: float = math.nan
    last_quality: float = math.nan
    """Quality of the last validation, and the step it was made at."""
    last_quality_step: int = -1
    best_quality: float = 0.0
    best_step: int = 0
    best_branch: int = 0
    best_psnr: float = math.nan
    """Highest of a validation, dB."""
    branch: int = 0
    """How often the run has returned to an earlier checkpoint: of two files the one of the later branch is newer."""
    skipped_in_a_row: int = 0
    rollbacks: int = 0
    """In a row: without passing the step at which the first of them began."""
    failed_at: int = 0
    """Step at which the last rollback began, and the one it returned to."""
    rolled_back_to: int = 0

    @property
    def is_best(self) -> bool:
        """Whether the current network is the best."""
        is_of_now = self.best_step == self.last_quality_step == self.step
        return is_of_now and self.best_branch == self.branch

    def state_dict(self) -> dict[str, Any]:
        return dict(vars(self))

    def load_state_dict(self, state: dict[str, Any]) -> None:
        vars(self).update(state)


class TorchRandomState:
    """torch's global generators; Stateful."""

    def state_dict(self) -> dict[str, Any]:
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        return {"cpu": torch.get_rng_state(), "cuda": cuda}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        torch.set_rng_state(state["cpu"])
        if torch.cuda.is_available() and len(state["cuda"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all(state["cuda"])


def higher(one: float, other: float) -> float:
    """The higher of two figures; NaN stands for one that is not known."""
    return max((known for known in (one, other) if not math.isnan(known)), default=math.nan)
