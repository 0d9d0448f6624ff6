"""The start screen in its states, and the screens behind it."""

import shutil

from textual.app import App

from docs.screens.studio.scene import Studio, scene
from docs.screens.studio.stage import MIDDLE, Stage
from vsrpp_core.run.folder import RunFolder
from vsrpp_tui.app.app import Farewell, VsrppApp
from vsrpp_tui.screens.start.start import Choice

MINUTES = 60.0


def furnish(stage: Stage) -> None:
    """Three runs, of which films is in the middle of its training."""
    stage.put_data()
    runs = stage.run.parent
    stage.put_run(stage.run, MIDDLE)
    stage.put_run(runs / "toons-7-frames", 900)
    stage.put_run(runs / "super8", 2000)
    stage.remember([stage.run, runs / "toons-7-frames", runs / "super8"])
    newest = RunFolder(stage.run).summary().newest
    assert newest
    stage.set_clock(newest.saved_at + 12 * MINUTES)


def start(stage: Stage, run: str = "films", data: bool = False) -> App[Farewell]:
    return VsrppApp(Choice(stage.run.parent / run, stage.data if data else None))


@scene("start", "resume", "resume-older", "delete", "open-run")
async def resumable(studio: Studio) -> None:
    furnish(studio.stage)
    async with studio.open(start(studio.stage)) as pilot:
        await studio.shoot(pilot, "start")
        await studio.shoot(pilot, "resume", "f")
        await studio.shoot(pilot, "resume-older", "down", "down")
        await studio.shoot(pilot, "delete", "escape", "l")
        await studio.shoot(pilot, "open-run", "escape", "o")


@scene("start-fresh")
async def fresh(studio: Studio) -> None:
    furnish(studio.stage)
    async with studio.open(start(studio.stage, "new", data=True)) as pilot:
        await studio.shoot(pilot, "start-fresh")


@scene("start-no-dataset")
async def no_dataset(studio: Studio) -> None:
    async with studio.open(start(studio.stage, "Learn")) as pilot:
        await studio.shoot(pilot, "start-no-dataset")


@scene("start-locked")
async def locked(studio: Studio) -> None:
    furnish(studio.stage)
    with studio.stage.locked(studio.stage.run):
        async with studio.open(start(studio.stage)) as pilot:
            await studio.shoot(pilot, "start-locked")


@scene("start-complete")
async def complete(studio: Studio) -> None:
    furnish(studio.stage)
    async with studio.open(start(studio.stage, "super8")) as pilot:
        await studio.shoot(pilot, "start-complete")


@scene("start-damaged", "resume-damaged")
async def damaged(studio: Studio) -> None:
    """The newest checkpoint was cut off, and the settings of another are not known."""
    furnish(studio.stage)
    run = RunFolder(studio.stage.run)
    newest = run.summary().checkpoints[0]
    with (run.path / newest.name).open("ab") as file:
        file.truncate(newest.size // 2)
    async with studio.open(start(studio.stage)) as pilot:
        await studio.shoot(pilot, "start-damaged")
        await studio.shoot(pilot, "resume-damaged", "f")


@scene("start-bad-settings")
async def bad_settings(studio: Studio) -> None:
    furnish(studio.stage)
    config = RunFolder(studio.stage.run).config
    config.write_text(config.read_text(encoding="utf-8").replace("batch_size = 8", "batch_size = -8"), encoding="utf-8")
    async with studio.open(start(studio.stage)) as pilot:
        await studio.shoot(pilot, "start-bad-settings")


@scene("start-deleted", "trash", "trash-asked")
async def deleted(studio: Studio) -> None:
    """What was deleted today, and three days before."""
    furnish(studio.stage)
    run = RunFolder(studio.stage.run)
    first = run.summary().checkpoints[-1]
    kept = studio.stage.home / "kept"
    shutil.copytree(run.path, kept)
    newest = run.summary().checkpoints[0].saved_at
    studio.stage.set_clock(newest - 3 * 86_400)
    run.move_to_trash([run.path / first.name])
    shutil.copytree(kept, run.path, dirs_exist_ok=True)
    studio.stage.set_clock(newest + 12 * MINUTES)
    async with studio.open(start(studio.stage)) as pilot:
        await pilot.press("l", *"ja", "enter")
        await studio.shoot(pilot, "start-deleted")
        await studio.shoot(pilot, "trash", "w")
        await studio.shoot(pilot, "trash-asked", "down", "enter")
