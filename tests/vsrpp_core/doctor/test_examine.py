"""The checks on this machine, and on machines that something is wrong with."""

import errno
import json
import math
import os
import resource
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest
import torch
from filelock import FileLock

from tests.conftest import MakeDataset
from vsrpp_core.cli.main import main
from vsrpp_core.data.stacked import StackGeometry
from vsrpp_core.device.hardware import choose_hardware
from vsrpp_core.doctor import card, examine, findings, machine
from vsrpp_core.doctor.findings import Finding, Outlook
from vsrpp_core.doctor.glance import glance
from vsrpp_core.doctor.words import in_short
from vsrpp_core.run.config import RunConfig
from vsrpp_core.training.step import OptimizerStep

GB = 2**30


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "WRITTEN", 2**20)
    monkeypatch.setattr("vsrpp_core.device.speed.CALIBRATION_SECONDS", 0.0)
    monkeypatch.setattr(examine, "READING_SECONDS", 0.0)


def findings_of(run: Path, data: Path | None = None) -> tuple[dict[type, Finding], Outlook]:
    *found, outlook = examine.examine(run, data)
    assert isinstance(outlook, Outlook)
    return {type(finding): finding for finding in found if isinstance(finding, Finding)}, outlook


def test_a_sound_machine_and_what_limits_the_run(make_dataset: MakeDataset, tmp_path: Path) -> None:
    run = tmp_path / "run"
    found, outlook = findings_of(run, make_dataset(n_train=4))
    assert not any(finding.verdict == "fault" for finding in found.values())
    assert {findings.TorchBuild, findings.Speed, findings.DatasetSpeed, findings.RunDisk} <= found.keys()
    assert outlook.limit in ("device", "reading") and outlook.step_seconds > 0 and outlook.reading_seconds > 0
    assert not run.exists() and not list(tmp_path.glob(".vsrpp*"))


def test_the_verb_says_it_in_lines_or_json(
    make_dataset: MakeDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_dataset(n_train=4)
    assert main(["doctor", str(tmp_path / "run"), "--data", str(data)]) == 0
    assert "will limit the run" in capsys.readouterr().out
    monkeypatch.setattr(machine, "open_files", lambda: findings.OpenFiles(64, 64))
    assert main(["doctor", str(tmp_path / "run"), "--data", str(tmp_path / "none"), "--json"]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    problems = {line["check"]: line["problem"] for line in lines[:-1]}
    assert problems["OpenFiles"] == "few_open_files" and problems["DatasetSpeed"] == "no_dataset"
    assert lines[-1]["limit"] == "faults" and lines[-1]["reading_seconds"] is None


def test_a_torch_without_kernels_for_the_card_is_known_without_computing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, driver: dict[str, Any]
) -> None:
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_75", "sm_80", "compute_90"])
    monkeypatch.setattr(card, "arithmetic", lambda hardware: pytest.fail("computed"))
    found, outlook = findings_of(tmp_path / "run")
    assert found[findings.TorchBuild].problem == "no_kernels" and outlook.limit == "faults"
    seen = found[findings.Card]
    assert isinstance(seen, findings.Card)
    assert (seen.name, seen.temperature, seen.power_limit) == ("Tesla P4", 91, None)
    assert seen.throttled == ("temperature",) and seen.holders == ((4711, GB),)
    assert driver["closed"] == 1


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """NVML of a machine with a hot Tesla P4 that does not say its power limit."""
    told: dict[str, Any] = {"closed": 0}

    def refuse(*_: object) -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)

    def close() -> None:
        told["closed"] += 1

    answers = {
        "nvmlInit": lambda: None,
        "nvmlShutdown": close,
        "nvmlDeviceGetCount": lambda: 1,
        "nvmlDeviceGetHandleByIndex": lambda index: object(),
        "nvmlSystemGetDriverVersion": lambda: "580.95",
        "nvmlDeviceGetName": lambda handle: "Tesla P4",
        "nvmlDeviceGetMemoryInfo": lambda handle: SimpleNamespace(total=8 * GB, used=GB),
        "nvmlDeviceGetCudaComputeCapability": lambda handle: [6, 1],
        "nvmlDeviceGetTemperature": lambda handle, sensor: 91,
        "nvmlDeviceGetEnforcedPowerLimit": refuse,
        "nvmlDeviceGetPowerManagementDefaultLimit": refuse,
        "nvmlDeviceGetCurrentClocksThrottleReasons": lambda handle: pynvml.nvmlClocksEventReasonSwThermalSlowdown,
        "nvmlDeviceGetComputeRunningProcesses": lambda handle: [SimpleNamespace(pid=4711, usedGpuMemory=GB)],
    }
    for name, answer in answers.items():
        monkeypatch.setattr(pynvml, name, answer)
    yield told


