"""A short version of the campaign: two kills of what starts soon; test_upscale.py has one of upscale."""

from pathlib import Path

import pytest

from tests.faults.job_kills import JOBS, campaign


@pytest.mark.parametrize("name", ["prepare", "cache", "check --fix"])
def test_killed_work_ends_as_if_undisturbed(tmp_path: Path, name: str) -> None:
    tally = campaign(JOBS[name], name, tmp_path, kills=2)
    assert (tally.tried, tally.wrong) == (2, [])
