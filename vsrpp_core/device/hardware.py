"""The machine's devices, and which device and precision a run uses.

Separate from the trainer so that every choice made for the user (device, precision) is made in one place and has its
reason in words.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import psutil
import torch

from vsrpp_core.errors import VsrppError
from vsrpp_core.messages.kinds import ComputePrecision, DeviceKind
from vsrpp_core.run.config import Precision


@dataclass(frozen=True, slots=True)
class DeviceDescription:
    name: str
    memory: int
    """Bytes; the host's memory for a CPU."""
    kind: DeviceKind
    capability: tuple[int, int] = (0, 0)
    """Compute capability; this and the following are 0 where unknown, as on a CPU."""
    processors: int = 0
    """Streaming multiprocessors."""
    clock: float = 0.0
    """Their peak clock, Hz."""
    bandwidth: float = 0.0
    """From the memory's clock and bus width, bytes per second."""


@dataclass(frozen=True, slots=True)
class MemoryReading:
    """Bytes of the device, and of the host. On the CPU ``used`` is this process's resident memory."""

    used: int
    peak: int
    total: int
    host_used: int
    host_total: int


@dataclass(frozen=True)
class Hardware:
    """The device a run trains on and the arithmetic it uses there."""

    device: torch.device
    description: DeviceDescription
    precision: ComputePrecision
    reason: str

    def autocast(self) -> AbstractContextManager[object]:
        dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(self.precision)
        return torch.autocast(self.device.type, dtype=dtype, enabled=dtype is not None)

    def apply(self, fixed_shapes: bool = False) -> None:
        """Set torch's global switches for this precision.

        ``fixed_shapes``: all batches are alike, so that trying which kernel is fastest for them pays on a card.
        """
        if fixed_shapes:
            torch.backends.cudnn.benchmark = True
        torch.backends.cuda.matmul.allow_tf32 = self.precision == "tf32"
        torch.backends.cudnn.allow_tf32 = self.precision == "tf32"


class MemoryMeter:
    """The device memory that training uses. Between two steps that is little; what counts is the peak."""

    def __init__(self, hardware: Hardware) -> None:
        self._hardware = hardware
        self._peak = 0
        self._peak_bytes()

    def read(self) -> MemoryReading:
        """``used``: peak since the last reading; ``peak``: since the meter was created."""
        used, host = self._peak_bytes(), psutil.virtual_memory()
        self._peak = max(self._peak, used)
        return MemoryReading(used, self._peak, self._hardware.description.memory, host.used, host.total)

    def _peak_bytes(self) -> int:
        device = self._hardware.device
        if device.type != "cuda":
            return psutil.Process().memory_info().rss
        most = torch.cuda.max_memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        return most


def describe_device() -> DeviceDescription:
    """The device for training: the CUDA device of this process, by default the first, else the CPU."""
    if torch.cuda.is_available():
        return _describe_cuda(torch.cuda.get_device_properties(torch.cuda.current_device()))
    cores = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    return DeviceDescription(f"CPU ({cores} cores)", psutil.virtual_memory().total, "cpu")


def _describe_cuda(properties: Any) -> DeviceDescription:
    """Clocks come in kHz, the bus width in bits, and memory moves two words per clock. Older torch has neither."""
    memory_clock, bus_width = getattr(properties, "memory_clock_rate", 0), getattr(properties, "memory_bus_width", 0)
    return DeviceDescription(
        properties.name,
        properties.total_memory,
        "cuda",
        capability=(properties.major, properties.minor),
        processors=properties.multi_processor_count,
        clock=1e3 * getattr(properties, "clock_rate", 0),
        bandwidth=2 * 1e3 * memory_clock * bus_width / 8,
    )


def choose_hardware(wanted: Precision) -> Hardware:
    """The device and, for ``auto``, its fastest native precision. VsrppError for a precision it does not support."""
    description = describe_device()
    device = torch.device(description.kind)
    if wanted == "auto":
        precision, reason = _fastest_precision(device)
    else:
        precision, reason = wanted, "as configured"
        _refuse_unsupported(device, wanted)
    return Hardware(device, description, precision, reason)


def _fastest_precision(device: torch.device) -> tuple[ComputePrecision, str]:
    if device.type == "cpu":
        if torch.cpu._is_avx512_bf16_supported():
            return "bf16", "this CPU multiplies bf16 natively, about twice as fast as fp32"
        return "fp32", "this CPU has no native bf16"
    major, minor = torch.cuda.get_device_capability(device)
    if major >= 8:
        return "bf16", f"compute capability {major}.{minor} has bf16 tensor cores"
    if (major, minor) >= (7, 0):
        return "fp16", f"compute capability {major}.{minor} has fp16 tensor cores but no bf16"
    return "fp32", f"compute capability {major}.{minor} has neither bf16 nor tensor cores"


def _refuse_unsupported(device: torch.device, wanted: str) -> None:
    if wanted == "tf32" and (device.type != "cuda" or torch.cuda.get_device_capability(device) < (8, 0)):
        raise VsrppError("training.precision = tf32 needs an Ampere or newer CUDA device; set it to fp32 or auto")
    if wanted == "fp16" and device.type == "cpu":
        raise VsrppError("training.precision = fp16 is not for CPUs; set it to fp32, bf16 or auto")