def test_a_kernel_that_computes_something_else_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    hardware = choose_hardware("fp32")
    sound = {arithmetic.precision: arithmetic for arithmetic in card.arithmetic(replace(hardware, precision="bf16"))}
    assert sound["fp32"].difference == 0 and 0 < sound["bf16"].difference < 0.05
    assert sound["bf16"].is_chosen and not sound["fp32"].is_chosen
    original = OptimizerStep.run

    def run(step: OptimizerStep, *arguments: Any, **options: Any) -> torch.Tensor:
        figures = original(step, *arguments, **options)
        return figures * (1 + 0.5 * (step._hardware.precision == "bf16"))

    monkeypatch.setattr(OptimizerStep, "run", run)
    broken = card.arithmetic(replace(hardware, precision="bf16"))
    assert [found.problem for found in broken] == ["", "other_result"]


def test_a_failing_step_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("CUDA error: no kernel image is available for execution on the device\nCompile with ...")

    monkeypatch.setattr(OptimizerStep, "run", fail)
    (found,) = card.arithmetic(choose_hardware("fp32"))
    assert found.is_chosen and math.isnan(found.difference)
    assert found.error.endswith("on the device") and found.verdict == "fault"


def test_the_check_leaves_the_random_numbers_alone() -> None:
    torch.manual_seed(5)
    state = torch.get_rng_state()
    card.arithmetic(choose_hardware("fp32"))
    assert torch.equal(torch.get_rng_state(), state)


# machines


def test_a_small_shared_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "free_bytes", lambda folder: 64 * 1024)
    found = machine.shared_memory(4, 2**20, tmp_path)
    assert found is not None and found.problem == "little_shared_memory"
    assert machine.shared_memory(0, 2**20, tmp_path) is None
    assert machine.shared_memory(4, 2**20, tmp_path / "none") is None


def test_few_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (64, resource.RLIM_INFINITY))
    found = machine.open_files()
    assert found is not None and (found.allowed, found.at_most, found.problem) == (64, -1, "few_open_files")


def test_a_disk_without_links_or_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    sound = machine.run_disk(tmp_path / "a" / "run", 1000)
    assert sound.path == tmp_path and sound.has_links and sound.has_locks and sound.speed > 0
    monkeypatch.setattr(os, "link", refuse)
    assert machine.run_disk(tmp_path, 1000).problem == "no_links"
    monkeypatch.setattr(FileLock, "acquire", lambda *_, **__: FileLock)  # every holder is let in
    assert machine.run_disk(tmp_path, 1000).problem == "no_locks"
    monkeypatch.setattr(machine, "_write_speed", refuse)
    full = machine.run_disk(tmp_path, 1000)
    assert full.problem == "not_writable" and full.error == "Operation not permitted"
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_almost_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "free_bytes", lambda folder: 2**20)
    assert machine.run_disk(tmp_path, 200 * 2**20).problem == "little_room"


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        ({"TERM": "dumb"}, "no_terminal"),
        ({"TERM": ""}, "no_terminal"),
        ({"TERM": "xterm"}, "few_colours"),
        ({"TERM": "tmux-256color", "TMUX": "/tmp/tmux"}, ""),
    ],
)
def test_terminals(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], problem: str) -> None:
    for name in ("TMUX", "STY", "COLORTERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = machine.screen()
    assert found.problem == problem and found.multiplexer == ("tmux" if "TMUX" in variables else "")


@pytest.mark.parametrize(("escape", "problem"), [("500", "slow_escape"), ("10", "")])
def test_tmux_is_asked_what_it_does_to_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, escape: str, problem: str
) -> None:
    monkeypatch.delenv("TMUX", raising=False)
    assert machine.tmux() is None
    asked = tmp_path / "tmux"
    asked.write_text(f'#!/bin/sh\n[ "$3" = mouse ] && echo off || echo {escape}\n')
    asked.chmod(0o755)
    monkeypatch.setenv("TMUX", "/tmp/tmux")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    found = machine.tmux()
    assert found is not None and (found.escape_time, found.has_mouse, found.problem) == (int(escape), False, problem)
    asked.write_text("#!/bin/sh\nexit 1\n")
    assert machine.tmux() is None


def test_a_glance_says_the_worst_first_and_how_to_see_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = RunConfig().with_overrides({"data.workers": 4})
    assert in_short(glance(tmp_path / "run", config, None)) == ""
    monkeypatch.setattr(machine, "free_bytes", lambda folder: 2**20)
    monkeypatch.setenv("TERM", "dumb")
    wrong = glance(tmp_path / "run", config, StackGeometry(5, 180, 180))
    assert [finding.problem for finding in wrong] == ["little_room", "little_shared_memory", "no_terminal"]
    assert in_short(wrong) == (
        f"disk of the run: {tmp_path}: 1 MB free; make room for 2.0 GB there, or name a run on another disk; "
        "`vsrpp doctor` has 2 more"
    )


def test_codecs_are_those_of_the_installed_pyav(monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.codecs().problem == ""
    monkeypatch.setattr(machine, "DECODERS", ("h264", "no such codec"))
    assert machine.codecs().missing_decoders == ("no such codec",)
