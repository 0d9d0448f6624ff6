"""What NVIDIA's driver says of the card: its temperature, power, clock, and why that is held down.

Separate from hardware.py, which is what torch says: NVML answers also where this torch does not know the card, is
missing on other machines, and may take its time.
"""

import math
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pynvml
import torch

from vsrpp_core.device.hardware import Hardware
from vsrpp_core.messages.kinds import ThrottleReason

REASONS: dict[ThrottleReason, int] = {
    "power cap": pynvml.nvmlClocksThrottleReasonSwPowerCap,
    "hardware slowdown": pynvml.nvmlClocksThrottleReasonHwSlowdown,
    "temperature": pynvml.nvmlClocksEventReasonSwThermalSlowdown,
    "temperature, by the hardware": pynvml.nvmlClocksThrottleReasonHwThermalSlowdown,
    "power brake": pynvml.nvmlClocksThrottleReasonHwPowerBrakeSlowdown,
}
"""The driver's bits; that of an idle clock is not among them."""

HEALTH_SECONDS = 10.0
"""Between two readings of a card's health: its temperature moves by a degree or two in that time."""


@dataclass(frozen=True, slots=True)
class Health:
    """A card's health at one moment; NaN where the driver does not say. °C, watts, hertz."""

    temperature: float
    power: float
    power_limit: float
    clock: float
    clock_max: float
    throttled: tuple[ThrottleReason, ...]


class HealthMonitor:
    """Reads the card's health every ``seconds`` on a thread of its own, so that no step waits for a driver."""

    def __init__(self, read: Callable[[], Health], seconds: float = HEALTH_SECONDS) -> None:
        self._read, self._seconds, self._ended = read, seconds, threading.Event()
        self._newest: Health | None = None
        self._thread = threading.Thread(target=self._watch, name="card's health", daemon=True)
        self._thread.start()

    def newest(self) -> Health | None:
        """The last reading, another object for each; None before the first."""
        return self._newest

    def close(self) -> None:
        """No reading follows; one that hangs in the driver is not waited for."""
        self._ended.set()

    def _watch(self) -> None:
        while True:
            self._newest = self._read()
            if self._ended.wait(self._seconds):
                return


def monitor_of(hardware: Hardware) -> HealthMonitor | None:
    """A monitor of the card that ``hardware`` computes on; None where that is no card, or NVML does not know it."""
    if hardware.device.type != "cuda":
        return None
    try:
        pynvml.nvmlInit()  # for as long as this process lives
        handle = card_handle()
    except pynvml.NVMLError:
        return None
    return HealthMonitor(lambda: read_health(handle))


def read_health(handle: Any) -> Health:
    limit = asked(pynvml.nvmlDeviceGetEnforcedPowerLimit, handle)
    clock, clock_max = (
        asked(question, handle, pynvml.NVML_CLOCK_SM)
        for question in (pynvml.nvmlDeviceGetClockInfo, pynvml.nvmlDeviceGetMaxClockInfo)
    )
    return Health(
        temperature=_scaled(asked(pynvml.nvmlDeviceGetTemperature, handle, pynvml.NVML_TEMPERATURE_GPU)),
        power=_scaled(asked(pynvml.nvmlDeviceGetPowerUsage, handle), 1e-3),
        power_limit=_scaled(limit, 1e-3),
        clock=_scaled(clock, 1e6),
        clock_max=_scaled(clock_max, 1e6),
        throttled=throttle_reasons(handle),
    )


def _scaled(figure: int | None, unit: float = 1.0) -> float:
    return math.nan if figure is None else figure * unit


def throttle_reasons(handle: Any) -> tuple[ThrottleReason, ...]:
    bits = asked(pynvml.nvmlDeviceGetCurrentClocksThrottleReasons, handle) or 0
    return tuple(name for name, bit in REASONS.items() if bits & bit)


@contextmanager
def nvml() -> Iterator[bool]:
    """NVML for the time of the context; False where there is none."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        yield False
        return
    try:
        yield True
    finally:
        pynvml.nvmlShutdown()


def card_handle() -> Any:
    """Of the card that torch computes on; where torch knows none, of the first that it is allowed to see.

    Raises NVMLError where there is none.
    """
    if torch.cuda.is_available():
        return pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties().uuid}")
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")[0].strip()
    if allowed.startswith("GPU-"):
        return pynvml.nvmlDeviceGetHandleByUUID(allowed)
    return pynvml.nvmlDeviceGetHandleByIndex(int(allowed) if allowed.isdigit() else 0)


def asked(question: Callable[..., Any], *arguments: object) -> Any:
    """None where this card has no such figure: passively cooled cards and laptops leave some out."""
    try:
        return question(*arguments)
    except pynvml.NVMLError:
        return None
