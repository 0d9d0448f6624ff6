"""A GPU must never wait for the host inside a step: nothing is read back from the device but when it is due."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tests.conftest import MakeDataset
from tests.helpers import TINY
from vsrpp_core.batches.dataset import Batch
from vsrpp_core.device.hardware import choose_hardware
from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import events as ev
from vsrpp_core.network.loss import LossWeights
from vsrpp_core.run.config import RunConfig
from vsrpp_core.session.session import open_session
from vsrpp_core.training.average import WeightAverage
from vsrpp_core.training.step import OptimizerStep, build_model
from vsrpp_core.training.trainer import Trainer

READERS = ("tolist", "cpu", "numpy", "__array__")
"""Ways to the host that on a CPU are no operation torch would tell of; item, float and bool are one."""


class _Reads(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: list[str] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = str(function)
        if any(part in name for part in ("_local_scalar_dense", "nonzero", "aten.equal")):
            self.names.append(name)
        return function(*args, **(kwargs or {}))


@contextmanager
def reads(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Names of what is read back from tensors inside the context."""
    with monkeypatch.context() as patch, _Reads() as mode:
        for reader in READERS:
            original = getattr(torch.Tensor, reader)

            def read(
                self: torch.Tensor, *args: Any, _name: str = reader, _original: Any = original, **more: Any
            ) -> Any:
                mode.names.append(_name)
                return _original(self, *args, **more)

            patch.setattr(torch.Tensor, reader, read)
        yield mode.names


def test_the_counter_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    one = torch.ones(())
    with reads(monkeypatch) as names:
        assert one.item() == float(one) == 1 and bool(one)
        one.tolist(), one.cpu()
    assert len(names) == 5


def test_between_the_steps_at_which_figures_are_due_nothing_is_read(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reports every 20 steps here, the adaptive parts look every 10; a validation ends the run."""
    counts: Counter[int] = Counter()
    advance, has_come = Trainer._advance, Trainer._data_has_come
    adapt, report = Trainer._adapt_when_due, Trainer._report_when_due

    def counted(work: Any) -> Any:
        def call(self: Trainer) -> Any:
            with reads(monkeypatch) as names:
                result = work(self)
                result = list(result) if work in (adapt, report) else result
            counts[self.progress.step] += len(names)
            return result

        return call

    works = {"_data_has_come": has_come, "_advance": advance, "_adapt_when_due": adapt, "_report_when_due": report}
    for name, work in works.items():
        monkeypatch.setattr(Trainer, name, counted(work))
    monkeypatch.setattr("vsrpp_core.training.trainer.REPORT_SECONDS", 999.0)
    cadences = {f"cadence.{name}_every": 20 for name in ("status", "tensorboard", "journal")}
    settings = {**TINY, **cadences, "training.max_steps": 40, "cadence.validate_every": 99}
    list(open_session(tmp_path / "run", make_dataset(), start="fresh", overrides=settings).events(cmd.CommandQueue()))
    assert counts.pop(0) == 1, "the data loader draws a seed, on the host, once"
    assert {step: count for step, count in counts.items() if count} == {10: 1, 20: 2, 30: 1, 40: 2}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_no_step_waits_for_the_device(precision: str) -> None:
    settings = {**TINY, "training.precision": precision, "data.crop": 16}
    config = RunConfig().with_overrides(settings)
    hardware = choose_hardware(config.training.precision)
    model = build_model(config, hardware)
    step, average = OptimizerStep(model, config.training, hardware), WeightAverage(model, 0.999)
    frames = torch.randint(256, (2, 5, 3, 16, 16), dtype=torch.uint8)
    batch = Batch(frames, torch.randint(256, (2, 3, 48, 48), dtype=torch.uint8), share=0.5)
    step.run([batch], LossWeights(0.6, 0.2, 0.2), 1.5, 1e-4)
    pinned = batch.pin_memory()
    torch.cuda.set_sync_debug_mode("error")
    try:
        step.run([pinned, pinned], LossWeights(0.6, 0.2, 0.2), 1.5, 1e-4)
        average.update()
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_between_due_steps_a_session_never_waits_for_the_card(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Drawing, copying, stepping and averaging, from the second step on: the first prepares kernels."""
    has_come, advance = Trainer._data_has_come, Trainer._advance

    def strict(work: Any) -> Any:
        def call(self: Trainer) -> Any:
            torch.cuda.set_sync_debug_mode("error" if self.progress.step else "default")
            try:
                return work(self)
            finally:
                torch.cuda.set_sync_debug_mode("default")

        return call

    monkeypatch.setattr(Trainer, "_data_has_come", strict(has_come))
    monkeypatch.setattr(Trainer, "_advance", strict(advance))
    settings = {**TINY, "training.max_steps": 12, "cadence.tensorboard_every": 4}
    *_, last = open_session(tmp_path / "run", make_dataset(), start="fresh", overrides=settings).events(
        cmd.CommandQueue()
    )
    assert isinstance(last, ev.SessionEnded), last
