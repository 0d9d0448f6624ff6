"""The card's health between steps: what is said of it, and the wait while it is hotter than the user wants.

Separate from the loop, which only asks whether it may go on.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Protocol

from vsrpp_core.device.nvml import Health
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.kinds import ThrottleReason
from vsrpp_core.run.config import COOL_BY
from vsrpp_core.training.distributed import Ranks

CALM_SECONDS = 300.0
"""Without throttling after which a spell of it is over: a card at its limit goes in and out of it all the time."""

LOOK_SECONDS = 0.25
"""Between two looks for orders, and for a new reading, while the card cools."""


class Monitor(Protocol):
    def newest(self) -> Health | None: ...


class HeatGuard:
    """Says each new reading, each spell of throttling, and when training waits for a card to cool and continues.

    Several ranks wait together, for the hottest card. ``monitor`` is None where nothing is known of the card.
    """

    def __init__(self, monitor: Monitor | None, max_temperature: int, ranks: Ranks) -> None:
        self.max_temperature = max_temperature
        """°C; 0: training never waits."""
        self._monitor, self._ranks = monitor, ranks
        self._health: Health | None = None
        self._reasons: set[ThrottleReason] = set()
        """Those said in this spell."""
        self._throttled_at = -math.inf
        self._waits_since = math.nan
        self._runs_hot = False
        """Whether the user did not want to wait; until the card has cooled."""
        self._has_warned = False

    @property
    def is_cooling(self) -> bool:
        return not math.isnan(self._waits_since)

    def run_hot(self) -> bool:
        """Do not wait any longer for the card to cool; False where that is not waited for."""
        self._runs_hot = self._runs_hot or self.is_cooling
        return self.is_cooling

    def look(self, step: int) -> Iterator[ev.Event]:
        """What is new; takes LOOK_SECONDS while the card cools, else no time."""
        if self.is_cooling:
            time.sleep(LOOK_SECONDS)
        health = self._monitor.newest() if self._monitor else None
        if health is not None and health is not self._health:
            self._health = health
            yield ev.CardMeasured(step=step, **asdict(health))
            yield from self._throttling(step, health)
        if self.max_temperature or self.is_cooling:
            yield from self._guard(step)

    def _throttling(self, step: int, health: Health) -> Iterator[ev.Event]:
        now = time.monotonic()
        if health.throttled:
            self._throttled_at = now
        elif now - self._throttled_at > CALM_SECONDS:
            self._reasons.clear()
        new = tuple(reason for reason in health.throttled if reason not in self._reasons)
        self._reasons.update(new)
        if new:
            yield ev.CardThrottled(step=step, reasons=new, temperature=health.temperature)

    def _guard(self, step: int) -> Iterator[ev.Event]:
        own = self._health.temperature if self._health else math.nan
        if math.isnan(own) and (self._monitor is None or self._health):
            yield from self._warn_of_silence()
        temperature = self._ranks.largest(-math.inf if math.isnan(own) else own)
        resume_at = self.max_temperature - COOL_BY
        has_cooled = not self.max_temperature or temperature <= resume_at
        if self.is_cooling and (has_cooled or self._runs_hot):
            seconds, self._waits_since = time.monotonic() - self._waits_since, math.nan
            yield ev.CoolingEnded(step=step, temperature=temperature, seconds=seconds)
            yield ev.PhaseChanged(phase="training", step=step)
        elif not (self.is_cooling or self._runs_hot) and temperature >= self.max_temperature:
            self._waits_since = time.monotonic()
            limits = {"max_temperature": float(self.max_temperature), "resume_at": float(resume_at)}
            yield ev.CoolingBegan(step=step, temperature=temperature, **limits)
            yield ev.PhaseChanged(phase="cooling", step=step)
        self._runs_hot = self._runs_hot and not has_cooled

    def _warn_of_silence(self) -> Iterator[ev.Event]:
        if not self._has_warned:
            self._has_warned = True
            yield ev.WarningRaised(
                message=f"guard.max_temperature is {self.max_temperature}, but no driver says how hot this device is: "
                "training never waits for it to cool"
            )
