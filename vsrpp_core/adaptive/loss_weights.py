"""Loss weights that follow the sharpness of the prediction.

Sharpness is the mean |gradient| of the prediction over that of the target. A blurred network gets more weight on
the gradient part, one that is sharp enough gets less. A network that stays far too blurred, or whose gradient loss
stays high, is trained in aggressive mode for a while.
"""

from collections import deque
from dataclasses import dataclass, replace
from typing import Any

from vsrpp_core.messages.events import Adaptation
from vsrpp_core.network.loss import LossWeights
from vsrpp_core.run.config import (
    AGGRESSIVE_BELOW,
    AGGRESSIVE_GRAD_LOSS,
    BLURRED_BELOW,
    GRAD_MAX,
    GRAD_MIN,
    L1_MIN,
    MS_MAX,
    SHARP_ABOVE,
    LossConfig,
)

NORMAL_EVERY, NORMAL_UP, NORMAL_DOWN = 50, 1.05, 0.95
AGGRESSIVE_EVERY, AGGRESSIVE_FACTOR = 10, 1.15
AGGRESSIVE_WEIGHTS = LossWeights(l1=0.55, ms=0.15, grad=0.30)
AGGRESSIVE_MAX_STEPS = 5_000
RECENT = 20


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

    Sharpness and gradient loss of one batch are noisy: both are judged by their mean over the last 20 steps.
    With ``config.adaptive`` false the weights never move.
    """

    def __init__(self, config: LossConfig, lr_warmup_steps: int) -> None:
        self._config, self._lr_warmup_steps = config, lr_warmup_steps
        self._state = _State(LossWeights(config.l1, config.ms, config.grad))
        self._sharpness: deque[float] = deque(maxlen=RECENT)
        self._grad_loss: deque[float] = deque(maxlen=RECENT)

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
        self._config, self._lr_warmup_steps = config, lr_warmup_steps

    @property
    def _warmup_steps(self) -> int:
        return self._lr_warmup_steps if self._config.warmup_steps < 0 else self._config.warmup_steps

    def observe(self, step: int, sharpness: float, grad_loss: float) -> WeightChange | None:
        """Record one finished step; returns the change it leads to, if any."""
        self._sharpness.append(sharpness)
        self._grad_loss.append(grad_loss)
        if not self._config.adaptive or len(self._sharpness) < RECENT:
            return None
        if self._state.aggressive:
            return self._in_aggressive_mode(step)
        if step >= max(self._state.may_begin_at, self._warmup_steps) and self._is_far_off():
            return self._begin_aggressive_mode(step)
        if step % NORMAL_EVERY == 0:
            return self._adjust(up=NORMAL_UP, down=NORMAL_DOWN)
        return None

    def _is_far_off(self) -> bool:
        return self._mean_sharpness() < AGGRESSIVE_BELOW or _mean(self._grad_loss) > AGGRESSIVE_GRAD_LOSS

    def _begin_aggressive_mode(self, step: int) -> WeightChange:
        self._state = replace(self._state, aggressive=True, aggressive_since=step, weights=AGGRESSIVE_WEIGHTS)
        return WeightChange("aggressive mode began", AGGRESSIVE_WEIGHTS)

    def _in_aggressive_mode(self, step: int) -> WeightChange | None:
        lasted = step - self._state.aggressive_since
        recovered = lasted >= RECENT and self._mean_sharpness() > BLURRED_BELOW
        if recovered or lasted >= AGGRESSIVE_MAX_STEPS:
            pause = step + self._config.cooldown_steps
            self._state = replace(self._state, aggressive=False, may_begin_at=pause)
            return WeightChange("aggressive mode ended", self.weights)
        if lasted % AGGRESSIVE_EVERY == 0:
            return self._adjust(up=AGGRESSIVE_FACTOR, down=1 / AGGRESSIVE_FACTOR)
        return None

    def _adjust(self, up: float, down: float) -> WeightChange | None:
        sharpness = self._mean_sharpness()
        if BLURRED_BELOW <= sharpness <= SHARP_ABOVE:
            return None
        blurred = sharpness < BLURRED_BELOW
        weights = _with_grad(self.weights, self.weights.grad * (up if blurred else down))
        if weights == self.weights:
            return None
        self._state = replace(self._state, weights=weights)
        return WeightChange("blurred" if blurred else "sharp enough", weights)

    def _mean_sharpness(self) -> float:
        return _mean(self._sharpness)

    def state_dict(self) -> dict[str, Any]:
        return {
            "weights": list(self._state.weights),
            "aggressive": self._state.aggressive,
            "aggressive_since": self._state.aggressive_since,
            "may_begin_at": self._state.may_begin_at,
            "sharpness": list(self._sharpness),
            "grad_loss": list(self._grad_loss),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._state = _State(
            weights=LossWeights(*state["weights"]),
            aggressive=state["aggressive"],
            aggressive_since=state["aggressive_since"],
            may_begin_at=state["may_begin_at"],
        )
        self._sharpness = deque(state["sharpness"], maxlen=RECENT)
        self._grad_loss = deque(state["grad_loss"], maxlen=RECENT)


def _with_grad(weights: LossWeights, grad: float) -> LossWeights:
    """The weights with a new Grad, all within their bounds; L1 is the rest, so they sum to 1."""
    grad = min(max(grad, GRAD_MIN), GRAD_MAX)
    ms = min(weights.ms, MS_MAX, 1 - L1_MIN - grad)
    return LossWeights(l1=1 - ms - grad, ms=ms, grad=grad)


def _mean(values: deque[float]) -> float:
    return sum(values) / len(values)
