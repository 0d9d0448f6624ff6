"""Scenes and the pictures they are made of, by name: add one by writing a function under ``@scene``."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from rich.console import RenderableType
from textual._compositor import Compositor
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input

from docs.screens.studio.stage import Stage, stage
from docs.screens.studio.svg import Painted, Row, paint, rows_of
from vsrpp_tui.app.app import VsrppApp
from vsrpp_tui.screens.run.training import TrainingScreen

Size = tuple[int, int]
NARROW, NORMAL, WIDE = (80, 24), (120, 40), (200, 60)
ALL: tuple[Size, ...] = (NARROW, NORMAL, WIDE)
UPRIGHT = (45, 80)
"""A phone."""

LEAST = (45, 16)
"""The smallest screen that shows anything."""

READERS = ("look", "replay", "log")
"""Threads of the application that read something for a screen and end."""

PATIENCE = 20.0
"""Seconds after which a scene that does not settle has failed."""

ROUNDS = 12
BREATH = 0.06
"""Seconds between two drawings, longer than the screen's own timers take."""


@dataclass(frozen=True)
class Scene:
    """Draws pictures, each at every size."""

    names: tuple[str, ...]
    play: "Callable[[Studio], Awaitable[None]]"
    sizes: tuple[Size, ...] = ALL


SCENES: list[Scene] = []


def scene(*names: str, sizes: tuple[Size, ...] = ALL) -> "Callable[[Play], Play]":
    """The function draws the pictures of these ``names``, one ``shoot`` each."""

    def register(play: Play) -> Play:
        SCENES.append(Scene(names, play, sizes))
        return play

    return register


def file_name(name: str, size: Size) -> str:
    """The normal size needs no name of its own: it is what the documentation shows."""
    return f"{name}.svg" if size == NORMAL else f"{name}-{size[0]}x{size[1]}.svg"


@dataclass
class Studio:
    """What a scene works with."""

    stage: Stage
    size: Size
    shots: dict[str, list[Row]] = field(default_factory=dict)

    @asynccontextmanager
    async def open(self, app: App[Any]) -> AsyncIterator[Pilot[Any]]:
        """The application, once its first screen shows all there is to show; it paints only what is shot."""
        with patch.object(Compositor, "render_update", _paint_if_shot):
            async with app.run_test(size=self.size) as pilot:
                await caught_up(pilot)
                yield pilot

    async def shoot(self, pilot: Pilot[Any], name: str, *keys: str) -> None:
        """Press ``keys``, then take the picture."""
        for key in keys:
            await pilot.press(key)
            if key == "escape":  # what is closed must be gone, or it takes the next key
                await caught_up(pilot)
        self.shots[name] = rows_of(await settled(pilot))


Play = Callable[[Studio], Awaitable[None]]


PAINT = Compositor.render_update


def _paint_if_shot(compositor: Compositor, full: bool = False, **options: Any) -> RenderableType | None:
    """Without a terminal what is painted is thrown away, and it is a third of the work: only shots are painted."""
    if full:
        return PAINT(compositor, full=True, **options)
    compositor._dirty_regions.clear()
    return None


async def settled(pilot: Pilot[Any]) -> Painted:
    """What is shown once nothing is being read and all of it is drawn: at once, and not at the pace of the screen."""
    await caught_up(pilot)
    return await _charts_drawn(pilot)


async def caught_up(pilot: Pilot[Any]) -> None:
    """Wait until nothing is being read and every key and event was taken in; charts may be drawn later."""
    await until(lambda: not any(thread.name in READERS for thread in threading.enumerate()), "a reader's end")
    await pilot.pause()
    for line in pilot.app.screen.query(Input):
        line.cursor_blink = False
    if isinstance(pilot.app, VsrppApp):
        pilot.app.pump()
    await pilot.app.workers.wait_for_complete()


async def _charts_drawn(pilot: Pilot[Any]) -> Painted:
    """Show the state and draw all charts until that changes nothing, a limited number of times.

    How one looks depends on the room that its figures left it; and what was opened while the machine was busy may have
    no size yet, an input line that blinks, or a worker that has only begun.
    """
    before: Painted = []
    for _ in range(ROUNDS):
        for screen in pilot.app.screen_stack:
            if isinstance(screen, TrainingScreen):
                screen._catch_up()
                for chart in screen._charts():
                    chart._drawn = None
                    chart.show(screen.state, screen._look)
                screen._label_borders()
        await caught_up(pilot)
        await asyncio.sleep(BREATH)
        await pilot.pause()
        if (now := paint(pilot.app)) == before:
            return now
        before = now
    return before


async def until(condition: Callable[[], object], what: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.005)


async def play(scene: Scene, size: Size) -> dict[str, list[Row]]:
    """The rows of each of the scene's pictures. Raises ValueError where they are not those it was registered with."""
    with stage() as world:
        studio = Studio(world, size)
        await scene.play(studio)
    if set(studio.shots) != set(scene.names):
        raise ValueError(f"the scene of {', '.join(scene.names)} has drawn {', '.join(studio.shots)}")
    return studio.shots


def chosen(names: tuple[str, ...]) -> Iterator[tuple[Scene, Size]]:
    """Every scene, or those that draw one of ``names``, at every size."""
    for one in SCENES:
        if not names or set(names) & set(one.names):
            yield from ((one, size) for size in one.sizes)
