"""What LR stacks suffer: the same for all frames, within the ranges, the same again for a seed."""

import numpy as np
import pytest

from vsrpp_core.data.resize import imresize
from vsrpp_core.prepare.degradation import (
    blurred,
    combed,
    degrade_real,
    half_colour,
    noisy,
    recompressed,
)
from vsrpp_core.prepare.frames import TO_YCC, Stack
from vsrpp_core.prepare.recipe import DegradationPart


def still(height: int = 33, width: int = 30, frames: int = 5) -> Stack:
    """A still shot: what differs between frames afterwards was done to them differently."""
    coarse = np.random.default_rng(1).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    return np.stack([imresize(coarse, height, width)] * frames)


def test_the_same_seed_does_the_same_and_all_is_within_its_range() -> None:
    part, orders, steps = DegradationPart(kind="real", clean_share=0.2, interlace_share=0.3), set(), []
    for seed in range(60):
        stack, applied = degrade_real(still(), np.random.default_rng(seed), part)
        assert stack.shape == (5, 33, 30, 3) and stack.dtype == np.uint8
        steps += applied
        orders.add(tuple(step["step"] for step in applied))
        if not applied:
            assert np.array_equal(stack, still())
    again, _ = degrade_real(still(), np.random.default_rng(59), part)
    assert np.array_equal(stack, again)
    assert () in orders and len(orders) > 15
    for step in steps:
        match step:
            case {"step": "blur", "sigma": values}:
                assert len(values) == 2 and all(0.2 <= value <= 1.2 for value in values)
            case {"step": "noise", "sigma": value}:
                assert 1 <= value <= 8
            case {"step": "interlace", "strength": value}:
                assert 0.3 <= value <= 1
            case {"step": "h264", "crf": value}:
                assert 20 <= value <= 34
            case {"step": "mpeg2", "quantizer": value}:
                assert 3 <= value <= 10
            case other:
                assert other == {"step": "chroma"}
    assert {step["step"] for step in steps} == {"blur", "noise", "chroma", "interlace", "h264", "mpeg2"}


def test_unshuffled_they_come_as_listed() -> None:
    every = {f"{name}_share": 1.0 for name in ("blur", "noise", "chroma", "interlace", "h264")}
    part = DegradationPart(kind="real", clean_share=0, mpeg2_share=0, shuffle=False, **every)  # type: ignore[arg-type]
    _, applied = degrade_real(still(), np.random.default_rng(0), part)
    assert [step["step"] for step in applied] == ["blur", "noise", "chroma", "interlace", "h264"]


@pytest.mark.parametrize("step", [lambda s: blurred(s, 1, 0.5), half_colour, lambda s: combed(s, 0.7)])
def test_all_frames_suffer_the_same(step) -> None:  # type: ignore[no-untyped-def]
    done = step(still())
    assert all(np.array_equal(frame, done[0]) for frame in done)


def test_blur_softens_in_each_direction_and_keeps_the_mean() -> None:
    soft = blurred(still(), 2.0, 0.01).astype(int)
    sharp = still().astype(int)
    assert np.abs(np.diff(soft, axis=1)).mean() < 0.7 * np.abs(np.diff(sharp, axis=1)).mean()
    assert abs(soft.mean() - sharp.mean()) < 1


def test_noise_is_as_strong_as_asked_and_new_in_every_frame() -> None:
    grey = np.full((3, 64, 64, 3), 128, np.uint8)
    for same in (True, False):
        change = noisy(grey, 5.0, same, 7).astype(int) - grey
        assert change.std() == pytest.approx(5, abs=0.2)
        assert np.array_equal(change[..., 0], change[..., 1]) == same
        assert not np.array_equal(change[0], change[1])


def test_half_colour_spares_grey_and_luma() -> None:
    grey = still()[..., :1].repeat(3, axis=-1)
    assert np.abs(half_colour(grey).astype(int) - grey).max() <= 1
    weights = np.array([0.299, 0.587, 0.114])
    mild = 64 + still() // 2  # nothing is clipped
    assert np.abs((half_colour(mild) - mild.astype(float)) @ weights).max() < 1.5
    assert np.abs(half_colour(mild).astype(int) - mild).max() > 3


def test_combs_come_from_the_next_frame() -> None:
    stack = np.stack([np.full((4, 4, 3), value, np.uint8) for value in (0, 100, 200)])
    done = combed(stack, 0.5)
    assert done[:, 0, 0, 0].tolist() == [0, 100, 200] and done[:, 1, 0, 0].tolist() == [50, 150, 150]


@pytest.mark.parametrize(("codec", "good", "bad"), [("libx264", 18, 36), ("mpeg2video", 2, 20)])
def test_recompression_is_deterministic_and_worse_by_its_quality(codec: str, good: float, bad: float) -> None:
    stack = np.stack([np.roll(frame, n, axis=1) for n, frame in enumerate(still())])
    first, worse = recompressed(stack, codec, good), recompressed(stack, codec, bad)
    assert np.array_equal(first, recompressed(stack, codec, good))
    errors = [float(np.abs(done.astype(int) - stack).mean()) for done in (first, worse)]
    assert 0 < errors[0] < errors[1] < 40


@pytest.mark.parametrize(
    "step", [lambda s: recompressed(s, "libx264", 1), lambda s: recompressed(s, "mpeg2video", 1), half_colour]
)
def test_colour_stays_where_brightness_is(step) -> None:  # type: ignore[no-untyped-def]
    """To a twentieth of a pixel, by the phase of waves in Cb from left to right and in Cr from top to bottom."""
    down, across = np.mgrid[:96, :96] * 2 * np.pi / 24
    ycc = np.stack([np.full((96, 96), 128.0), 40 * np.sin(across), 40 * np.sin(down)], axis=-1)
    stack = np.stack([np.asarray((ycc @ np.linalg.inv(TO_YCC).T).round(), np.uint8)] * 3)
    made = step(stack)[1].astype(np.float64) @ TO_YCC.T
    for line, turn in ((made[..., 1].mean(axis=0), across[0]), (made[..., 2].mean(axis=1), down[:, 0])):
        off = np.angle(1j * np.sum((line - line.mean()) * np.exp(-1j * turn))) * 24 / (2 * np.pi)
        assert abs(off) < 0.05
