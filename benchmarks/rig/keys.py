"""The keys that are timed, what each makes appear, and how the screen is brought back afterwards."""

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from .terminal import Terminal

ESCAPE, TAB, LEFT, RIGHT = "\x1b", "\t", "\x1b[D", "\x1b[C"


@dataclass(frozen=True, slots=True)
class Press:
    """A key that is timed until any of ``shows`` stands on the screen, which it does not before."""

    key: str
    shows: tuple[str, ...]
    name: str = ""
    """As it is told; the key itself where empty."""
    closes: bool = False
    """What it opens is closed by Escape."""
    settles: str = ""
    """What has to stand on the screen before the next key: an answer of the trainer, which is not the screen's work."""


def opens(key: str, words: str) -> Press:
    return Press(key, (words,), closes=True)


def _views(*names: str) -> tuple[Press, ...]:
    return tuple(Press("s", (f"▸ {name}",)) for name in names)


FULL = (
    Press("f", ("▸ Loss",)),
    Press(TAB, ("▸ Validation",), "tab"),
    Press(TAB, ("▸ Adaptive",), "tab"),
    Press(ESCAPE, ("▸ overview",), "esc"),
)
SCREENS = (opens("?", "Keys and words"), opens("l", "following"), opens("m", "Mark this moment"))
WITHOUT_TRAINER = (*_views("charts", "activity", "pictures", "log", "overview"), *SCREENS, *FULL)
"""From the overview, and back there."""

PICTURES = (
    Press("i", ("▸ pictures",)),
    Press(RIGHT, ("Pictures · 2 of",), "→"),
    Press(RIGHT, ("Pictures · 3 of",), "→"),
    Press(LEFT, ("Pictures · 2 of",), "←"),
    Press(LEFT, ("Pictures · 1 of",), "←"),
    *_views("log", "overview"),
)
PAUSE = (
    Press("p", ("pausing after this step", "‖ paused"), "p, pause", settles="‖ paused"),
    Press("p", ("paused · going on", "● training"), "p, go on", settles="● training"),
)
ALL = (*WITHOUT_TRAINER, *PICTURES, *PAUSE)
"""Needs a validation behind it, for the pictures. One pause in a round, so that it trains nearly all the time."""


def reactions(terminal: Terminal, rounds: int, presses: Sequence[Press]) -> dict[str, list[float]]:
    """Seconds of each key, of ``rounds`` times ``presses`` at uneven moments, by the key's name."""
    seconds: dict[str, list[float]] = defaultdict(list)
    for round_ in range(rounds):
        for index, press in enumerate(presses):
            terminal.watch(0.15 + 0.037 * ((7 * index + 3 * round_) % 6))
            seconds[press.name or press.key].append(terminal.reaction(press.key, *press.shows))
            if press.settles:
                terminal.until(press.settles)
            if press.closes:
                terminal.press(ESCAPE)
                terminal.until_gone(press.shows[0])
        _leave_focus(terminal)
    return seconds


def _leave_focus(terminal: Terminal) -> None:
    """A second Escape: the panel that had the whole screen keeps the focus, and would be the first the next time."""
    terminal.press(ESCAPE)
    terminal.watch(0.2)


def by_key(seconds: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    """How often each was pressed, its median and its worst, seconds."""
    return {
        name: {"n": len(values), "p50_s": round(statistics.median(values), 4), "worst_s": round(max(values), 4)}
        for name, values in seconds.items()
    }


def quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]
