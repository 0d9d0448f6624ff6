"""A drive, or a process that reads there, that does not answer: when that is told.

Separate from the trainer because pictures are awaited in two places, before a step and during a validation.
"""

import math
import time
from pathlib import Path

from vsrpp_core.messages.events import WarningRaised

LOOK_SECONDS, LONG_SECONDS, STALLED_SECONDS = 0.5, 5.0, 45.0
"""Between two looks for commands while there are no pictures, after which commands do not wait for the pictures of a
validation, and after which the wait is told."""


class Stall:
    """One wait after another, each told once."""

    def __init__(self) -> None:
        self._since, self._has_told = math.inf, False

    def end(self) -> None:
        self._since, self._has_told = math.inf, False

    @property
    def is_long(self) -> bool:
        """Whether pictures may not come soon."""
        return time.monotonic() - self._since >= LONG_SECONDS

    def told(self, split: str, root: Path | str) -> WarningRaised | None:
        """There are no pictures of ``split`` yet; the warning where it is time for that."""
        now = time.monotonic()
        self._since = min(self._since, now)
        if self._has_told or now - self._since < STALLED_SECONDS:
            return None
        self._has_told = True
        return WarningRaised(
            message=f"no {split} pictures could be read for {STALLED_SECONDS:g} seconds: the drive of {root}, or a "
            "process that reads there, does not answer; training continues when it does"
        )
