"""Findings judge themselves, and each problem has words and a next step."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from vsrpp_core.doctor import findings as fd
from vsrpp_core.doctor.findings import Finding, Outlook, Problem, Verdict, has_kernels
from vsrpp_core.doctor.words import next_step, outlook_in_words, seen, title

GB = 2**30
PASCAL = fd.TorchBuild("2.13.0+cu130", "13.0", ("sm_75", "sm_80", "sm_90", "sm_120"), "Tesla P4", (6, 1), "580.1", True)
AMPERE = replace(PASCAL, card="NVIDIA GeForce RTX 3060", capability=(8, 6))
STEP = fd.Arithmetic("bf16", True, 0.002)
CARD = fd.Card("Tesla P4", 60, 75.0, 75.0, (), 8 * GB, GB // 8, ())
DISK = fd.RunDisk(Path("/runs"), 100 * GB, 200 * 2**20, 5e8, True, True)
DATASET = fd.DatasetSpeed(Path("/my films"), 900, 40.0, 100.0, 2, False)
SCREEN = fd.Screen("xterm-256color", 2**24, "utf-8", "", True)

CASES: list[tuple[Finding, Verdict, Problem, str]] = [
    (AMPERE, "good", "", ""),
    (PASCAL, "fault", "no_kernels", "whl/cu126"),
    (replace(PASCAL, architectures=("sm_60", "sm_70")), "good", "", ""),
    (replace(PASCAL, cuda="", architectures=(), is_usable=False), "fault", "cpu_build", "whl/cu126"),
    (replace(AMPERE, cuda="", architectures=(), is_usable=False), "fault", "cpu_build", "whl/cu130"),
    (replace(AMPERE, is_usable=False), "fault", "no_driver", "--gpus all"),
    (fd.TorchBuild("2.13.0+cpu", "", (), "", (0, 0), "", False), "good", "", ""),
    (STEP, "good", "", ""),
    (replace(STEP, difference=0.2), "fault", "other_result", "training.precision = fp32"),
    (replace(STEP, difference=math.nan), "fault", "other_result", "training.precision = fp32"),
    (replace(STEP, error="no kernel image"), "fault", "no_step", "training.precision = fp32"),
    (replace(STEP, is_chosen=False, difference=0.2), "warning", "other_result", "do not set"),
    (CARD, "good", "", ""),
    (replace(CARD, throttled=("temperature",)), "warning", "throttled", "fan"),
    (replace(CARD, temperature=88), "warning", "hot", "fan"),
    (replace(CARD, temperature=None, power_limit=None), "good", "", ""),
    (replace(CARD, memory_used=4 * GB, holders=((77, 3 * GB),)), "warning", "memory_held", "process 77"),
    (fd.Host(4, 16 * GB, 9 * GB), "good", "", ""),
    (fd.Host(4, 4 * GB, GB), "warning", "little_memory", "two to three GB"),
    (fd.SharedMemory(Path("/dev/shm"), 2**26, 2**31, 4), "fault", "little_shared_memory", "--shm-size=2g"),
    (fd.SharedMemory(Path("/dev/shm"), 2**32, 2**31, 4), "good", "", ""),
    (fd.OpenFiles(64, 1024), "fault", "few_open_files", "ulimit -n 1024"),
    (fd.OpenFiles(1024, -1), "good", "", ""),
    (DISK, "good", "", ""),
    (replace(DISK, error="Read-only file system", has_links=False, has_locks=False), "fault", "not_writable", "folder"),
    (replace(DISK, free=GB), "fault", "little_room", "make room for about 2.0 GB"),
    (replace(DISK, has_locks=False), "fault", "no_locks", "local disk"),
    (replace(DISK, speed=1e6), "warning", "slow_disk", "faster"),
    (replace(DISK, has_links=False), "warning", "no_links", "copied"),
    (DATASET, "warning", "slow_dataset", "data.workers = 3, or make a cache file: vsrpp cache '/my films'"),
    (replace(DATASET, is_kept=True), "good", "", ""),
    (replace(DATASET, workers=3), "good", "", ""),
    (replace(DATASET, error="/x is not a folder", samples_per_second=math.nan), "fault", "no_dataset", "prepare"),
    (SCREEN, "good", "", ""),
    (replace(SCREEN, term="dumb", colours=0), "warning", "no_terminal", "vsrpp train"),
    (replace(SCREEN, encoding="ANSI_X3.4-1968"), "warning", "no_unicode", "LC_ALL"),
    (replace(SCREEN, colours=16, multiplexer="tmux"), "warning", "few_colours", "tmux-256color"),
    (fd.Codecs((), ()), "good", "", ""),
    (fd.Codecs(("libdav1d",), ("libx265",)), "warning", "codecs_missing", "av"),
    (fd.NotChecked("arithmetic", "cuDNN"), "unknown", "unknown", ""),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{type(case[0]).__name__}-{case[2]}")
def test_each_finding_is_judged_and_told(case: tuple[Finding, Verdict, Problem, str]) -> None:
    finding, verdict, problem, advice = case
    assert (finding.verdict, finding.problem) == (verdict, problem)
    assert seen(finding) and title(finding)
    assert advice in next_step(finding) and bool(next_step(finding)) == bool(advice)
    stored = json.loads(json.dumps(finding.as_json()))
    assert (stored["check"], stored["verdict"]) == (type(finding).__name__, verdict)


@pytest.mark.parametrize(
    ("built_for", "capability", "expected"),
    [
        (("sm_50", "sm_60"), (6, 1), True),
        (("sm_61",), (6, 0), False),
        (("sm_60",), (7, 0), False),
        (("sm_86", "compute_86"), (9, 0), True),
        (("compute_90",), (8, 6), False),
        (("sm_90a", "sm_120f"), (12, 0), True),
        (("gfx1100",), (8, 6), False),
    ],
)
def test_kernels_run_on_their_own_generation(
    built_for: tuple[str, ...], capability: tuple[int, int], expected: bool
) -> None:
    assert has_kernels(built_for, capability) is expected


def test_the_outlook_names_what_limits() -> None:
    assert "the device will limit the run: a step is expected to take 0.4 s" in outlook_in_words(
        Outlook("device", 0.4, 0.01)
    )
    assert "reading the dataset will limit" in outlook_in_words(Outlook("reading", 0.4, 1.2))
    assert "cross" in outlook_in_words(Outlook("faults", math.nan, math.nan))
    assert "--data" in outlook_in_words(Outlook("unknown", math.nan, math.nan))
