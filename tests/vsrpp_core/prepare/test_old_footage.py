"""What analogue video does to a stack, each for what it is known by."""

import hashlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vsrpp_core.prepare.degradation import degrade_real
from vsrpp_core.prepare.frames import TO_YCC, Stack
from vsrpp_core.prepare.old_footage import bled, copied, dotted, off_levels, ringing, telecined
from vsrpp_core.prepare.recipe import DegradationPart

OLD = ("telecine", "dots", "ringing", "bleed", "levels", "generations")


def edge(left: tuple[int, ...], right: tuple[int, ...], frames: int = 3) -> Stack:
    """A vertical edge in the middle of 24x32 pixels."""
    picture = np.empty((frames, 24, 32, 3), np.uint8)
    picture[:, :, :16], picture[:, :, 16:] = left, right
    return picture


def luma(stack: Stack) -> NDArray[Any]:
    return np.asarray(stack.astype(float) @ TO_YCC[0])


def test_ringing_echoes_beside_an_edge_and_leaves_flat_parts() -> None:
    done = ringing(edge((64,) * 3, (192,) * 3), 0.6)[0, 12, :, 0].astype(int)
    assert done.min() < 58 and done.max() > 198, "beyond both sides"
    assert abs(done[0] - 64) <= 2 and len({int(np.sign(step)) for step in np.diff(done[17:26])}) > 1


def test_colours_bleed_to_the_right_and_brightness_stays() -> None:
    stack = edge((150, 100, 100), (100, 117, 144))
    done = bled(stack, 3.0)
    assert np.abs(luma(done) - luma(stack)).max() < 1.5
    red = (done.astype(float) @ TO_YCC[2])[0, 12]
    middle = float(np.interp(-red.mean(), -red, np.arange(32)))
    assert 16 < middle < 19, "the middle of the change lies later than the edge"


def test_levels_are_where_they_were_sent() -> None:
    done = off_levels(edge((0,) * 3, (255,) * 3), 16, 20, [6.0, -4.0]).astype(float) @ TO_YCC.T
    assert done[0, 12, [0, 31], 0] == pytest.approx([16, 235], abs=1)
    assert done[0, 12, 0, 1:] == pytest.approx([6, -4], abs=8), "as far as black can be coloured"
    assert off_levels(edge((9,) * 3, (99,) * 3), 0, 0, [0.0, 0.0]) == pytest.approx(edge((9,) * 3, (99,) * 3), abs=1)


def test_dots_crawl_where_colours_meet_and_nowhere_else() -> None:
    stack = edge((150, 100, 100), (100, 117, 144))
    change = luma(dotted(stack, 1.0)) - luma(stack)
    assert np.abs(change[:, :, :8]).max() < 1.5 and np.abs(change[0, :, 14:18]).max() > 4
    assert np.abs(change[0] + change[1]).max() < 1.5, "the other way round in the next frame"
    grey = edge((50,) * 3, (200,) * 3)
    assert np.abs(dotted(grey, 1.0).astype(int) - grey).max() <= 1


def test_pulldown_mixes_two_of_five_frames() -> None:
    stack = np.stack([np.full((4, 4, 3), 10 * n, np.uint8) for n in range(5)])
    done = telecined(stack, 0)[..., 0, 0]
    assert done.tolist() == [[0] * 4, [10, 20, 10, 20], [20, 30, 20, 30], [30] * 4, [40] * 4]
    assert telecined(stack, 3)[..., 1, 0, 0].tolist() == [0, 10, 20, 40, 30], "the last from the one before"


def test_each_copy_of_a_tape_is_worse_and_the_same_again() -> None:
    stack = edge((150, 100, 100), (100, 117, 144))
    errors = [float(np.abs(copied(stack, count, 5).astype(int) - stack).mean()) for count in (1, 2, 5)]
    assert 0 < errors[0] < errors[1] < errors[2] < 20
    assert np.array_equal(copied(stack, 2, 5), copied(stack, 2, 5))
    assert not np.array_equal(copied(stack, 1, 5)[0], copied(stack, 1, 5)[1]), "frames are unsteady each for itself"


def test_a_recipe_has_them_by_their_shares() -> None:
    shares = {f"{name}_share": 1.0 for name in OLD}
    part = DegradationPart(kind="real", clean_share=0, blur_share=0, shuffle=False, **shares)  # type: ignore[arg-type]
    _, applied = degrade_real(edge((150, 100, 100), (100, 117, 144)), np.random.default_rng(0), part)
    assert [step["step"] for step in applied][: len(OLD)] == [*OLD]
    by_name = {step["step"]: step for step in applied}
    assert 1 <= by_name["generations"]["copies"] <= 4 and 0 <= by_name["telecine"]["phase"] < 5
    assert np.hypot(*by_name["levels"]["tint"]) <= 10.01


def test_without_them_a_recipe_makes_what_it_made_before() -> None:
    """The digest was recorded before they were known."""
    digest = hashlib.sha256()
    for seed in range(30):
        random, part = np.random.default_rng(seed), DegradationPart(kind="real")
        _, applied = degrade_real(edge((150, 100, 100), (100, 117, 144)), random, part)
        digest.update(repr(applied).encode())
    assert digest.hexdigest()[:16] == "b181f29d85ee8233"
