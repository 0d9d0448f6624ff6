"""A clip norm that follows the recent gradient norms, so that only outliers are cut."""

import math
from collections import deque
from typing import Any

import numpy as np

from vsrpp_core.run.config import ClippingConfig


class AdaptiveGradClip:
    """Smoothed percentile of the last norms, once enough of them are known."""

    def __init__(self, config: ClippingConfig) -> None:
        self._config = config
        self._norms: deque[float] = deque(maxlen=config.window)
        self._clip_norm = config.initial

    @property
    def clip_norm(self) -> float:
        return self._clip_norm

    def reconfigure(self, config: ClippingConfig) -> None:
        """Use other settings from now on; a new initial clip norm applies at once."""
        if config.initial != self._config.initial:
            self._clip_norm = config.initial
        self._norms = deque(self._norms, maxlen=config.window)
        self._config = config

    def observe(self, norm: float) -> None:
        """Record one step's gradient norm (before clipping); a norm that is not finite is ignored."""
        if not math.isfinite(norm):
            return
        self._norms.append(norm)
        if len(self._norms) >= self._config.minimum:
            target = float(np.percentile(self._norms, self._config.percentile))
            self._clip_norm = self._config.smoothing * self._clip_norm + (1 - self._config.smoothing) * target

    def state_dict(self) -> dict[str, Any]:
        return {"norms": list(self._norms), "clip_norm": self._clip_norm}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._norms = deque(state["norms"], maxlen=self._config.window)
        self._clip_norm = state["clip_norm"]
