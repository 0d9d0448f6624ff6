"""Which frames of a video become pairs: windows of frames in one scene, at the pace and within the times of its source.

Separate from the cutting because these rules see a film as a sequence of timed frames, never their pixels.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from vsrpp_core.prepare.filters import DISSOLVE, REPEATED, UNEVEN
from vsrpp_core.prepare.footage import TimedFrame
from vsrpp_core.prepare.recipe import Recipe, SkipPart
from vsrpp_core.prepare.sources import Source
from vsrpp_core.video.scenes import scenes_by
from vsrpp_core.video.transitions import with_transitions

REPEAT_MOST = 2.0
"""Most levels by which any part of a thumbnail changes in a repeated frame; a small moving object exceeds it."""


@dataclass(frozen=True, slots=True)
class Window:
    """Frames of one scene in order, and why they are not used, or empty."""

    scene: int
    frames: list[TimedFrame]
    reason: str

    @property
    def start(self) -> int:
        return self.frames[0].number


@dataclass(slots=True)
class FilmStats:
    """Counts of a video so far: its frames, the first frames of its scenes but for the first scene, dropped repeats."""

    frames: int = 0
    starts: list[int] = field(default_factory=list)
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class _ComparedFrame:
    """A frame compared with the previous one."""

    frame: TimedFrame
    repeat: bool

    @property
    def thumbnail(self) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return self.frame.thumbnail


def windows_of(
    frames: Iterator[TimedFrame], source: Source, recipe: Recipe, stats: FilmStats
) -> Iterator[tuple[float, Window | None]]:
    """For every frame its time, and the window that ends with it where one is due; ``stats`` is kept up to date."""
    reach = (recipe.dataset.frames - 1) * recipe.dataset.frame_step + 1
    held: deque[tuple[_ComparedFrame, bool]] = deque(maxlen=reach)
    current, due, pace = 0, source.start, 60 / source.pace
    compared = scenes_by(_compared(frames, recipe.skip, stats), lambda item: item.thumbnail)
    for scene, item, mixed in with_transitions(compared):
        if scene != current:
            held.clear()
            current = scene
            stats.starts.append(item.frame.number)
        held.append((item, mixed))
        stats.frames = item.frame.number + 1
        first = held[0][0].frame.seconds
        if len(held) < reach or first < due - 1e-6 or item.frame.seconds >= source.end:
            yield item.frame.seconds, None
            continue
        while due <= first + 1e-6:  # windows missed at a cut are not caught up on, they would be too close
            due += pace
        yield item.frame.seconds, _window(scene, list(held), recipe)


def _compared(frames: Iterator[TimedFrame], part: SkipPart, stats: FilmStats) -> Iterator[_ComparedFrame]:
    before: TimedFrame | None = None
    for frame in frames:
        repeat = bool(part.repeated and before is not None and _is_repeat(before, frame, part.repeated))
        before = frame
        if repeat and part.repeats == "drop":
            stats.dropped += 1
        else:
            yield _ComparedFrame(frame, repeat)


def _is_repeat(before: TimedFrame, frame: TimedFrame, tolerance: float) -> bool:
    change = np.abs(frame.thumbnail - before.thumbnail)
    return float(change.mean()) < tolerance and float(change.max()) < REPEAT_MOST


def _window(scene: int, held: list[tuple[_ComparedFrame, bool]], recipe: Recipe) -> Window:
    """The reason considers all frames in it, including those that a frame step leaves out."""
    taken = [item.frame for item, _ in held[:: recipe.dataset.frame_step]]
    steps = np.diff([frame.seconds for frame in taken])
    part, reason = recipe.skip, ""
    if part.dissolves and any(mixed for _, mixed in held):
        reason = DISSOLVE
    elif part.repeats == "skip" and any(item.repeat for item, _ in held[1:]):
        reason = REPEATED
    elif part.uneven and part.repeats != "drop" and steps.max() > part.uneven * max(float(steps.min()), 1e-6):
        reason = UNEVEN
    return Window(scene, taken, reason)
