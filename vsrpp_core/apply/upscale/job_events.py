"""What an upscaling job says while it works: plain values, so that who only listens need not load torch."""

from dataclasses import dataclass
from pathlib import Path

from vsrpp_core.messages.events import WarningRaised


@dataclass(frozen=True, slots=True)
class UpscaleStarted:
    name: str
    out: Path
    size: str
    codec: str
    pixels: str
    device: str
    precision: str
    resumed_from: int
    """Pictures that were already done."""


@dataclass(frozen=True, slots=True)
class UpscaleProgress:
    """``stage`` is ``reading`` (up to where an earlier run came), ``upscaling`` or ``joining``; ``total`` may be 0."""

    name: str
    stage: str
    done: int
    total: int
    segment: int = 0
    """Number of the segment at hand, from 1; 0 where there is none."""
    tile: int = 0
    """Largest LR pixels a side of a tile; 0 for whole pictures."""


@dataclass(frozen=True, slots=True)
class UpscalePreview:
    """The newest picture, bicubic and upscaled beside each other: see ``apply/preview.py``.

    The files are replaced by the next preview and go with the job's work folder, so they may be gone when looked for.
    """

    name: str
    frame: int
    """Number of the picture, from 1."""
    whole: Path
    detail: Path


@dataclass(frozen=True, slots=True)
class UpscaleFinished:
    name: str
    out: Path
    frames: int
    resumed_from: int
    seconds: float
    is_kept: bool = False
    """An earlier call of the same job made it, and nothing was done."""


@dataclass(frozen=True, slots=True)
class UpscaleFailed:
    """One of several; the others are done all the same."""

    name: str
    error: str


UpscaleEvent = UpscaleStarted | UpscaleProgress | UpscalePreview | UpscaleFinished | UpscaleFailed | WarningRaised
