"""Times of pictures: the decoder's order is right, whatever the file says of when each is shown."""

from collections.abc import Sequence

import av
import pytest

from vsrpp_core.video.clock import Clock, in_time

STEP = 40


def shown(times: Sequence[int | None], longest_gap: int | None = None) -> tuple[list[int | None], list[int]]:
    """The times that frames of these get, and where the clock began anew."""
    frames, jumps = [av.VideoFrame(16, 16, "gray") for _ in times], list[int]()
    for frame, time in zip(frames, times, strict=True):
        frame.pts = time
    clock = Clock(STEP, 16 * STEP, longest_gap)
    assert [id(frame) for frame in in_time(frames, clock, jumps.append)] == [id(frame) for frame in frames]
    return [frame.pts for frame in frames], jumps


EVEN = [STEP * n for n in range(60)]


@pytest.mark.parametrize(
    "times",
    [
        EVEN,
        [EVEN[n] for group in range(0, 60, 4) for n in (group + 1, group + 2, group + 3, group)],
        [EVEN[n // 2 * 2] for n in range(60)],
        [time if n % 3 else None for n, time in enumerate(EVEN)],
        [None] * 60,
    ],
    ids=["right", "of coding", "in pairs", "some missing", "all missing"],
)
def test_pictures_are_evenly_spaced(times: Sequence[int | None]) -> None:
    assert shown(times) == (EVEN, [])


def test_uneven_times_stay() -> None:
    uneven = [0, 40, 60, 120, 9_000, 9_020, 30_000]
    assert shown(uneven) == (uneven, [])


def test_a_clock_that_begins_anew_goes_on() -> None:
    assert shown(EVEN[:30] + EVEN[:30]) == (EVEN, [30])
    later = [time + 10**6 for time in EVEN[:30]]
    assert shown(EVEN[:30] + later, longest_gap=10_000) == (EVEN, [30])
    assert shown(EVEN[:30] + later) == (EVEN[:30] + later, [])
