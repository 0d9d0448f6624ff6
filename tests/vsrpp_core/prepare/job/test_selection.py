"""How a number of patches is divided."""

import base64
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from vsrpp_core.prepare.job.selection import CutVideo, paces, select, shares
from vsrpp_core.prepare.job.work_folder import Ending
from vsrpp_core.prepare.patches import Cut
from vsrpp_core.prepare.recipe import Recipe
from vsrpp_core.prepare.sources import Source, named_videos
from vsrpp_core.video.reading import VideoInfo


@pytest.mark.parametrize(
    ("total", "most", "wanted"),
    [
        (100, None, {"a": 60, "b": 30, "c": 10}),
        (7, None, {"a": 4, "b": 2, "c": 1}),
        (100, {"a": 1000, "b": 10, "c": 1000}, {"a": 77, "b": 10, "c": 13}),
        (100, {"a": 5, "b": 6, "c": 7}, {"a": 5, "b": 6, "c": 7}),
        (100, {"a": 0, "b": 0, "c": 500}, {"a": 0, "b": 0, "c": 100}),
    ],
)
def test_shares(total: int, most: dict[str, int] | None, wanted: dict[str, int]) -> None:
    assert shares(total, {"a": 6.0, "b": 3.0, "c": 1.0}, most) == wanted


# a video in several categories


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    """Three films are general, the second of them space too."""
    for name in ("a.mkv", "b.mkv", "c.mkv"):
        (tmp_path / name).touch()
    return Recipe.model_validate(
        {
            "dataset": {"shared": "divided"},
            "skip": {"duplicate": 0},
            "category": {
                "general": {"paths": [str(tmp_path)], "weight": 3},
                "space": {"paths": [str(tmp_path / "b.mkv")], "weight": 1},
            },
        }
    )


def sources(recipe: Recipe) -> list[Source]:
    info = VideoInfo(height=720, width=1280, fps=25.0, duration=60.0, frames=1500, pixel_aspect=1.0)
    named = named_videos(recipe)
    return [Source(one.path, one.path.stem, info, 720, 1280, one.category, one.also) for one in named]


def cuts_of(film: Source) -> Iterator[Cut]:
    for n in range(40):
        yield Cut(
            n, scene=n, name=f"{film.label}_{n}.png", frames=(n,), look=base64.b64encode(bytes([n] * 256)).decode()
        )


def test_a_shared_video_is_divided_by_the_weights_of_its_categories(recipe: Recipe) -> None:
    films = sources(recipe)
    assert [film.categories for film in films] == [("general",), ("general", "space"), ("general",)]
    footage = [CutVideo(film, tuple(cuts_of(film)), Ending(1500, ())) for film in films]
    found = select(footage, recipe).chosen
    of = Counter((pair.source.label, pair.source.category) for pair in found)
    total = of["b", "general"] + of["b", "space"]
    assert of["b", "space"] == pytest.approx(total / 4, abs=1) and of["a", "space"] == of["c", "space"] == 0
    assert [pair.source.category for pair in found] == [pair.source.category for pair in select(footage, recipe).chosen]


def test_it_is_sampled_as_its_categories_need_and_no_more_often_than_it_may(recipe: Recipe) -> None:
    films = sources(recipe)
    assert paces(films, recipe, 2.0) == {"a": 60.0, "b": 60.0, "c": 60.0}
    limited = paces(films, recipe.with_overrides({"dataset.patches": 40}), 2.0)
    assert max(limited.values()) <= 60.0 and limited["b"] > 0
    assert all(film.also == () for film in sources(recipe.with_overrides({"dataset.shared": "first"})))
