"""Two ways of one session in turns: the order of the windows, and what their speeds say beside each other."""

import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from vsrpp_core.messages import events as ev

LEAST_STEPS = 3
"""Reports that a window must have."""


@dataclass(frozen=True, slots=True)
class Window:
    shown: bool
    begun: float
    """Seconds since the Unix epoch, as in the journal."""
    ended: float
    screen_seconds: float
    """Work of the screen's thread."""


def turns(pairs: int) -> list[bool]:
    """Whether the screen is shown: on, off, off, on, on …, so that either is first in every second pair."""
    return [shown for pair in range(pairs) for shown in ((True, False) if pair % 2 == 0 else (False, True))]


def speed(events: Sequence[ev.Event], window: Window) -> float:
    """Steps a second from the first report within a window to the last; 0 where too few were reported to tell."""
    within = [event for event in events if window.begun <= event.time <= window.ended]
    if other := [event for event in within if isinstance(event, ev.PhaseChanged)]:
        sys.exit(f"the trainer was {other[0].phase} within a window, which is not to be compared with training")
    steps = [event for event in within if isinstance(event, ev.StepReported)]
    if len(steps) < LEAST_STEPS:
        return 0.0
    return (steps[-1].step - steps[0].step) / (steps[-1].time - steps[0].time)


def compared(events: Sequence[ev.Event], windows: Sequence[Window]) -> dict[str, object]:
    """The line's figures. A pair with a window of too few steps is left out; at least half of the pairs must remain."""
    speeds = [(window.shown, speed(events, window)) for window in windows]
    pairs = [dict(speeds[place : place + 2]) for place in range(0, len(speeds), 2)]
    usable = [pair for pair in pairs if all(pair.values())]
    if 2 * len(usable) < len(pairs):
        sys.exit(
            f"fewer than {LEAST_STEPS} steps were reported in a window of {len(pairs) - len(usable)} of {len(pairs)} "
            "pairs: this machine is too slow or too busy to compare"
        )
    ratios = [pair[True] / pair[False] for pair in usable]
    return {
        "with_screen_steps_per_s": round(statistics.median(pair[True] for pair in usable), 2),
        "without_steps_per_s": round(statistics.median(pair[False] for pair in usable), 2),
        "ratio": round(statistics.median(ratios), 3),
        "ratios": [round(ratio, 3) for ratio in ratios],
        "pairs_left_out": len(pairs) - len(usable),
        "screen_thread_on": _share(windows, shown=True),
        "screen_thread_off": _share(windows, shown=False),
    }


def _share(windows: Sequence[Window], shown: bool) -> float:
    """Of a core, median."""
    shares = [one.screen_seconds / (one.ended - one.begun) for one in windows if one.shown is shown]
    return round(statistics.median(shares), 4)
