"""The training screen: its views, its panels on the whole screen, and all it can be in the middle of."""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from textual.screen import Screen

from docs.screens.studio.scene import NORMAL, UPRIGHT, Studio, scene, settled
from docs.screens.studio.stage import EARLY, MIDDLE, Stage, recorded, until_step
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.kinds import RunPhase
from vsrpp_tui.app.app import VsrppApp
from vsrpp_tui.screens.run.failed import FailedScreen
from vsrpp_tui.screens.run.saving import SavingScreen
from vsrpp_tui.screens.run.training import TrainingScreen
from vsrpp_tui.screens.start.start import Choice
from vsrpp_tui.state.run import RunState
from vsrpp_tui.user.preferences import Preferences

CARD = 12 * 2**30


class Desk(VsrppApp):
    """The application at a session's training screen, without the session."""

    def __init__(self, stage: Stage, state: RunState, theme: str = Preferences().theme) -> None:
        super().__init__(Choice(stage.run, stage.data), replace(Preferences(), theme=theme))
        self.state = state

    def first_screen(self) -> Screen[None]:
        return TrainingScreen()

    def pump(self) -> None:
        self.show_state()


def desk(studio: Studio, events: Iterable[ev.Event], later: float = 0.5, theme: str = Preferences().theme) -> Desk:
    studio.stage.put_run(studio.stage.run, MIDDLE)
    return Desk(studio.stage, studio.stage.state(events, later), theme)


def then(events: Iterable[ev.Event], *more: ev.Event) -> tuple[ev.Event, ...]:
    """Events that the recorded run did not have, a second after its last."""
    events = tuple(events)
    return (*events, *(replace(event, time=events[-1].time + 1) for event in more))


@scene("training", "charts", "activity", "pictures", "log-view")
async def views(studio: Studio) -> None:
    async with studio.open(desk(studio, until_step(MIDDLE))) as pilot:
        await studio.shoot(pilot, "training")
        await studio.shoot(pilot, "charts", "s")
        await studio.shoot(pilot, "activity", "s", "s")
        await studio.shoot(pilot, "pictures", "s", "right")
        await studio.shoot(pilot, "log-view", "s")


@scene("phone-pictures", sizes=(UPRIGHT,))
async def pictures_on_a_phone(studio: Studio) -> None:
    async with studio.open(desk(studio, until_step(MIDDLE))) as pilot:
        await studio.shoot(pilot, "phone-pictures", "i")


@scene("full-loss", "full-validation", "full-adaptive", "full-gradient", "full-rate", "full-memory")
async def whole_screens(studio: Studio) -> None:
    async with studio.open(desk(studio, until_step(MIDDLE))) as pilot:
        await studio.shoot(pilot, "full-loss", "f")
        for panel in ("validation", "adaptive", "gradient", "rate", "memory"):
            await studio.shoot(pilot, f"full-{panel}", "tab")


@scene("charts-another-look", "pictures-detail")
async def looks(studio: Studio) -> None:
    """Charts of the last steps, linear and not smoothed; a detail of a picture."""
    async with studio.open(desk(studio, until_step(MIDDLE))) as pilot:
        await studio.shoot(pilot, "charts-another-look", "s", "r", "r", "r", "y", "w", "w")
        await studio.shoot(pilot, "pictures-detail", "i", "plus", "plus")


@scene("settings", "settings-faulty")
async def settings(studio: Studio) -> None:
    async with studio.open(desk(studio, until_step(MIDDLE))) as pilot:
        await studio.shoot(pilot, "settings", "enter")
        await studio.shoot(pilot, "settings-faulty", *("end", "0", "tab", "tab", "tab", "end", "backspace", "x"))


@scene("finish", "finish-refused")
async def finishing(studio: Studio) -> None:
    async with studio.open(desk(studio, until_step(EARLY))) as pilot:
        await studio.shoot(pilot, "finish", "e")
        await studio.shoot(pilot, "finish-refused", *["backspace"] * 6, *"90h")


@scene("report")
async def reported(studio: Studio) -> None:
    async with studio.open(desk(studio, until_step(MIDDLE))) as pilot:
        await studio.shoot(pilot, "report", "s", "s")


@scene("mark", "help", "palette", "log", "log-search", "log-saves")
async def opened(studio: Studio) -> None:
    async with studio.open(desk(studio, until_step(MIDDLE))) as pilot:
        await studio.shoot(pilot, "mark", "m", *"a new film")
        await studio.shoot(pilot, "help", "escape", "question_mark")
        await studio.shoot(pilot, "palette", "escape", "ctrl+p")
        await studio.shoot(pilot, "log", "escape", "l")
        await studio.shoot(pilot, "log-search", "slash", *"best")
        await studio.shoot(pilot, "log-saves", "escape", "f", "f")


