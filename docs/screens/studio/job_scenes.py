"""Work besides training: upscaling films, cutting a dataset out of them, and checking one."""

from pathlib import Path

from textual.screen import Screen

from docs.screens.studio.scene import Studio, scene
from docs.screens.studio.stage import MIDDLE
from tests.vsrpp_tui.screens.job_screens import NOW, SCREENS, Shown
from vsrpp_core.run.folder import RunFolder
from vsrpp_tui.screens.jobs.upscale_form import UpscaleForm

LATER = {"upscale": 921.0, "prepare": 461.0, "check": 27.0}
"""Seconds after the start of the work at which its picture is taken; finished work has its own time."""


def _register(name: str) -> None:
    @scene(name)
    async def shown(studio: Studio) -> None:
        stage = studio.stage
        stage.put_run(stage.run, MIDDLE)
        stage.set_clock(NOW + LATER.get(name, 0.0))
        stage.data.mkdir(parents=True)
        screen = _form(stage.run) if name == "upscale-form" else SCREENS[name](stage.data)
        async with studio.open(Shown(screen)) as pilot:
            await studio.shoot(pilot, name)


def _form(run: Path) -> Screen[None]:
    """With the best network of the run in it."""
    return UpscaleForm({}, run, RunFolder(run).checkpoint_infos())  # type: ignore[return-value]


for _name in SCREENS:
    _register(_name)
