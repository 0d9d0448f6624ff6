"""Draw the pictures of the auto-tune screen: the search on a Tesla P4 with 8 GB, of which a journal tells.

Its predictions are the trainer's own; what it says was measured was made up from them, as no such card was at hand.

python docs/screens/tune.py
"""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from vsrpp_core.messages import events as ev
from vsrpp_core.messages import journal
from vsrpp_tui.app import VsrppApp
from vsrpp_tui.screens.start import Choice
from vsrpp_tui.screens.tune import TuneScreen
from vsrpp_tui.state import RunState, replay

HERE = Path(__file__).parent
GOLDEN = HERE.parents[1] / "tests" / "golden"
SIZES = {"": (120, 40), "-80x24": (80, 24), "-200x60": (200, 60)}
AFTER_OFFER = 18.0
"""Seconds of the countdown that have passed in the picture."""


def tune_states() -> dict[str, RunState]:
    """The state for each picture, by its name."""
    found = list(journal.replay(GOLDEN / "tune_p4.jsonl"))
    nothing = list(journal.replay(GOLDEN / "tune_p4_nothing.jsonl"))
    sixth = next(i for i, e in enumerate(found) if isinstance(e, ev.MeasurementStarted) and e.index == 6)
    return {
        "tune-measuring": replay(found[: sixth + 1]),
        "tune": replay(_until_offer(found)),
        "tune-nothing": replay(_until_offer(nothing)),
    }


def _until_offer(events: Sequence[ev.Event]) -> Sequence[ev.Event]:
    offer = next(i for i, event in enumerate(events) if isinstance(event, ev.ChoiceOffered))
    return events[: offer + 1]


class Tune(VsrppApp):
    """The application at the auto-tune screen of one state, without a session."""

    def __init__(self, state: RunState) -> None:
        super().__init__(Choice(Path("Learn"), None))
        self.state = state

    def first_screen(self) -> TuneScreen:
        offer = self.state.tuning.offer if self.state.tuning else None
        return TuneScreen(clock=lambda: offer.time + AFTER_OFFER if offer else 0.0)

    def pump(self) -> None:
        for screen in self.screen_stack:
            if isinstance(screen, TuneScreen) and screen.is_mounted:
                screen.show(self.state)


async def draw_tune(state: RunState, name: str, size: tuple[int, int], *keys: str) -> None:
    app = Tune(state)
    async with app.run_test(size=size) as pilot:
        await pilot.pause(0.6)
        await pilot.press(*keys)
        await pilot.pause(0.4)
        path = HERE / f"{name}.svg"
        path.write_text(app.export_screenshot(title="VSR++"), encoding="utf-8")
        sys.stdout.write(f"{path}\n")


def draw_search() -> None:
    """All of them."""
    for name, state in tune_states().items():
        for ending, size in SIZES.items():
            asyncio.run(draw_tune(state, name + ending, size))


if __name__ == "__main__":
    draw_search()
