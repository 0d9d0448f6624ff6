"""Where a film cuts from one shot to the next, and whether two pictures are the same.

Separate from what uses it because what counts as a cut is a rule of its own, with measured thresholds: it sees only
thumbnails and knows nothing of patches or files.

A hard cut is found by three questions: does the picture change much (difference of thumbnails, or of their
histograms), does it change much more than it just did and soon will (a pan or a shaking camera changes all the time),
and does it stay changed (after a flash the old picture comes back). Dissolves and fades are found elsewhere
(transitions.py): between any two of their frames there is real, if unusual, motion.

The thresholds were measured on 29 clips of 1.5 to 12 seconds (hand-held, tripod, sports, animation) with one real
cut, and on 756 cuts made by joining two clips of equal size at random places; the contrast is a change over the
second largest near it. Within a shot no change above MIN_DIFFERENCE had a contrast above 1.8 and no two neighbours had
histograms more than 0.10 apart. The cuts had a difference of 23 or more (median 69), histograms 0.15 or more apart
(median 0.52) and a contrast of 2.6 or more (median 14). All were found, with one false positive.
On 59 cuts of another such film PySceneDetect 0.7 (content and adaptive detector) finds the same 59 and no more.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]
Thumbnail = NDArray[np.float32]
T = TypeVar("T")

LOOK = 3
"""Changes considered on each side of the one in question: a frame is yielded this many frames late."""

MIN_DIFFERENCE = 8.0
"""Mean absolute difference of two thumbnails, of 255 levels, below which nothing is a cut."""

MIN_HISTOGRAM_DISTANCE = 0.15
"""Share of the pixels that change their histogram bin; a pan leaves them where they are, however fast it is."""

MIN_CONTRAST = 2.5
"""A change is sudden when it is this many times the second largest around it.

The second largest, not the largest: another cut or a flash may be close by. Not the median: film at 12 pictures a
second shown at 24 changes only at every other frame, and each of its changes would stand out against the median.
"""

RETURN_SHARE = 0.5
"""After a flash a frame is closer than this share of the jump to one from before it; after a cut no frame is."""

THUMBNAIL_HEIGHT, THUMBNAIL_WIDTH = 36, 64
"""At least this many thumbnail pixels where the frame has them: coarse enough to even out noise and small motion."""

SAMPLES = 4
"""Pixels sampled per thumbnail pixel in each direction; reading all of them takes longer and changes nothing."""

BINS = 32


@dataclass(frozen=True, slots=True)
class _Seen:
    """A frame's thumbnail, and how much it changed since the frame before (0 for the first)."""

    thumbnail: Thumbnail
    difference: float
    histogram_distance: float


def scenes(frames: Iterable[Frame]) -> Iterator[tuple[int, Frame]]:
    """Every frame in order with the number of its scene, from 0; frames are uint8 [H, W, 3], all of one size.

    Frames are held back until what follows is known: ``LOOK`` + 1 of them are kept.
    """
    return scenes_of(frames, lambda frame: frame)


def scenes_of(items: Iterable[T], picture: Callable[[T], Frame]) -> Iterator[tuple[int, T]]:
    """``scenes`` of items that have a picture."""
    return scenes_by(items, lambda item: thumbnail(picture(item)))


def scenes_by(items: Iterable[T], small: Callable[[T], Thumbnail]) -> Iterator[tuple[int, T]]:
    """``scenes`` of items that have a thumbnail."""
    past: deque[_Seen] = deque(maxlen=LOOK)
    ahead: deque[_Seen] = deque()
    held: deque[T] = deque()  # the items that belong to ``ahead``
    scene = 0
    for item in items:
        ahead.append(_see(small(item), ahead[-1] if ahead else past[-1] if past else None))
        held.append(item)
        if len(ahead) > LOOK:
            scene += _is_cut(past, ahead)
            past.append(ahead.popleft())
            yield scene, held.popleft()
    while ahead:
        scene += _is_cut(past, ahead)
        past.append(ahead.popleft())
        yield scene, held.popleft()


def is_repeat(a: NDArray[np.uint8], b: NDArray[np.uint8], tolerance: float) -> bool:
    """Whether two pictures of one size show no motion: their mean absolute difference is below ``tolerance`` levels.

    A repeated frame is rarely equal to the bit: the encoder adds its own noise.
    """
    return mean_difference(a, b) < tolerance


def mean_difference(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Mean absolute difference in 8-bit levels."""
    return float(np.mean(np.maximum(a, b) - np.minimum(a, b)))  # stays in uint8: the larger minus the smaller


def thumbnail(frame: Frame) -> Thumbnail:
    """A small grey picture of a frame: block means of its green channel, most of luma in any RGB, or of [H, W]."""
    height, width = frame.shape[:2]
    side = max(1, min(height // THUMBNAIL_HEIGHT, width // THUMBNAIL_WIDTH))
    stride = max(1, side // SAMPLES)
    block = side // stride
    grid = frame[::stride, ::stride] if frame.ndim == 2 else frame[::stride, ::stride, 1]
    rows, columns = grid.shape[0] // block, grid.shape[1] // block
    blocks = grid[: rows * block, : columns * block].reshape(rows, block, columns, block)
    return np.asarray(blocks.mean(axis=(1, 3), dtype=np.float32))


def _see(small: Thumbnail, before: _Seen | None) -> _Seen:
    if before is None:
        return _Seen(small, 0.0, 0.0)
    return _Seen(small, _difference(before.thumbnail, small), _histogram_distance(before.thumbnail, small))


def _is_cut(past: deque[_Seen], ahead: deque[_Seen]) -> bool:
    """Whether a scene begins with the first frame of ``ahead``."""
    if not past:
        return False
    first, *rest = ahead
    around = [*past, *rest[:LOOK]]
    sudden = first.difference >= MIN_CONTRAST * _second_largest([seen.difference for seen in around])
    other_tones = (
        first.histogram_distance >= MIN_HISTOGRAM_DISTANCE
        and first.histogram_distance >= MIN_CONTRAST * _second_largest([seen.histogram_distance for seen in around])
    )
    return first.difference >= MIN_DIFFERENCE and (sudden or other_tones) and not _returns(past, ahead)


def _returns(past: deque[_Seen], ahead: deque[_Seen]) -> bool:
    """Whether a picture from before the jump is seen again soon after it: a flash of at most LOOK - 1 frames."""
    jump = ahead[0].difference
    pairs = (_difference(a.thumbnail, b.thumbnail) for a in past for b in list(ahead)[:LOOK])
    return min(pairs) < RETURN_SHARE * jump


def _second_largest(values: list[float]) -> float:
    return sorted(values)[-2] if len(values) > 1 else 0.0


def _difference(a: Thumbnail, b: Thumbnail) -> float:
    return float(np.mean(np.abs(a - b)))


def _histogram_distance(a: Thumbnail, b: Thumbnail) -> float:
    return float(np.abs(_histogram(a) - _histogram(b)).sum()) / 2


def _histogram(small: Thumbnail) -> NDArray[np.float64]:
    return np.bincount((small * (BINS / 256)).astype(np.intp).ravel(), minlength=BINS) / small.size
