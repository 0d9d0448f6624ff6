"""The search for a network on a Tesla P4 with 8 GB, from two journals.

Their predictions are the trainer's own; the measurements were made up from these, as no such card was available.
"""

from collections.abc import Sequence
from itertools import chain, repeat
from pathlib import Path

from docs.screens.studio.scene import LEAST, Studio, scene, settled
from vsrpp_core.messages import events as ev
from vsrpp_core.messages import journal
from vsrpp_tui.app.app import VsrppApp
from vsrpp_tui.screens.run.tune import TuneScreen
from vsrpp_tui.screens.start.start import Choice
from vsrpp_tui.state.run import RunState, replay

GOLDEN = Path(__file__).parents[3] / "tests" / "golden"
AFTER_OFFER = 18.0
"""Seconds of the countdown that have passed in the picture."""


class Search(VsrppApp):
    """The application at the search of one state, without a session."""

    def __init__(self, run: Path, state: RunState) -> None:
        super().__init__(Choice(run, None))
        self.state = state

    def first_screen(self) -> TuneScreen:
        return TuneScreen(clock=chain((0.0,), repeat(AFTER_OFFER)).__next__)  # first asked as the offer comes

    def pump(self) -> None:
        """Without opening another screen of the search over this one."""
        for screen in self.screen_stack:
            if isinstance(screen, TuneScreen) and screen.is_mounted:
                screen.show(self.state)


@scene("tune-measuring")
async def measuring(studio: Studio) -> None:
    found = _events("tune_p4.jsonl")
    sixth = next(i for i, e in enumerate(found) if isinstance(e, ev.MeasurementStarted) and e.index == 6)
    await _searched(studio, found[: sixth + 1], "tune-measuring")


@scene("tune", "tune-by-hand")
async def offered(studio: Studio) -> None:
    """What passed, and the form behind Escape."""
    app = Search(studio.stage.run, replay(_until_offer(_events("tune_p4.jsonl"))))
    async with studio.open(app) as pilot:
        await settled(pilot)
        await studio.shoot(pilot, "tune")
        await studio.shoot(pilot, "tune-by-hand", "escape")


@scene("phone-tune", sizes=(LEAST,))
async def on_the_smallest_screen(studio: Studio) -> None:
    await _searched(studio, _until_offer(_events("tune_p4.jsonl")), "phone-tune")


@scene("tune-nothing")
async def nothing_passes(studio: Studio) -> None:
    await _searched(studio, _until_offer(_events("tune_p4_nothing.jsonl")), "tune-nothing")


async def _searched(studio: Studio, events: Sequence[ev.Event], name: str) -> None:
    async with studio.open(Search(studio.stage.run, replay(events))) as pilot:
        await settled(pilot)
        await studio.shoot(pilot, name)


def _events(name: str) -> list[ev.Event]:
    return list(journal.replay(GOLDEN / name))


def _until_offer(events: Sequence[ev.Event]) -> Sequence[ev.Event]:
    offer = next(i for i, event in enumerate(events) if isinstance(event, ev.ChoiceOffered))
    return events[: offer + 1]