def _states() -> dict[str, tuple[tuple[ev.Event, ...], float]]:
    """What was said, and the seconds since."""
    middle = until_step(MIDDLE)
    making = ev.PreparationProgressed(time=recorded()[0].time, task="making the demo dataset", done=140, total=340)
    first = next(i for i, event in enumerate(recorded()) if isinstance(event, ev.StepReported))
    paused = ev.CommandAnswered(command="Pause", accepted=True, message="paused", step=MIDDLE)
    back = ev.RolledBack(
        step=MIDDLE,
        to_step=MIDDLE - 160,
        checkpoint=f"checkpoint_step_{MIDDLE - 160}.pth",
        factor=0.5,
        reason="50 steps in a row without a finite gradient",
    )
    return {
        "preparing": ((making,), 0.5),
        "before-the-first-step": (recorded()[:first], 0.5),
        "paused": (then(middle, _phase("paused"), paused), 0.5),
        "validating": (then(middle, _phase("validating"), ev.ValidationProgressed(step=MIDDLE, done=8, total=20)), 0.5),
        "saving": (then(middle, _phase("saving")), 0.5),
        "rolling-back": (then(middle, _phase("rolling back"), back), 0.5),
        "quiet": (middle, 95.0),
        "completed": (recorded(), 0.5),
    }


def _phase(phase: RunPhase) -> ev.PhaseChanged:
    return ev.PhaseChanged(phase=phase, step=MIDDLE)


@scene(*_states(), "pausing")
async def states(studio: Studio) -> None:
    """Every phase a run can be in; those the recorded one was not in come from events made up for it."""
    app = desk(studio, until_step(MIDDLE))
    async with studio.open(app) as pilot:
        training = app.screen
        assert isinstance(training, TrainingScreen)
        for name, (events, later) in _states().items():
            app.state = studio.stage.state(events, later)
            training.silence = partial(float, later)
            await studio.shoot(pilot, name)
        app.state = studio.stage.state(until_step(MIDDLE), 0.5)
        await settled(pilot)
        await studio.shoot(pilot, "pausing", "p")


@scene("quitting")
async def quitting(studio: Studio) -> None:
    app = desk(studio, then(until_step(MIDDLE), _phase("stopping")))
    async with studio.open(app) as pilot:
        await app.push_screen(SavingScreen())
        app.pump()
        await studio.shoot(pilot, "quitting")


@scene("failed")
async def failed(studio: Studio) -> None:
    failure = ev.SessionFailed(
        step=MIDDLE,
        error="the GPU's memory is full (11.6 of 12.0 GB in use); resume with --set training.checkpointing=block, "
        "which leaves the training as it is and makes a step about a third slower",
        checkpoint="checkpoint_emergency.pth",
    )
    app = desk(studio, then(until_step(MIDDLE), failure))
    async with studio.open(app) as pilot:
        await app.push_screen(FailedScreen(failure))
        await studio.shoot(pilot, "failed")


@scene("graphics-card", "graphics-card-memory")
async def card(studio: Studio) -> None:
    """What a graphics card shows beside a CPU: device and memory are made up, all else is as recorded."""
    events = (_on_a_card(event) for event in until_step(MIDDLE))
    health = ev.CardMeasured(
        step=MIDDLE,
        temperature=78.0,
        power=168.2,
        power_limit=170.0,
        clock=1.68e9,
        clock_max=2.1e9,
        throttled=("power cap",),
    )
    async with studio.open(desk(studio, then(events, health))) as pilot:
        await studio.shoot(pilot, "graphics-card")
        await studio.shoot(pilot, "graphics-card-memory", "f", *("tab",) * 5)


def _on_a_card(event: ev.Event) -> ev.Event:
    match event:
        case ev.SessionStarted():
            return replace(event, device="NVIDIA GeForce RTX 3060", device_kind="cuda", device_memory=CARD)
        case ev.StepReported():
            return replace(event, memory_used=int(0.56 * CARD), memory_peak=int(0.63 * CARD), memory_total=CARD)
        case _:
            return event


@scene("training-light", "charts-light", sizes=(NORMAL,))
async def light(studio: Studio) -> None:
    async with studio.open(desk(studio, until_step(MIDDLE), theme="vsrpp-light")) as pilot:
        await studio.shoot(pilot, "training-light")
        await studio.shoot(pilot, "charts-light", "s")


@scene("training-contrast", sizes=(NORMAL,))
async def contrast(studio: Studio) -> None:
    async with studio.open(desk(studio, until_step(MIDDLE), theme="vsrpp-contrast")) as pilot:
        await studio.shoot(pilot, "training-contrast")


@scene("too-small", sizes=((50, 12),))
async def too_small(studio: Studio) -> None:
    async with studio.open(desk(studio, until_step(MIDDLE))) as pilot:
        await studio.shoot(pilot, "too-small")
