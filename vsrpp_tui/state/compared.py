"""One of several runs that are compared on a screen, as far as it is read."""

from dataclasses import dataclass
from pathlib import Path

from vsrpp_core.messages import events as ev
from vsrpp_core.report.comparison import Course


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """``colour`` is the theme's name of the colour that is its own on this screen."""

    name: str
    colour: str
    path: Path
    course: Course | None = None
    """None until its journal is read, and where it cannot be."""
    doing: str = ""
    """What it is in the middle of or how it ended, in a word or two."""
    fault: str = ""
    """Why it cannot be shown now, a sentence, or empty."""
    pictures: tuple[ev.ComparisonWritten, ...] = ()
    """Of the last validation."""
    kept: tuple[ev.ComparisonWritten, ...] = ()
    """Of all validations, as far as they are kept."""
