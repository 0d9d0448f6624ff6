"""Which frames of a video become pairs: windows of consecutive frames, and the part of a video they may come from.

Separate from the cutting because these rules see a film as a row of frames, never their pixels.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vsrpp_core.data import video
from vsrpp_core.data.recipe import PrepareSettings
from vsrpp_core.data.scenes import scenes
from vsrpp_core.data.sources import Source
from vsrpp_core.data.stacked import Split
from vsrpp_core.errors import VsrppError

Frame = NDArray[np.uint8]

MAX_VAL_PAIRS = 24
"""From one video, spread over it: validation is run again and again, and more of the same shots tell it nothing."""


@dataclass(slots=True)
class Part:
    """A stretch of a video, frames ``first`` up to ``end`` (None: the last), and the pace of windows in it."""

    split: Split
    stride: float
    first: int = 0
    end: int | None = None
    limit: int | None = None
    _due: float = field(init=False)

    def __post_init__(self) -> None:
        self._due = self.first

    def takes(self, start: int, n_frames: int) -> bool:
        """Whether the window from frame ``start`` is wanted; asked in order, once per possible window."""
        past_end = self.end is not None and start + n_frames > self.end
        if start < self._due or past_end or self.limit == 0:
            return False
        while self._due <= start:  # windows missed at a cut are not made up for, they would lie too close
            self._due += self.stride
        if self.limit is not None:
            self.limit -= 1
        return True


@dataclass(frozen=True, slots=True)
class Window:
    split: Split
    start: int
    frames: list[Frame]


def part_of(split: Split, source: Source, settings: PrepareSettings, first: int = 0, end: int | None = None) -> Part:
    """Frames ``first`` to ``end`` (None: the last) of ``source`` for ``split``, at the pace the settings ask for."""
    stride = max(1.0, source.fps * 60 / settings.patches_per_minute)
    if split == "train":
        return Part(split, stride, first, end)
    length = (source.info.frames if end is None else end) - first
    return Part(split, max(stride, length / MAX_VAL_PAIRS), first, end, limit=MAX_VAL_PAIRS)


def windows_of(path: Path, parts: list[Part], n_frames: int) -> Iterator[tuple[int, list[Window]]]:
    """For every frame how many have been seen and the windows that end with it, at most one per part."""
    held: deque[Frame] = deque(maxlen=n_frames)
    current = 0
    for index, (scene, frame) in enumerate(scenes(video.frames(path))):
        if scene != current:
            held.clear()
            current = scene
        held.append(frame)
        start = index + 1 - n_frames
        full = len(held) == n_frames
        yield index + 1, [Window(p.split, start, list(held)) for p in parts if full and p.takes(start, n_frames)]


def divide(source: Source, starts: list[int], count: int, settings: PrepareSettings) -> tuple[list[Part], str]:
    """Parts of a single video of ``count`` frames and a sentence on how they were divided.

    Validation begins at the scene (of those at ``starts``) that leaves it nearest to its share, if one leaves it
    between half and double of that; else where the share begins, with a second left out before it.
    """
    wanted = settings.val_share * count
    fitting = [s for s in starts if wanted / 2 <= count - s <= min(2 * wanted, count / 2)]
    if fitting:
        border = end = min(fitting, key=lambda s: abs(count - s - wanted))
        how = "its last scenes are kept for validation"
    else:
        border = round(count - wanted)
        end = border - max(settings.n_frames, round(source.fps))
        how = "its last part is kept for validation, a second apart from the rest, as no scene begins near there"
    if end < settings.n_frames or count - border < settings.n_frames:
        raise VsrppError(f"{source.path} is too short to be divided for validation; give a second video")
    parts = [part_of("train", source, settings, end=end), part_of("val", source, settings, border, count)]
    return parts, f"{source.path.name} is the only video: {how}, so scores will look better than on other footage"
