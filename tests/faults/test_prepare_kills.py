"""A short version of the campaign: two kills, and the result is the undisturbed one, byte for byte."""

from pathlib import Path

from tests.faults.prepare_kills import campaign, make_films


def test_a_killed_preparation_ends_as_if_undisturbed(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    result = campaign(make_films(tmp_path / "films", 2, 60), work, kills=2)
    assert (result.kills, result.different, result.leftovers) == (2, (), ())
    assert result.files > 20
