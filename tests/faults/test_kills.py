"""A short version of the campaign: two kills in the middle of training, one where every step is saved."""

from itertools import pairwise
from pathlib import Path

from tests.faults.kills import campaign


def test_a_killed_run_goes_on(tmp_path: Path) -> None:
    outcomes = list(campaign(tmp_path, kills=2, in_saves=1))
    assert [outcome.damaged for outcome in outcomes] == [(), (), ()]
    assert [outcome.misnamed for outcome in outcomes] == ["", "", ""]
    assert all(after.reached > before.resumable for before, after in pairwise(outcomes))
    assert all(after.resumed_from == before.resumable for before, after in pairwise(outcomes))
    assert outcomes[-1].resumable > 0 and outcomes[-1].lost <= 2
