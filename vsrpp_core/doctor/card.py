"""Checks of the card and of the torch that is to compute on it.

Separate from ``machine.py`` because these need torch; what the driver says comes through NVML, which answers also where
this torch does not know the card.
"""

from dataclasses import dataclass, replace

import pynvml
import torch

from vsrpp_core.batches.dataset import Batch
from vsrpp_core.device.hardware import Hardware
from vsrpp_core.device.nvml import asked, card_handle, nvml, throttle_reasons
from vsrpp_core.device.speed import convolution_flops
from vsrpp_core.doctor.findings import Arithmetic, Card, Speed, TorchBuild
from vsrpp_core.errors import first_line
from vsrpp_core.messages.kinds import ComputePrecision
from vsrpp_core.network.loss import LossWeights
from vsrpp_core.run.config import RunConfig
from vsrpp_core.training.step import FIGURES, OptimizerStep, build_model

SIDE, STEP_FEATS, STEP_BLOCKS = 24, 16, 2
"""Of the step that is compared: every kind of layer, in a second on any device."""


@dataclass(frozen=True, slots=True)
class DriverView:
    """What the driver says of the first card that torch would see."""

    driver: str
    capability: tuple[int, int]
    card: Card


def driver_view() -> DriverView | None:
    """None without an NVIDIA driver or card."""
    with nvml() as is_there:
        if not is_there or not pynvml.nvmlDeviceGetCount():
            return None
        handle = card_handle()
        memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
        limit = asked(pynvml.nvmlDeviceGetEnforcedPowerLimit, handle)
        default = asked(pynvml.nvmlDeviceGetPowerManagementDefaultLimit, handle)
        processes = asked(pynvml.nvmlDeviceGetComputeRunningProcesses, handle) or []
        card = Card(
            name=pynvml.nvmlDeviceGetName(handle),
            temperature=asked(pynvml.nvmlDeviceGetTemperature, handle, pynvml.NVML_TEMPERATURE_GPU),
            power_limit=None if limit is None else limit / 1000,
            power_default=None if default is None else default / 1000,
            throttled=throttle_reasons(handle),
            memory=int(memory.total),
            memory_used=int(memory.used),
            holders=tuple((process.pid, int(process.usedGpuMemory or 0)) for process in processes),
        )
        capability = tuple(pynvml.nvmlDeviceGetCudaComputeCapability(handle))
        return DriverView(pynvml.nvmlSystemGetDriverVersion(), (capability[0], capability[1]), card)


def torch_build(view: DriverView | None) -> TorchBuild:
    usable = torch.cuda.is_available()
    card = view.card.name if view else torch.cuda.get_device_name() if usable else ""
    capability = view.capability if view else torch.cuda.get_device_capability() if usable else (0, 0)
    return TorchBuild(
        torch=torch.__version__,
        cuda=torch.version.cuda or "",
        architectures=tuple(torch.cuda.get_arch_list()) if torch.version.cuda else (),
        card=card,
        capability=capability,
        driver=view.driver if view else "",
        is_usable=usable,
    )


def precisions(hardware: Hardware) -> list[ComputePrecision]:
    """Those that are not emulated on the device, fp32 first."""
    if hardware.device.type == "cpu":
        return ["fp32", "bf16"] if hardware.precision == "bf16" else ["fp32"]
    if hardware.description.capability >= (8, 0):
        return ["fp32", "tf32", "bf16", "fp16"]
    return ["fp32", "fp16"] if hardware.description.capability >= (7, 0) else ["fp32"]


def arithmetic(hardware: Hardware) -> list[Arithmetic]:
    """The same step, from the same weights on the same pictures, in each precision."""
    found, plain = list[Arithmetic](), None
    for precision in precisions(hardware):
        chosen = precision == hardware.precision
        try:
            figures = _step(replace(hardware, precision=precision))
        except RuntimeError as error:  # what every failure of a kernel is
            found.append(Arithmetic(precision, chosen, float("nan"), first_line(error)))
            continue
        plain = figures if plain is None else plain
        difference = max(abs(one - other) / abs(other) for one, other in zip(figures, plain, strict=True))
        found.append(Arithmetic(precision, chosen, difference))
    return found


def _step(hardware: Hardware) -> tuple[float, float]:
    """Loss and gradient norm. The state of the random numbers is left as it was."""
    config = RunConfig().with_overrides({"model.n_feats": STEP_FEATS, "model.n_blocks": STEP_BLOCKS})
    hardware.apply()
    with torch.random.fork_rng(devices=[hardware.device] if hardware.device.type == "cuda" else []):
        torch.manual_seed(0)
        step = OptimizerStep(build_model(config, hardware), config.training, hardware)
        frames = torch.randint(256, (1, config.model.n_frames, 3, SIDE, SIDE), dtype=torch.uint8)
        side = config.model.scale * SIDE
        batch = Batch(frames, torch.randint(256, (1, 3, side, side), dtype=torch.uint8))
        figures = step.run([batch], LossWeights(0.6, 0.2, 0.2), clip_norm=1.5, learning_rate=0.0).tolist()
    return figures[FIGURES.index("loss_total")], figures[FIGURES.index("gradient_norm")]


def speed(hardware: Hardware, n_feats: int) -> Speed:
    return Speed(hardware.precision, n_feats, convolution_flops(hardware.device.type, hardware.precision, n_feats))
