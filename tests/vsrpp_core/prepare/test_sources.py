"""Which videos are taken, under which names, and at which size."""

import math
from fractions import Fraction
from pathlib import Path

import pytest

from tests.vsrpp_core.conftest import MakeVideo, pan
from vsrpp_core.errors import UsageError
from vsrpp_core.prepare.recipe import Recipe
from vsrpp_core.prepare.sources import Source, _labels, named_videos, remarks, survey
from vsrpp_core.video.video_files import find_videos


def test_folders_are_expanded_and_nothing_is_taken_twice(make_video: MakeVideo, tmp_path: Path) -> None:
    two = [make_video("a.mp4", pan(1)), make_video("b.mp4", pan(2))]
    (tmp_path / "notes.txt").write_text("not a video")
    assert find_videos([tmp_path, two[0]]) == two


def test_equal_stems_give_different_names() -> None:
    paths = [Path("x/Clip 1.mp4"), Path("y/clip-1.mkv"), Path("z/ä?*.mp4"), Path("..mp4")]
    assert _labels(paths) == ["Clip-1", "clip-1-2", "ä", "video"]


def only(videos: list[Path], **settings: int) -> Source:
    recipe = Recipe.of(videos, {f"dataset.{key}": value for key, value in {"patch": 36, **settings}.items()})
    ((_, source, _),) = survey(named_videos(recipe), recipe)
    assert source
    return source


def test_lower_videos_are_not_enlarged(make_video: MakeVideo) -> None:
    source = only([make_video("a.mp4", pan(1, 2))], height=100)
    assert (source.height, source.width) == (72, 96)


@pytest.mark.parametrize(
    ("aspect", "degrees", "size"), [("4/3", 0, (54, 96)), ("3/4", 0, (72, 72)), ("4/3", 90, (96, 54))]
)
def test_pixels_become_square_and_nothing_is_enlarged(
    make_video: MakeVideo, aspect: str, degrees: int, size: tuple[int, int]
) -> None:
    source = only([make_video("a.mp4", pan(1, 2), aspect=Fraction(aspect), rotation=degrees)])
    assert (source.height, source.width) == size


def test_categories_patterns_and_rules(make_video: MakeVideo, tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mkv", "c.mp4", "trailer.mp4"):
        make_video(name, pan(1, 30))
    values = {
        "dataset": {"patch": 36, "patches_per_minute": 10},
        "category": {
            "one": {"paths": [str(tmp_path / "*.mkv"), str(tmp_path / "c.mp4")], "priority": 1, "start": "0.2"},
            "two": {"paths": [str(tmp_path)], "exclude": ["trail*"], "patches_per_minute": 20},
        },
        "video": [
            {"path": "c.*", "priority": 7, "patches_per_minute": 30, "end": "1"},
            {"path": "a.mp4", "start": "0:00.5"},
        ],
    }
    recipe = Recipe.from_mapping(values, "test")
    found = {s.path.name: s for _, s, _ in survey(named_videos(recipe), recipe) if s}
    picked = {name: (s.category, s.priority, s.pace, s.start) for name, s in found.items()}
    assert picked == {"b.mkv": ("one", 1, 10, 0.2), "c.mp4": ("one", 7, 30, 0.2), "a.mp4": ("two", 0, 20, 0.5)}
    assert found["c.mp4"].end == 1 and found["a.mp4"].end == math.inf
    with pytest.raises(UsageError, match=r"no such video: .*x\*\.mkv"):
        named_videos(Recipe.of([tmp_path / "x*.mkv"]))
    with pytest.raises(UsageError, match="no videos are named"):
        named_videos(Recipe.of([]))


@pytest.mark.parametrize(
    ("pattern", "meant"),
    [
        ("Film [1080p].mkv", ["Film [1080p].mkv"]),
        ("*[1080p]*", ["Film [1080p].mkv"]),
        ("films [HD]/Film [1080p].mkv", ["Film [1080p].mkv"]),
        ("./films [HD]/../films [HD]/F*", ["Film 1.mkv", "Film [1080p].mkv"]),
        ("films [[]HD]/F*.mkv", ["Film 1.mkv", "Film [1080p].mkv"]),
        ("films [HD]/F*.mkv", ["Film 1.mkv", "Film [1080p].mkv"]),
        ("Film [0-9].mkv", ["Film 1.mkv"]),
        ("Am\u00e9lie.mkv", ["Ame\u0301lie.mkv"]),
        ("nothing*", []),
    ],
)
def test_a_name_in_a_recipe_means_that_name_and_a_pattern_what_it_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str, meant: list[str]
) -> None:
    folder = tmp_path / "films [HD]"
    folder.mkdir()
    every = ["Ame\u0301lie.mkv", "Film 1.mkv", "Film [1080p].mkv"]
    for name in every:
        (folder / name).touch()
    monkeypatch.chdir(tmp_path)
    category = {"one": {"paths": [str(folder)]}}
    ruling = Recipe.from_mapping({"category": category, "video": [{"path": pattern}]}, "test")
    assert [named.path.name for named in named_videos(ruling) if named.rule] == meant
    excluding = Recipe.from_mapping(
        {"category": {"one": {"paths": ["films [HD]/*.mkv"], "exclude": [pattern]}}}, "test"
    )
    assert [named.path.name for named in named_videos(excluding)] == [name for name in every if name not in meant]
    assert [len(remarks(recipe)) for recipe in (ruling, excluding)] == ([0, 0] if meant else [1, 1])


def test_what_a_folder_holds_beside_its_films_is_told(tmp_path: Path) -> None:
    for name in (
        "film10.mkv",
        "film2.mkv",
        "poster.jpg",
        "film2.srt",
        "notes.txt",
        "Thumbs.db",
        ".DS_Store",
        "._film2.mkv",
    ):
        (tmp_path / name).touch()
    recipe = Recipe.of([tmp_path])
    assert [named.path.name for named in named_videos(recipe)] == ["film2.mkv", "film10.mkv"]
    assert remarks(recipe) == [f"{tmp_path}: 2 passed over, as the videos there are taken: poster.jpg, film2.srt"]
