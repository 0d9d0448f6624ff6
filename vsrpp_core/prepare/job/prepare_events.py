"""Events of a preparation and its report: plain values, so that listeners need not load the work."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from vsrpp_core.data.stacked import StackGeometry


@dataclass(frozen=True, slots=True)
class PrepareProgress:
    """``done`` and ``total`` are videos while looking, seconds of video while cutting, then pairs.

    ``seconds_left`` is NaN while unknown; ``patches`` and ``skipped`` include those of earlier runs; ``resumed`` is the
    part of ``done`` that earlier runs had finished; ``newest`` is the LR stack cut last.
    """

    stage: Literal["looking", "cutting", "finishing"]
    done: float
    total: float
    seconds_left: float = math.nan
    videos_done: int = 0
    videos: int = 0
    patches: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    working: tuple[str, ...] = ()
    resumed: float = 0
    newest: Path | None = None


@dataclass(frozen=True, slots=True)
class CategoryReport:
    """``wanted`` is its share of ``dataset.patches``, 0 without a limit."""

    name: str
    videos: int
    train: int
    val: int
    wanted: int

    def __str__(self) -> str:
        wanted = f" of {self.wanted:,}" if self.wanted else ""
        pairs = f"{self.train:,}{wanted} training and {self.val:,} validation pairs"
        return f"{self.name}: {pairs} of {self.videos:,} videos"


@dataclass(frozen=True, slots=True)
class PrepareReport:
    """The result. ``skipped`` counts by reason; ``refused`` and ``notes`` are sentences.

    ``seconds`` are those of this run, ``bytes`` of the pairs.
    """

    out: Path
    geometry: StackGeometry
    train: int
    val: int
    categories: tuple[CategoryReport, ...]
    val_videos: tuple[str, ...]
    skipped: dict[str, int]
    refused: tuple[str, ...]
    notes: tuple[str, ...]
    seconds: float
    bytes: int

    @property
    def pairs(self) -> str:
        """How many, in words; an addition has none to validate on."""
        return f"{self.train:,} training and {self.val:,} validation pairs"

    def __str__(self) -> str:
        head = f"{self.out}: {self.pairs}, {self.geometry}"
        return "\n".join([f"{head}, {self.bytes / 1e6:,.1f} MB", *self.details()])

    def details(self) -> Iterator[str]:
        """Everything but where it is and how long it took."""
        if len(self.categories) > 1:
            yield from map(str, self.categories)
        if self.val_videos:
            yield "kept for validation: " + ", ".join(self.val_videos)
        if self.skipped:
            ordered = sorted(self.skipped.items(), key=lambda item: (-item[1], item[0]))
            yield "patches skipped: " + ", ".join(f"{count:,} {why}" for why, count in ordered)
        yield from (f"left out: {sentence}" for sentence in self.refused)
        yield from (f"note: {sentence}" for sentence in self.notes)
