"""Pictures of earlier validations are kept within a bound, and grow rarer with their age."""

import errno
import os
from itertools import pairwise
from pathlib import Path

import pytest

from vsrpp_core.run.pictures.picture_history import keep, thinned


def test_what_is_long_ago_is_kept_more_rarely() -> None:
    kept: tuple[int, ...] = ()
    for step in range(100, 20_001, 100):
        kept = thinned([*kept, step], room=12)
    gaps = [after - before for before, after in pairwise(kept)]
    assert len(kept) == 12 and (kept[0], kept[-1]) == (100, 20_000)
    assert sum(gaps[:3]) > 3 * sum(gaps[-3:]) and gaps[-1] == 100


@pytest.mark.parametrize("links", [True, False])
def test_the_pictures_of_a_validation_outlive_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    def refuse(*anything: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    if not links:
        monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr("vsrpp_core.run.pictures.picture_history.thinned", lambda steps: thinned(steps, room=3))
    (tmp_path / "step_by_step").mkdir()
    for step in (10, 20, 30, 40, 40, 15):
        new = tmp_path / "new"
        new.write_text(f"picture of {step}")
        keep(new.replace(tmp_path / "a.png"), step)
    kept = {str(path.relative_to(tmp_path)): path.read_text() for path in tmp_path.glob("step_*/a.png")}
    assert kept == {"step_10/a.png": "picture of 10", "step_15/a.png": "picture of 15"}, "what was later is given up"
