"""How the network's passes are run: as they are, compiled by torch, or compiled into CUDA graphs.

Separate from the step, which takes any of them. With ``auto`` real steps are timed in each way, so nothing is computed
twice and no second network is held.
"""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from vsrpp_core.errors import VsrppError, first_line
from vsrpp_core.messages.events import PassesTimed
from vsrpp_core.run.config import Compile, TrainingConfig
from vsrpp_core.training.laps import Lap

TIMED_LAPS = 2
"""Of each way, after its first lap; the shorter counts: in the other an epoch's smaller last batch may be compiled."""
WORTH_IT = 0.03
"""Share of a step's time that another way must save to be kept: less could be chance."""


class Passes:
    """The network in the way that is chosen or on trial; call it as the network.

    A trial gives each way a lap in which kernels and code are made, and TIMED_LAPS that are timed.
    """

    def __init__(self, network: nn.Module, config: TrainingConfig, device: torch.device, alone: bool = True) -> None:
        """``alone``: no other ranks, which a trial would not be fair to."""
        self._network = network
        self._made: dict[Compile, Callable[[Tensor], Tensor]] = {"off": network}
        graphs: list[Compile] = ["graphs"] if config.accumulation == 1 else []
        is_tried = config.compile == "auto" and alone and device.type == "cuda"
        self._way: Compile = "off" if config.compile == "auto" else config.compile
        self._left: list[Compile] = ["on", *graphs] if is_tried else []
        self._is_on_trial = is_tried
        self._laps: list[float] = []
        """Seconds of a step in those of the way on trial."""
        self._seconds: dict[Compile, float] = {}
        self._prepared: dict[Compile, float] = {}
        self._errors: list[str] = []

    def __call__(self, frames: Tensor) -> Tensor:
        """Raises VsrppError where the network cannot be compiled as the settings ask."""
        if self._way not in self._made:
            self._made[self._way] = _compiled(self._network, self._way)
        return self._made[self._way](frames)

    def give_up(self, error: Exception) -> bool:
        """Whether ``error`` is that of a way on trial; the passes are then as they are, to be taken again."""
        if not self._is_on_trial or self._way == "off":
            return False
        self._errors.append(f"{self._way}: {first_line(error)}")
        self._seconds[self._way] = self._prepared[self._way] = math.nan
        self._way = "off"
        return True

    def timed(self, step: int, lap: Lap) -> Iterator[PassesTimed]:
        """Take in a lap; what the trial has found, once it has ended."""
        if not self._is_on_trial or not lap.steps:
            return
        seconds = (lap.seconds - lap.waited) / lap.steps
        if self._way not in self._seconds:  # else the way on trial has failed in this lap
            self._laps.append(seconds)
            if len(self._laps) <= TIMED_LAPS:
                return
            first, *timed = self._laps
            self._seconds[self._way] = min(timed)
            self._prepared[self._way] = max(0.0, first - min(timed)) * lap.steps
        self._laps.clear()
        if self._left:
            self._way = self._left.pop(0)
        else:
            self._choose()
            yield self._found(step)

    def _choose(self) -> None:
        best = min(self._seconds, key=lambda way: (math.isnan(self._seconds[way]), self._seconds[way]))
        is_better = self._seconds[best] < (1 - WORTH_IT) * self._seconds["off"]
        self._way, self._is_on_trial = best if is_better else "off", False
        self._made = {way: made for way, made in self._made.items() if way in ("off", self._way)}

    def _found(self, step: int) -> PassesTimed:
        return PassesTimed(
            step=step,
            chosen=self._way,
            ways=tuple(self._seconds),
            seconds=tuple(self._seconds.values()),
            prepared=tuple(self._prepared.values()),
            errors=tuple(self._errors),
        )


def _compiled(network: nn.Module, way: Compile) -> Callable[[Tensor], Tensor]:
    """``network`` compiled at its first call; a failure is raised as one sentence."""
    from torch._dynamo.exc import TorchDynamoException  # a second to import, and seldom wanted

    mode = "reduce-overhead" if way == "graphs" else None
    compiled = torch.compile(network, dynamic=False, mode=mode)  # two shapes: whole batches, and an epoch's last

    def call(frames: Tensor) -> Tensor:
        if way == "graphs":
            torch.compiler.cudagraph_mark_step_begin()  # what the step before has made may be overwritten
        try:
            prediction: Tensor = compiled(frames)
        except TorchDynamoException as error:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            reason = " ".join(lines[:2]) or type(error).__name__
            raise VsrppError(f"the network cannot be compiled here ({reason}); set training.compile = off") from error
        return prediction

    return call
