"""How a job is to be done, and how its times and rates are written by people: on the command line and in a form."""

from dataclasses import dataclass, field
from fractions import Fraction

from vsrpp_core.apply.upscale.encoding import Wanted
from vsrpp_core.apply.upscale.source import Span
from vsrpp_core.errors import UsageError
from vsrpp_core.run.config import Precision

SEGMENT_SECONDS = 10.0
"""Of a film in a segment: what a kill costs at most. The encoder sets a keyframe about as often anyway."""


@dataclass(frozen=True, slots=True)
class Options:
    wanted: Wanted = field(default_factory=Wanted)
    precision: Precision = "auto"
    span: Span = field(default_factory=Span)
    rate: Fraction | None = None
    """Pictures per second of a folder of images."""
    tile: int = 0
    segment_seconds: float = SEGMENT_SECONDS
    overwrite: bool = False
    fresh: bool = False
    """Do not go on with what an earlier run left."""
    force: bool = False
    """Take interlaced and damaged videos."""
    drop_tracks: bool = False
    """Leave out tracks that the result cannot hold."""
    preview_every: float | None = None
    """Seconds at least between two previews of the newest picture; None makes none. It changes no result."""


def read_seconds(option: str, text: str) -> float:
    """``5``, ``5s``, ``1:30`` and ``1:02:03.5``; ``option`` is what a fault is told of."""
    try:
        parts = [float(part) for part in text.removesuffix("s").split(":")]
    except ValueError:
        parts = []
    if not 1 <= len(parts) <= 3 or not all(0 <= part < 1e9 for part in parts):
        raise UsageError(f"{option} {text} is no time; write it like 5s, 1:30 or 1:02:30")
    return float(sum(part * 60**power for power, part in enumerate(reversed(parts))))


def read_length(option: str, text: str) -> float:
    """Seconds, more than none."""
    seconds = read_seconds(option, text)
    if not seconds:
        raise UsageError(f"{option} is 0; give it a length, e.g. 5s")
    return seconds


def read_rate(option: str, text: str) -> Fraction:
    """Pictures per second: ``25``, ``23.976`` or ``24000/1001``."""
    try:
        rate = Fraction(text).limit_denominator(1001)
    except (ValueError, ZeroDivisionError):
        raise UsageError(f"{option} {text} is no number; write it like 25 or 24000/1001") from None
    if not 0 < rate <= 1000:
        raise UsageError(f"{option} {text} is not between 0 and 1000; choose the rate of the images")
    return rate
