"""A recipe: every fault at once with its place, what overrides it, and that it reads what it writes."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.helpers import ROOT
from vsrpp_core.cli.main import main
from vsrpp_core.errors import UsageError, VsrppError
from vsrpp_core.prepare.recipe import Recipe, VideoRule, seconds

FAULTY = """\
[dataset]
frame = 5
height = 480
patches = -1

[skip]
repeats = "maybe"

[degradation]
blur = [3, 1]

[category.space]
paths = []
wieght = 2
start = "soon"

[[video]]
path = "a"

[[video]]
path = "b"
priorty = 3
"""


def test_every_fault_is_told_with_its_line_and_the_nearest_name(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(FAULTY)
    with pytest.raises(VsrppError) as error:
        Recipe.load(path)
    text = str(error.value)
    assert "line 2: dataset.frame is not a setting (did you mean dataset.frames? ≥ 3, ≤ 99)" in text
    assert "line 14: category.space.wieght is not a setting (did you mean category.space.weight? > 0, ≤ " in text
    assert "line 22: video.1.priorty is not a setting (did you mean video.1.priority? " in text
    places = {"line 4: dataset.patches", "line 7: skip.repeats", "line 10: degradation.blur"}
    places |= {"line 13: category.space.paths", 'line 15: category.space.start: "soon" is not a time'}
    assert all(place in text for place in places) and text.count("; ") == 7 + 1  # one also says how to write it


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("dataset.patch", "100", "multiple of 3"),
        ("dataset.frames", "4", "must be odd"),
        ("dataset.height", "300", "less than the patch 540"),
        ("degradation.h264_share", "0.9", "at most 1"),
        ("degradation.mpeg2_quantizer", "[0, 3]", "between 1 and 31"),
        ("dataset.pach", "3", "did you mean dataset.patch"),
        ("skip.text", "maybe", "skip.text: must be true or false"),
    ],
)
def test_overrides_are_checked(key: str, value: str, words: str) -> None:
    with pytest.raises(UsageError, match=re.escape(words)):
        Recipe.of(["a"], Recipe().parse([(key, value)]))


def test_degradations_that_would_not_be_used_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text("[degradation]\nringing_share = 0.5\n")
    with pytest.raises(VsrppError, match="kind must be real for all else here"):
        Recipe.load(path)
    unused = ["--set", "degradation.ringing_share=0.5", "--out", str(tmp_path / "out")]
    assert main(["prepare", str(tmp_path), *unused]) == 2
    assert "degradation.ringing_share would change nothing" in capsys.readouterr().err


def test_a_recipe_reads_what_it_writes(tmp_path: Path) -> None:
    odd = "ä \U0001f39e \x7f\r\n\"\\'"
    recipe = Recipe.of(["~/a film.mkv", odd], {"dataset.patch": 288, "degradation.noise": [0, 2]})
    parts = {
        "category": {odd: recipe.category["general"]},
        "video": [VideoRule(path="*.mkv", priority=-2, start="1:30")],
    }
    recipe = recipe.model_copy(update=parts)
    path = tmp_path / "recipe.toml"
    path.write_text(recipe.to_toml(), encoding="utf-8")
    assert Recipe.load(path) == recipe
    assert "# side of the ground truth, pixels; a multiple of scale (≥ 24, ≤ 4,096)" in recipe.to_toml()


def test_every_setting_is_described() -> None:
    settings = list(Recipe().settings())
    assert len(settings) > 35 and all(setting.description for setting in settings)
    assert {s.key: s.range for s in settings}["validation.by"] == "video, scene"


def test_times() -> None:
    assert [seconds(text) for text in ("", "90", "90s", "1:30", "1:02:03.5")] == [0, 90, 90, 90, 3723.5]
    with pytest.raises(VsrppError, match='space ends at "1:00", before it starts'):
        Recipe.from_mapping({"category": {"space": {"paths": ["a"], "start": "2:00", "end": "1:00"}}}, "test")


def test_the_recipe_explained_in_the_documentation_is_one() -> None:
    text = (ROOT / "docs" / "preparing.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert blocks
    recipe, *_ = [Recipe.from_mapping(tomllib.loads(block), "docs/preparing.md", block) for block in blocks]
    assert set(recipe.category) == {"general", "space", "toon"} and recipe.degradation.kind == "real"
    for setting in Recipe().settings():
        assert f"`{setting.key.partition('.')[2]}`" in text, setting.key


@pytest.mark.parametrize(("text", "size"), [("960x540", (540, 960)), ("960×540", (540, 960)), ("300", (300, 300))])
def test_a_patch_may_be_oblong(text: str, size: tuple[int, int]) -> None:
    recipe = Recipe.of(["a"], {"dataset.patch_width": 720})
    typed = recipe.with_overrides(recipe.parse([("dataset.patch", text)]))
    assert typed.dataset.patch_size == size and typed.geometry.gt_width == size[1]


@pytest.mark.parametrize("text", ["960x", "x540", "960x541", "961x540", "x", "9x540"])
def test_what_is_no_patch_is_refused(text: str) -> None:
    recipe = Recipe.of(["a"])
    with pytest.raises(UsageError, match="patch"):
        recipe.with_overrides(recipe.parse([("dataset.patch", text)]))
