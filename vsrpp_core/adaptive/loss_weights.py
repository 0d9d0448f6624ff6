"""Loss weights that follow the sharpness of the prediction.

Sharpness is the mean |gradient| of the prediction over that of the target. A blurred network gets more weight on
the gradient part, one that is sharp enough gets less. A network that stays far too blurred is trained in aggressive
mode for a while. What counts as blurred is judged on one of two scales (``sharpness.py``).
"""

import math
from collections import deque
from dataclasses import dataclass, replace
from typing import Any

from vsrpp_core.adaptive.sharpness import SharpnessJudge
from vsrpp_core.messages.kinds import Adaptation
from vsrpp_core.network.loss import LossWeights
from vsrpp_core.run.config import LossConfig


@dataclass(frozen=True, slots=True)
class WeightChange:
    reason: Adaptation
    weights: LossWeights


@dataclass(frozen=True)
class _State:
    weights: LossWeights
    aggressive: bool = False
    aggressive_since: int = 0
    may_begin_at: int = 0
    """First step at which aggressive mode may begin, after any warm-up: the end of a cool-down."""


class AdaptiveLossWeights:
    """Receives each step's sharpness and gradient loss; returns the changes of the weights.

    Both are noisy in one batch: they are judged by their means over the last ``config.recent`` steps.
    With ``config.adaptive`` false the weights never move.
    """

    def __init__(self, config: LossConfig, lr_warmup_steps: int) -> None:
        self._config, self._lr_warmup_steps = config, lr_warmup_steps
        self._state = _State(LossWeights(config.l1, config.ms, config.grad))
        self._judge = SharpnessJudge(config.sharpness, config.recent)
        self._grad_loss: deque[float] = deque(maxlen=config.recent)

    @property
    def weights(self) -> LossWeights:
        return self._state.weights

    @property
    def aggressive(self) -> bool:
        return self._state.aggressive

    def reconfigure(self, config: LossConfig, lr_warmup_steps: int, step: int) -> None:
        """Use other settings after ``step``. New weights, or fixed ones, apply at once, in normal mode.

        Aggressive mode waits for its cool-down before it replaces weights that were set.
        """
        weights, before = LossWeights(config.l1, config.ms, config.grad), self._config
        if not config.adaptive or weights != LossWeights(before.l1, before.ms, before.grad):
            pause = step + config.cooldown_steps
            self._state = replace(self._state, weights=weights, aggressive=False, may_begin_at=pause)
        if (config.sharpness, config.recent) != (before.sharpness, before.recent):
            self._judge.reconfigure(config.sharpness, config.recent)
            self._grad_loss = deque(self._grad_loss, maxlen=config.recent)
        self._config, self._lr_warmup_steps = config, lr_warmup_steps

    @property
    def attained(self) -> float:
        """Sharpness lately between bicubic's (0) and the best shown (1); NaN where that is not judged, or not yet."""
        return self._judge.value if self._config.sharpness == "attainable" else math.nan

    @property
    def needs_bicubic(self) -> bool:
        """Whether steps must measure the sharpness of bicubic upscaling too."""
        return self._config.adaptive and self._config.sharpness == "attainable"

    @property
    def _warmup_steps(self) -> int:
        return self._lr_warmup_steps if self._config.warmup_steps < 0 else self._config.warmup_steps

    def observe(self, step: int, sharpness: float, grad_loss: float, bicubic: float = math.nan) -> WeightChange | None:
        """Record one finished step; returns the change it leads to, if any. ``bicubic``: its sharpness."""
        self._judge.observe(sharpness, bicubic)
        self._grad_loss.append(grad_loss)
        if not self._config.adaptive or len(self._grad_loss) < self._config.recent:
            return None
        if self._state.aggressive:
            return self._in_aggressive_mode(step)
        if step >= max(self._state.may_begin_at, self._warmup_steps) and self._is_far_off():
            return self._begin_aggressive_mode(step)
        if step % self._config.adjust_every == 0:
            return self._adjust(up=self._config.adjust_up, down=self._config.adjust_down)
        return None

    def _is_far_off(self) -> bool:
        """Compared with NaN nothing is far off. The gradient loss of footage depends on its detail, not on the network
        alone: on a relative scale it says nothing."""
        config = self._config
        edges_are_off = config.sharpness == "absolute" and _mean(self._grad_loss) > config.aggressive_grad_loss
        return self._judge.value < config.aggressive_below or edges_are_off

    def _begin_aggressive_mode(self, step: int) -> WeightChange:
        config = self._config
        weights = LossWeights(config.aggressive_l1, config.aggressive_ms, config.aggressive_grad)
        self._state = replace(self._state, aggressive=True, aggressive_since=step, weights=weights)
        return WeightChange("aggressive mode began", weights)

    def _in_aggressive_mode(self, step: int) -> WeightChange | None:
        config, lasted = self._config, step - self._state.aggressive_since
        recovered = lasted >= config.recent and self._judge.value > config.blurred_below
        if recovered or lasted >= config.aggressive_max_steps:
            self._state = replace(self._state, aggressive=False, may_begin_at=step + config.cooldown_steps)
            return WeightChange("aggressive mode ended", self.weights)
        if lasted % config.aggressive_every == 0:
            return self._adjust(up=config.aggressive_factor, down=1 / config.aggressive_factor)
        return None

    def _adjust(self, up: float, down: float) -> WeightChange | None:
        sharpness = self._judge.value
        blurred = sharpness < self._config.blurred_below
        if not blurred and not sharpness > self._config.sharp_above:
            return None
        weights = self._with_grad(self.weights.grad * (up if blurred else down))
        if weights == self.weights:
            return None
        self._state = replace(self._state, weights=weights)
        return WeightChange("blurred" if blurred else "sharp enough", weights)

    def _with_grad(self, grad: float) -> LossWeights:
        """The weights with a new Grad, all within their bounds; L1 is the rest, so they sum to 1."""
        config = self._config
        grad = min(max(grad, config.grad_min), config.grad_max)
        ms = min(self.weights.ms, config.ms_max, 1 - config.l1_min - grad)
        return LossWeights(l1=1 - ms - grad, ms=ms, grad=grad)

    def state_dict(self) -> dict[str, Any]:
        return {
            "weights": list(self._state.weights),
            "aggressive": self._state.aggressive,
            "aggressive_since": self._state.aggressive_since,
            "may_begin_at": self._state.may_begin_at,
            "judge": self._judge.state_dict(),
            "grad_loss": list(self._grad_loss),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._state = _State(
            weights=LossWeights(*state["weights"]),
            aggressive=state["aggressive"],
            aggressive_since=state["aggressive_since"],
            may_begin_at=state["may_begin_at"],
        )
        self._judge.load_state_dict(state.get("judge", {"sharpness": state.get("sharpness", ())}))
        self._grad_loss = deque(state["grad_loss"], maxlen=self._config.recent)


def _mean(values: deque[float]) -> float:
    return sum(values) / len(values)
