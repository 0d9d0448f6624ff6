import pytest
import torch

from vsrpp_core.device.hardware import DeviceDescription, Hardware, MemoryMeter, choose_hardware, describe_device
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages.kinds import ComputePrecision
from vsrpp_core.run.config import Precision


@pytest.fixture
def cpu_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def pretend_card(monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int]) -> None:
    card = DeviceDescription("card", 8 * 2**30, "cuda")
    monkeypatch.setattr("vsrpp_core.device.hardware.describe_device", lambda: card)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)


@pytest.mark.parametrize("wanted", ["tf32", "fp16"])
def test_a_precision_that_a_cpu_lacks_is_refused(cpu_only: None, wanted: Precision) -> None:
    with pytest.raises(VsrppError, match=rf"training\.precision = {wanted} .*set it to fp32"):
        choose_hardware(wanted)


@pytest.mark.parametrize("wanted", ["fp32", "bf16"])
def test_a_precision_that_a_cpu_has_is_used_as_configured(cpu_only: None, wanted: Precision) -> None:
    hardware = choose_hardware(wanted)
    assert (hardware.precision, hardware.reason, hardware.device.type) == (wanted, "as configured", "cpu")


@pytest.mark.parametrize(("native", "precision"), [(True, "bf16"), (False, "fp32")])
def test_auto_takes_bf16_only_where_the_cpu_has_it(
    cpu_only: None, monkeypatch: pytest.MonkeyPatch, native: bool, precision: str
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: native)
    hardware = choose_hardware("auto")
    assert hardware.precision == precision and "bf16" in hardware.reason


@pytest.mark.parametrize(
    ("capability", "precision"), [((9, 0), "bf16"), ((8, 0), "bf16"), ((7, 5), "fp16"), ((6, 1), "fp32")]
)
def test_auto_takes_what_the_card_computes_natively(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], precision: str
) -> None:
    pretend_card(monkeypatch, capability)
    hardware = choose_hardware("auto")
    assert hardware.precision == precision and "{}.{}".format(*capability) in hardware.reason


def test_tf32_needs_an_ampere_card(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_card(monkeypatch, (7, 5))
    with pytest.raises(VsrppError, match="tf32 needs an Ampere"):
        choose_hardware("tf32")
    pretend_card(monkeypatch, (8, 6))
    assert choose_hardware("tf32").precision == "tf32"


def test_the_cpu_is_described_with_the_host_s_memory(cpu_only: None) -> None:
    description = describe_device()
    memory = MemoryMeter(Hardware(torch.device("cpu"), description, "fp32", "")).read()
    assert description.kind == "cpu" and "cores" in description.name
    assert 0 < memory.used == memory.peak < memory.total == memory.host_total == description.memory


@pytest.mark.parametrize(("precision", "dtype"), [("bf16", torch.bfloat16), ("fp32", torch.float32)])
def test_autocast_computes_in_the_precision(precision: ComputePrecision, dtype: torch.dtype) -> None:
    hardware = Hardware(torch.device("cpu"), DeviceDescription("CPU", 1, "cpu"), precision, "")
    with hardware.autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype


def test_the_meter_reads_the_most_held_since_it_was_read_and_since_it_was_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step needs most in its middle; what is held between two steps says little."""
    held = iter((900, 500, 700, 300))
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: next(held))
    resets: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", resets.append)
    meter = MemoryMeter(Hardware(torch.device("cuda"), DeviceDescription("a card", 1000, "cuda"), "fp32", ""))
    readings = [meter.read() for _ in range(3)]
    assert [(r.used, r.peak, r.total) for r in readings] == [(500, 500, 1000), (700, 700, 1000), (300, 700, 1000)]
    assert len(resets) == 4
