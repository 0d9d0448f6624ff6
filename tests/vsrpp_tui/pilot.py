"""What tests of the screens share: how to wait, what is shown, and the states an application is brought into."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import OptionList, Static

from tests.vsrpp_tui.conftest import RecordingWorker, activity, compared, started, step, validated
from vsrpp_core.messages import events as ev
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.folder import CheckpointInfo, RunFolder
from vsrpp_core.run.pictures.comparison_picture import side_by_side
from vsrpp_tui.app.app import Farewell, VsrppApp
from vsrpp_tui.screens.run.settings import SettingRow, SettingsScreen
from vsrpp_tui.screens.run.training import TrainingScreen
from vsrpp_tui.state.run import RunState, replay
from vsrpp_tui.widgets.panels.log_view import LogView

S = TypeVar("S", bound=Screen[Any])
NewestWorker = Callable[[], RecordingWorker]
SIZES = ((80, 24), (120, 40), (200, 60))


async def until(pilot: Pilot[Any], condition: Callable[[], bool], seconds: float = 60) -> None:
    for _ in range(int(seconds / 0.02)):
        if condition():
            await pilot.pause()
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"did not come about in {seconds} s; on {pilot.app.screen}")


def screen_of(app: App[Any], kind: type[S]) -> S:
    """The application's screen, which has to be of this kind."""
    assert isinstance(app.screen, kind), f"on {app.screen}"
    return app.screen


def shows(pilot: Pilot[Any], text: str) -> bool:
    screen = pilot.app.screen
    rows = (str(option.prompt) for options in screen.query(OptionList) for option in options.options)
    logged = (line.text for view in screen.query(LogView) for line in view.lines)
    return any(text in told for told in (*(str(widget.render()) for widget in screen.query(Static)), *rows, *logged))


def lines(pilot: Pilot[Any]) -> list[str]:
    """The screen as it is drawn."""
    strips = pilot.app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in strip) for strip in strips]


def on_screen(pilot: Pilot[Any]) -> str:
    return "\n".join(lines(pilot))


def trained_run(path: Path, step: int = 48_000) -> Path:
    """A run that holds one checkpoint, as far as a start screen can see."""
    path.mkdir()
    info = CheckpointInfo(f"checkpoint_step_{step}.pth", step, 7, 100_000, "regular", 0.6, 0.02, 0.612, 46_500, 9, 0.0)
    (path / info.name).write_bytes(b"weights..")
    (path / f"checkpoint_step_{step}.json").write_text(json.dumps(asdict(info)))
    return path


async def training(pilot: Pilot[Farewell], worker: NewestWorker) -> RecordingWorker:
    """From the start screen into a session that has taken a hundred steps and validated."""
    await until(pilot, lambda: shows(pilot, "[S]tart"))
    await pilot.press("s")
    await until(pilot, lambda: isinstance(pilot.app.screen, TrainingScreen))
    steps = [step(n, epoch_step=n % 40, loss_total=0.03 / n**0.2) for n in range(1, 101)]
    worker().say(started(), *steps, validated(100), ev.PhaseChanged(phase="training", step=100))
    await until(pilot, lambda: shows(pilot, "● training"))
    return worker()


async def settings_form(pilot: Pilot[Farewell], worker: NewestWorker, run: Path) -> RecordingWorker:
    """The settings form of a run that trains."""
    recording = await training(pilot, worker)
    RunConfig().save(RunFolder(run).config)
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, SettingsScreen))
    return recording


def setting_row(pilot: Pilot[Farewell], key: str) -> SettingRow:
    return next(row for row in pilot.app.screen.query(SettingRow) if row.key == key)


def form_is_ready(app: VsrppApp) -> bool:
    told = app.screen.query("#form-status")
    return bool(told) and "ctrl+s begins" in str(told.first(Static).render())


NOW = 5_000.0


def learned(run: Path) -> RunState:
    """A run with steps, a validation, its pictures (on disk) and layer activity."""
    (run / "pictures").mkdir(parents=True)
    for value, name in enumerate(("film_a", "film_b")):
        pictures = tuple(np.full((60, 60, 3), 40 * (value + part), np.uint8) for part in range(3))
        side_by_side(pictures, ("LR", "KI", "GT")).save(run / "pictures" / f"{name}.png")
    steps = [step(n, time=NOW - 1, epoch_step=n % 40, loss_total=0.03 / n**0.2) for n in range(1, 161)]
    told = [compared("film_a"), compared("film_b"), validated(100, clips=2), activity()]
    training = ev.PhaseChanged(phase="training", step=160, time=NOW - 1)
    return replay([started(run=str(run), lr_max=1e-4, warmup_steps=50), *steps, *told, training])
