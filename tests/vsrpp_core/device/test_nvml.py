"""What is made of what a driver says, with a driver that is made up."""

import math
import threading
from dataclasses import replace
from typing import Any

import pynvml
import pytest
import torch

from vsrpp_core.device.hardware import choose_hardware
from vsrpp_core.device.nvml import Health, HealthMonitor, monitor_of, read_health


def refuse(*_: object) -> None:
    raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)


def driver(monkeypatch: pytest.MonkeyPatch, **answers: Any) -> None:
    for name, answer in answers.items():
        monkeypatch.setattr(pynvml, name, answer)


def test_figures_have_units_and_those_that_a_card_lacks_are_nan(monkeypatch: pytest.MonkeyPatch) -> None:
    driver(
        monkeypatch,
        nvmlDeviceGetTemperature=lambda handle, sensor: 84,
        nvmlDeviceGetPowerUsage=lambda handle: 74_500,
        nvmlDeviceGetEnforcedPowerLimit=refuse,
        nvmlDeviceGetClockInfo=lambda handle, kind: 885,
        nvmlDeviceGetMaxClockInfo=lambda handle, kind: 1531,
        nvmlDeviceGetCurrentClocksThrottleReasons=lambda handle: (
            pynvml.nvmlClocksThrottleReasonSwPowerCap | pynvml.nvmlClocksThrottleReasonGpuIdle
        ),
    )
    health = read_health(object())
    assert (health.temperature, health.power, health.clock, health.clock_max) == (84, 74.5, 885e6, 1531e6)
    assert math.isnan(health.power_limit) and health.throttled == ("power cap",)


def test_without_a_card_or_a_driver_there_is_no_monitor(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = choose_hardware("fp32")
    driver(monkeypatch, nvmlInit=lambda: pytest.fail("asked for a CPU"))
    assert monitor_of(replace(cpu, device=torch.device("cpu"))) is None
    driver(monkeypatch, nvmlInit=refuse)
    assert monitor_of(replace(cpu, device=torch.device("cuda"))) is None


def test_readings_come_on_another_thread_until_the_monitor_is_closed() -> None:
    """A driver that hangs holds nobody up, not even at the end."""
    health, hangs, asked = Health(50, 1, 2, 3, 4, ()), threading.Event(), threading.Semaphore(0)

    def read() -> Health:
        asked.release()
        hangs.wait(20)
        return replace(health)

    monitor = HealthMonitor(read, seconds=0)
    assert asked.acquire(timeout=20) and monitor.newest() is None
    monitor.close()
    hangs.set()
    monitor._thread.join(20)
    assert not monitor._thread.is_alive() and monitor.newest() == health
