"""The start screen in its states, and the screens behind it."""

import shutil
from dataclasses import replace
from pathlib import Path

from textual.app import App

from docs.screens.studio.scene import NORMAL, UPRIGHT, Studio, scene, until
from docs.screens.studio.stage import MIDDLE, Stage
from vsrpp_core.messages import events as ev
from vsrpp_core.messages import journal
from vsrpp_core.messages.events import RunBranched
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.folder import RunFolder
from vsrpp_tui.app.app import Farewell, VsrppApp
from vsrpp_tui.screens.start.compare import CompareScreen
from vsrpp_tui.screens.start.start import Choice

MINUTES = 60.0


def furnish(stage: Stage) -> None:
    """Three runs, of which films is in the middle of its training."""
    stage.put_data()
    runs = stage.run.parent
    stage.put_run(stage.run, MIDDLE)
    stage.put_run(runs / "toons-7-frames", 900)
    stage.put_run(runs / "super8", 2000)
    _branch(runs / "toons-7-frames", runs / "super8", 500)
    stage.remember([stage.run, runs / "toons-7-frames", runs / "super8"])
    newest = RunFolder(stage.run).summary().newest
    assert newest
    stage.set_clock(newest.saved_at + 12 * MINUTES)


def _branch(run: Path, parent: Path, step: int) -> None:
    """As if ``run`` had begun from a checkpoint of ``parent``."""
    origin = RunBranched(parent=str(parent), checkpoint=f"checkpoint_step_{step}.pth", step=step)
    path = RunFolder(run).journal
    path.write_text(f"{journal.encode(origin)}\n{path.read_text(encoding='utf-8')}", encoding="utf-8")


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


@scene("start-branched", sizes=(NORMAL,))
async def branched(studio: Studio) -> None:
    """A run that comes from another, and one that is marked to be compared with it."""
    furnish(studio.stage)
    async with studio.open(start(studio.stage, "toons-7-frames")) as pilot:
        await pilot.press("end", "space")
        await studio.shoot(pilot, "start-branched")


@scene("compare", "compare-settings", "compare-pictures")
async def compared(studio: Studio) -> None:
    await _compared(studio, "compare", "compare-settings", "compare-pictures")


@scene("phone-compare", sizes=(UPRIGHT,))
async def compared_on_a_phone(studio: Studio) -> None:
    await _compared(studio, "phone-compare")


async def _compared(studio: Studio, first: str, *others: str) -> None:
    """Three runs, of which one comes from another; each next picture is of the next view."""
    furnish(studio.stage)
    runs = studio.stage.run.parent
    _differ(runs / "super8", lr=4e-4, psnr=-0.35)
    _differ(runs / "toons-7-frames", lr=5e-4, psnr=0.2)
    async with studio.open(start(studio.stage)) as pilot:
        await pilot.press("end", "space", "up", "space", "o")
        screen = pilot.app.screen
        assert isinstance(screen, CompareScreen)
        await until(lambda: screen.caught_up, "the journals' ends")
        screen.draw()
        await studio.shoot(pilot, first)
        for name in others:
            await studio.shoot(pilot, name, "s")


def _differ(run: Path, lr: float, psnr: float) -> None:
    """As if ``run`` had been trained with another rate, and had come out so much better."""
    folder = RunFolder(run)
    RunConfig.load(folder.config).with_overrides({"schedule.lr_max": lr}).save(folder.config)
    events = list(journal.replay(folder.journal))
    told = (replace(e, ki_psnr=e.ki_psnr + psnr) if isinstance(e, ev.ValidationFinished) else e for e in events)
    folder.journal.write_text("".join(f"{journal.encode(event)}\n" for event in told), encoding="utf-8")


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
