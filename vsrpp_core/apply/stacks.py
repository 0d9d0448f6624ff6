"""For every picture of a film the stack that the network upscales it from: its neighbours within the same scene.

Separate because evaluating and upscaling must show the network the same stacks.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from vsrpp_core.video.scenes import LOOK, scenes_of


class HasPixels(Protocol):
    @property
    def rgb8(self) -> NDArray[np.uint8]:
        """RGB [h, w, 3]."""
        ...


T = TypeVar("T")
P = TypeVar("P", bound=HasPixels)


def lead(n_frames: int) -> int:
    """Number of earlier pictures that a picture's window depends on.

    Half a window; whether there is a cut before the first of those depends on the ``LOOK`` changes before it, each from
    one picture to the next.
    """
    return n_frames // 2 + LOOK + 2


def reach(n_frames: int) -> int:
    """Number of later pictures that a picture's window depends on."""
    return n_frames // 2 + LOOK


def windows(pictures: Iterable[P], n_frames: int, skip: int = 0) -> Iterator[list[P]]:
    """For each picture ``n_frames`` pictures with itself in the middle; the first ``skip`` windows are left out.

    At the borders of a scene its first or last picture is repeated. At most ``n_frames`` pictures are held, and
    ``LOOK`` + 1 more to find cuts.
    """
    return islice(scene_windows(scenes_of(pictures, lambda picture: picture.rgb8), n_frames), skip, None)


def scene_windows(numbered: Iterable[tuple[int, T]], n_frames: int) -> Iterator[list[T]]:
    """``windows`` of items that come with the number of their scene."""
    half = n_frames // 2
    held: deque[T] = deque(maxlen=n_frames)
    scene: int | None = None
    for number, item in numbered:
        if number != scene:
            yield from _ending(held, half)
            held.clear()
            held.extend([item] * half)
            scene = number
        held.append(item)
        if len(held) == n_frames:
            yield list(held)
    yield from _ending(held, half)


def _ending(held: deque[T], half: int) -> Iterator[list[T]]:
    """The windows that reach beyond a scene's end."""
    for _ in range(half if held else 0):
        held.append(held[-1])
        if len(held) == held.maxlen:
            yield list(held)
