"""Events as a session would send them, a worker that only records its commands, and the real program in a terminal."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet

from tests.conftest import MakeDataset
from tests.helpers import GOLDEN
from tests.vsrpp_tui.program import Program, StartProgram, tiny_run
from vsrpp_core.messages import events as ev
from vsrpp_core.messages import journal
from vsrpp_core.messages.commands import Command
from vsrpp_tui.threads.session import SessionMailbox, SessionRequest

STARTED: dict[str, Any] = {
    "run": "/runs/Learn",
    "data": "/data/films",
    "version": "0",
    "device": "Tesla P4",
    "device_memory": 8 * 2**30,
    "precision": "fp32",
    "precision_reason": "as configured",
    "resumed_from": "",
    "step": 0,
    "max_steps": 1000,
    "steps_per_epoch": 40,
    "train_samples": 160,
    "val_samples": 8,
    "n_feats": 64,
    "n_blocks": 20,
    "n_frames": 5,
    "parameters": 1_840_000,
    "batch_size": 4,
    "accumulation": 1,
    "lr_height": 180,
    "lr_width": 180,
    "validate_every": 100,
    "checkpoint_every": 500,
    "best_quality": 0.0,
    "best_step": 0,
}
STEP: dict[str, Any] = {
    "step": 1,
    "epoch": 1,
    "epoch_step": 1,
    "loss_l1": 0.02,
    "loss_ms": 0.01,
    "loss_grad": 0.03,
    "loss_total": 0.02,
    "weight_l1": 0.6,
    "weight_ms": 0.2,
    "weight_grad": 0.2,
    "sharpness": 0.8,
    "bicubic_sharpness": 0.55,
    "attained": 0.9,
    "aggressive": False,
    "learning_rate": 1e-4,
    "lr_phase": 1,
    "gradient_norm": 0.4,
    "clip_norm": 1.5,
    "skipped_steps": 0,
    "seconds_per_step": 2.0,
    "samples_per_second": 2.0,
    "data_wait": 0.01,
    "memory_used": 3 * 2**30,
    "memory_peak": 4 * 2**30,
    "memory_total": 8 * 2**30,
    "host_used": 5 * 2**30,
    "host_total": 32 * 2**30,
}
VALIDATION: dict[str, Any] = {
    "step": 100,
    "samples": 8,
    "seconds": 10.0,
    "lr_psnr": 28.0,
    "lr_ssim": 0.86,
    "lr_quality": 0.45,
    "ki_psnr": 29.0,
    "ki_ssim": 0.88,
    "ki_quality": 0.47,
    "is_best": True,
    "best_quality": 0.47,
    "best_step": 100,
    "agreement": 0.0,
}


def started(**changes: Any) -> ev.SessionStarted:
    return ev.SessionStarted(**{**STARTED, **changes})


def step(number: int = 1, **changes: Any) -> ev.StepReported:
    return ev.StepReported(**{**STEP, "step": number, **changes})


def validated(number: int = 100, **changes: Any) -> ev.ValidationFinished:
    return ev.ValidationFinished(**{**VALIDATION, "step": number, **changes})


def compared(sample: str = "film_000042_0_0", step: int = 100) -> ev.ComparisonWritten:
    return ev.ComparisonWritten(
        step=step, sample=f"{sample}.png", path=f"pictures/{sample}.png", lr_psnr=28.0, ki_psnr=29.0
    )


def activity(blocks: int = 10, step: int = 100) -> ev.ActivityMeasured:
    trunk = tuple(0.1 + 0.01 * block for block in range(blocks))
    return ev.ActivityMeasured(step=step, backward_trunk=trunk, forward_trunk=trunk[::-1], fusions=(0.1, 0.2, 0.05))


@pytest.fixture(scope="session", autouse=True)
def _styles_parsed_once() -> Iterator[None]:
    """Each application parses the same style sheets, a twelfth of what a test of a screen takes."""
    known: dict[Any, list[RuleSet]] = {}
    parse = Stylesheet._parse_rules

    def parse_once(sheet: Stylesheet, *source: Any, **more: Any) -> list[RuleSet]:
        key = (source, *more.items(), *sheet._variables.items())
        if key not in known:
            known[key] = parse(sheet, *source, **more)
        return known[key]

    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(Stylesheet, "_parse_rules", parse_once)
        yield


class RecordingWorker:
    """Stands in for the trainer's thread: a test puts events into its mailbox and reads the commands it was sent."""

    def __init__(self, request: SessionRequest) -> None:
        self.request = request
        self.mailbox = SessionMailbox()
        self.commands: list[Command] = []
        self.is_alive = False
        self.was_stopped = False

    def start(self) -> None:
        self.is_alive = True

    def send(self, command: Command) -> None:
        self.commands.append(command)

    def stop(self) -> None:
        self.was_stopped = True

    def finish(self) -> None:
        self.is_alive = False

    def say(self, *events: ev.Event) -> None:
        for event in events:
            self.mailbox.put(event)


@pytest.fixture
def recording_worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], RecordingWorker]]:
    """Makes the application use a RecordingWorker; the fixture's value returns the newest one made."""
    made: list[RecordingWorker] = []

    def make(request: SessionRequest) -> RecordingWorker:
        made.append(RecordingWorker(request))
        return made[-1]

    monkeypatch.setattr("vsrpp_tui.app.app.Worker", make)
    monkeypatch.setattr("vsrpp_tui.app.app.device_line", lambda: "Tesla P4 · 8.0 GB")
    yield lambda: made[-1]


NOT_UNDERSTOOD = journal.encode(step(1)).replace('"step":1,', '"step":null,')
"""A line with a value that no version writes."""

P4 = list(journal.replay(GOLDEN / "tune_p4.jsonl"))
NOTHING = list(journal.replay(GOLDEN / "tune_p4_nothing.jsonl"))


@pytest.fixture
def start_program(tmp_path: Path, make_dataset: MakeDataset) -> Iterator[StartProgram]:
    """Start the application on a tiny run in ``tmp_path/run``, and wait for its start screen."""
    started = []

    def make(heard: bool = True, **other: Any) -> Program:
        """``other``: what else Program takes; a run that is there already is used."""
        run = tmp_path / "run" if (tmp_path / "run").is_dir() else tiny_run(tmp_path / "run")
        started.append(program := Program(run, make_dataset(), heard, **other))
        program.until(lambda: b"[S]tart" in program.drawn, "the start screen")
        return program

    yield make
    for program in started:
        program.kill()
