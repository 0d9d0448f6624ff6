"""Times of pictures: the decoder's order is right, whatever the file says of when each is shown."""

from collections.abc import Sequence
from typing import Any

import av
import pytest

from vsrpp_core.video.clock import Clock, Oddities, in_time

STEP = 40


def shown(times: Sequence[int | None], longest_gap: int | None = None, duration: int = STEP) -> tuple[Any, Oddities]:
    """The times that frames of these get, and what is odd about them."""
    frames, odd = [av.VideoFrame(16, 16, "gray") for _ in times], Oddities()
    for frame, time in zip(frames, times, strict=True):
        frame.pts, frame.duration = time, duration
    clock = Clock(STEP, 16 * STEP, longest_gap)
    assert [id(frame) for frame in in_time(frames, clock, odd)] == [id(frame) for frame in frames]
    return [frame.pts for frame in frames], odd


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
    assert shown(times) == (EVEN, Oddities())


@pytest.mark.parametrize("duration", [STEP, 0])
@pytest.mark.parametrize(
    "times",
    [
        [0, 40, 60, 120, 9_000, 9_020, 30_000],
        [40 * n + 40 * (n // 7) for n in range(70)],
        [40 * n + 30 * (n > 50) for n in range(70)],
        [*EVEN, 9_000, 9_040],
    ],
    ids=["at will", "every seventh lasts twice as long", "a step and a half", "a pause in some"],
)
def test_uneven_times_stay(times: list[int], duration: int) -> None:
    given, odd = shown(times, duration=duration)
    assert given == times and (odd == Oddities() or times[-2:] == [9_000, 9_040])


def test_a_clock_that_begins_anew_goes_on() -> None:
    assert shown(EVEN[:30] + EVEN[:30]) == (EVEN, Oddities(restarts=[31]))
    later = [time + 10**6 for time in EVEN[:30]]
    assert shown(EVEN[:30] + later, longest_gap=10_000) == (EVEN, Oddities(restarts=[31]))
    assert shown(EVEN[:30] + later)[0] == EVEN[:30] + later


@pytest.mark.parametrize("length", [2, 3, 10, 15])
def test_short_parts_are_not_sorted_into_each_other(length: int) -> None:
    parts = 60 // length
    assert shown(EVEN[:length] * parts) == (EVEN, Oddities(restarts=[n * length + 1 for n in range(1, parts)]))


@pytest.mark.parametrize("longest_gap", [None, 10_000])
@pytest.mark.parametrize("wrong", [[10**6], [-(10**6)], [10**6, 10**6 + 40], [10**6, 5], [3 * 10**6, 0, 10**6]])
@pytest.mark.parametrize("place", [20, 50])
def test_times_far_from_those_around_them_are_shown_between_them(
    place: int, wrong: list[int], longest_gap: int | None
) -> None:
    times = [*EVEN[:place], *wrong, *EVEN[place + len(wrong) :]]
    odd = Oddities(outliers=[place + 1 + n for n in range(len(wrong))])
    assert shown(times, longest_gap) == (EVEN, odd)


@pytest.mark.parametrize("wrong", [10**6, 150])
def test_a_first_time_that_is_too_late_is_shown_first(wrong: int) -> None:
    assert shown([wrong, *EVEN[1:]]) == (EVEN, Oddities(outliers=[1]))


@pytest.mark.parametrize("duration", [STEP, 0])
def test_a_picture_that_is_missing_is_told(duration: int) -> None:
    times = [time for time in EVEN if time not in (400, 440, 2000)]
    given, odd = shown(times, duration=duration)
    assert (given, odd) == (times, Oddities(gaps=[10, 48], missing=3))
    (told,) = odd.sentences()
    assert told == (
        "is evenly timed but for room for 3 pictures after frame 10 and in one more place, which may be lost"
    )
    assert list(odd.sentences(lost=3)) == []


def test_rounded_times_are_even() -> None:
    times = [round(n * 1000 / 23.976) for n in range(60)]
    assert shown(times, duration=42)[1] == Oddities()
    assert shown([*times[:30], *times[31:]], duration=42)[1] == Oddities(gaps=[30], missing=1)
