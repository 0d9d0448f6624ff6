"""How many processes read where the settings leave it open."""

from types import SimpleNamespace
from typing import Any

import pytest

from vsrpp_core.data import reader_count
from vsrpp_core.data.reader_count import MOST, most_readers
from vsrpp_core.data.stacked import StackGeometry
from vsrpp_core.run.config import RunConfig

GB = 2**30
PATCHES = StackGeometry(5, 180, 180)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sixteen cores, 64 GB of memory and half of it shared."""
    made_up = SimpleNamespace(cores=16, available=64 * GB, shared=32 * GB)
    monkeypatch.setattr(reader_count, "_cores", lambda: made_up.cores)
    monkeypatch.setattr(reader_count.psutil, "virtual_memory", lambda: made_up)  # type: ignore[attr-defined]
    monkeypatch.setattr(reader_count, "free_bytes", lambda path: made_up.shared)
    return made_up


def of(pairs: int = 100_000, ranks: int = 1, **settings: Any) -> int:
    config = RunConfig().with_overrides({f"data.{name}": value for name, value in settings.items()})
    return most_readers(config, "cuda", pairs, PATCHES, ranks)


def test_what_the_settings_say_is_taken(machine: Any) -> None:
    assert of(workers=0) == 0 and of(workers=40) == 40


def test_a_cpu_that_trains_has_no_core_to_give(machine: Any) -> None:
    assert most_readers(RunConfig(), "cpu", 1000, PATCHES) == 0


def test_cores_memory_and_shared_memory_bound_them(machine: Any) -> None:
    assert of() == MOST and of(ranks=4) == 3
    machine.cores = 4
    assert of() == 3
    machine.cores, machine.available = 16, 8 * GB
    assert of(cache_gb=2.0) == 1, "each keeps two gigabytes of pictures"
    assert of(cache_gb=2.0, pairs=10) == of(cache="none") == MOST
    machine.shared = 64 * 2**20  # as in Docker
    assert of(cache="none") == 4
    machine.shared = 2**20
    assert of(cache="none") == 0
