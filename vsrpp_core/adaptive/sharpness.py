"""How sharp a network is, judged on one of two scales.

``absolute`` is the mean over the last steps of mean |gradient| of the prediction over that of the target. A network
that minimizes errors never reaches 1 on it, and where it ends depends on the footage. ``attainable`` puts the same
figure between two ends that are known: 0 is the sharpness of bicubic upscaling of the same pictures, 1 the best this
network has shown. Apart from loss_weights.py, which decides what follows.
"""

import math
from collections import deque
from typing import Any

from vsrpp_core.run.config import SharpnessScale

SLOW_STEPS = 500
"""Steps of the slow mean whose largest value is the best shown; fewer say nothing yet."""
BEST_FADES = 1 / 20_000
"""Share of its lead that the best loses a step: a spike, or another dataset, must not be the measure for ever."""
LEAST_BEST = 0.05
"""Of the way from bicubic to the target; a network that has shown less cannot be judged by it: batches scatter more."""
FLAT = 0.01
"""Of bicubic: pictures with no more to gain have no edges to judge."""


class SharpnessJudge:
    """Receives each step's figures; the newest ``recent`` are judged. Stateful."""

    def __init__(self, scale: SharpnessScale, recent: int) -> None:
        self._scale = scale
        self._sharpness: deque[float] = deque(maxlen=recent)
        self._bicubic: deque[float] = deque(maxlen=recent)
        self._usual, self._usual_bicubic, self._seen = 0.0, 0.0, 0
        """Slow means of sharpness and of bicubic's, and the steps that were seen."""
        self._best = 0.0
        """The best shown, as a share of the way from bicubic to the target, 0..1."""

    def reconfigure(self, scale: SharpnessScale, recent: int) -> None:
        self._scale = scale
        self._sharpness = deque(self._sharpness, maxlen=recent)
        self._bicubic = deque(self._bicubic, maxlen=recent)

    def observe(self, sharpness: float, bicubic: float) -> None:
        """Take in one step. ``bicubic`` is NaN where it was not measured."""
        self._sharpness.append(sharpness)
        self._bicubic.append(bicubic)
        if math.isnan(bicubic):
            return
        self._seen += 1
        weight = 1 / min(self._seen, SLOW_STEPS)
        self._usual += weight * (sharpness - self._usual)
        self._usual_bicubic += weight * (bicubic - self._usual_bicubic)
        usually = share_of_way(self._usual, self._usual_bicubic)
        if self._seen >= SLOW_STEPS and not math.isnan(usually):
            faded = self._best - BEST_FADES * (self._best - usually)
            self._best = min(max(faded, usually), 1.0)

    @property
    def value(self) -> float:
        """Sharpness lately on the scale; NaN while there is none."""
        if not self._sharpness:
            return math.nan
        sharpness = sum(self._sharpness) / len(self._sharpness)
        if self._scale == "absolute":
            return sharpness
        lately = share_of_way(sharpness, sum(self._bicubic) / len(self._bicubic))
        return min(lately / self._best, 1.0) if self._best >= LEAST_BEST else math.nan

    def state_dict(self) -> dict[str, Any]:
        return {
            "sharpness": list(self._sharpness),
            "bicubic": list(self._bicubic),
            "usual": [self._usual, self._usual_bicubic],
            "seen": self._seen,
            "best": self._best,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Checkpoints of versions with one scale have the sharpness only: the other ends are measured afresh."""
        recent = self._sharpness.maxlen
        self._sharpness = deque(state["sharpness"], maxlen=recent)
        self._bicubic = deque(state.get("bicubic", [math.nan] * len(self._sharpness)), maxlen=recent)
        self._usual, self._usual_bicubic = state.get("usual", (0.0, 0.0))
        self._seen, self._best = state.get("seen", 0), state.get("best", 0.0)


def share_of_way(sharpness: float, bicubic: float) -> float:
    """How far from bicubic to the target, below 0 where blurrier than bicubic; NaN where bicubic has all there is."""
    return (sharpness - bicubic) / (1 - bicubic) if 1 - bicubic >= FLAT else math.nan
