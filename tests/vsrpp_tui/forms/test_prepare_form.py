"""Adding to a dataset, as typed into the form."""

from pathlib import Path

import pytest

from tests.conftest import MakeDataset
from vsrpp_core.prepare.recipe import Recipe
from vsrpp_tui.forms.checked import Values
from vsrpp_tui.forms.prepare import check


@pytest.mark.parametrize(
    ("values", "field", "told"),
    [
        ({"add": False}, "out", "is not empty; name a folder that does not exist yet, or tick add"),
        ({"out": "gone"}, "out", "is not a folder"),
        ({"frames": "3"}, "out", "--frames 5 --scale 3"),
        ({}, "", ""),
    ],
)
def test_what_is_added_is_by_the_recipe_of_the_dataset(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make_dataset: MakeDataset,
    values: Values,
    field: str,
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.mkv").write_bytes(b"film")
    data = make_dataset()
    (data / "recipe.toml").write_text(Recipe.of(["films"], {"dataset.patch": 48}).to_toml())
    checked = check({"videos": "a.mkv", "out": "data", "add": True, **values})
    if field:
        assert told in checked.faults[field]
    else:
        assert checked.request and checked.request.adds and checked.outlook == ("1 new video",)
        assert checked.request.command.endswith("data --add") and checked.notes["patch"] == "48"
        assert checked.request.recipe().category["general"].paths == [str(tmp_path / "a.mkv")]
