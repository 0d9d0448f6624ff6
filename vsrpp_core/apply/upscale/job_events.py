"""Events of an upscaling job: plain values, so that listeners need not load torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vsrpp_core.messages.events import WarningRaised

Stage = Literal["reading", "upscaling", "joining"]


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
    """``reading`` passes over what an earlier run finished; ``total`` may be 0."""

    name: str
    stage: Stage
    done: int
    total: int
    segment: int = 0
    """Number of the current segment, from 1; 0 where there is none."""
    tile: int = 0
    """Longest side of a tile, LR pixels; 0 for whole pictures."""


@dataclass(frozen=True, slots=True)
class UpscalePreview:
    """The newest picture, bicubic and upscaled side by side: see ``preview.py``.

    The next preview replaces the files, and they are removed with the job's folder, so they may no longer exist.
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
    """An earlier run of the same job made it, and nothing was done."""


@dataclass(frozen=True, slots=True)
class UpscaleFailed:
    """One of several jobs; the others are done anyway."""

    name: str
    error: str


UpscaleEvent = UpscaleStarted | UpscaleProgress | UpscalePreview | UpscaleFinished | UpscaleFailed | WarningRaised
