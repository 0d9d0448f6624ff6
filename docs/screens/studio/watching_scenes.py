"""Where nothing is trained: a replay, and a run that another process trains."""

from contextlib import ExitStack

from docs.screens.studio.scene import UPRIGHT, Studio, scene, settled, until
from docs.screens.studio.stage import MIDDLE, until_step
from vsrpp_core.remote.channel import Channel
from vsrpp_tui.app.watching import AttachedApp, ReplayApp

BEFORE_THE_END = 20
"""Per cent of the run before its end at which the replay is drawn."""


@scene("replay", "replay-refused")
async def replayed(studio: Studio) -> None:
    studio.stage.put_run(studio.stage.run, 10**9)
    app = ReplayApp(studio.stage.run)
    async with studio.open(app) as pilot:
        await until(lambda: app.player, "the journal's end")
        await studio.shoot(pilot, "replay", "p", "end", *["left"] * BEFORE_THE_END)
        await studio.shoot(pilot, "replay-refused", "c")


@scene("attached")
async def attached(studio: Studio) -> None:
    await _attached(studio, "attached", trained=True)


@scene("attached-to-nobody")
async def attached_to_nobody(studio: Studio) -> None:
    await _attached(studio, "attached-to-nobody", trained=False)


@scene("phone", sizes=(UPRIGHT,))
async def on_a_phone(studio: Studio) -> None:
    """In a browser that is held upright."""
    await _attached(studio, "phone", trained=True)


async def _attached(studio: Studio, name: str, trained: bool) -> None:
    stage = studio.stage
    stage.put_run(stage.run, MIDDLE)
    stage.set_clock(until_step(MIDDLE)[-1].time + (2 if trained else 7_200))
    app = AttachedApp(stage.run)
    app.follower._clock = lambda: 0.0
    with ExitStack() as held:
        if trained:
            held.enter_context(stage.locked(stage.run))
            held.enter_context(Channel(app.folder.socket, lambda command: None))
        async with studio.open(app) as pilot:
            await until(lambda: app.follower.caught_up and app.orders.is_connected == trained, "the journal's end")
            app.pump()
            await settled(pilot)
            await studio.shoot(pilot, name)
            app.follower.finish()
            app.orders.finish()
