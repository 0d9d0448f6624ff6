"""The list of runs opened before."""

from pathlib import Path

import pytest

from vsrpp_core.errors import VsrppError
from vsrpp_core.remote import recent_runs as recent


def made(folder: Path, *names: str) -> list[Path]:
    for name in names:
        (folder / name).mkdir()
    return [folder / name for name in names]


def test_the_last_one_opened_is_the_first(tmp_path: Path) -> None:
    one, two = made(tmp_path, "one", "two")
    assert recent.recent_runs() == []
    for run in (one, two, one):
        recent.remember(run)
    assert recent.recent_runs() == [one, two]


def test_a_run_that_is_gone_is_left_out(tmp_path: Path) -> None:
    one, two = made(tmp_path, "one", "two")
    recent.remember(one)
    recent.remember(two)
    one.rmdir()
    assert recent.recent_runs() == [two]


def test_a_relative_name_is_kept_for_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path, "one")
    monkeypatch.chdir(tmp_path)
    recent.remember(Path("one"))
    monkeypatch.chdir("/")
    assert recent.recent_runs() == [tmp_path / "one"]


def test_no_more_are_kept_than_are_of_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "KEPT", 5)
    runs = made(tmp_path, *(f"run{number}" for number in range(7)))
    for run in runs:
        recent.remember(run)
    assert recent.recent_runs() == runs[:1:-1]
    assert recent.recent_runs(3) == runs[:3:-1]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"runs": 3}', '{"runs": [7, "relative", null]}', "\x00"])
def test_a_damaged_list_is_begun_anew(tmp_path: Path, text: str) -> None:
    recent.list_path().parent.mkdir(parents=True, exist_ok=True)
    recent.list_path().write_text(text)
    assert recent.recent_runs() == []
    recent.remember(tmp_path)
    assert recent.recent_runs() == [tmp_path]


def test_the_list_is_replaced_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that takes no more leaves the list of before."""
    one, two = made(tmp_path, "one", "two")
    recent.remember(one)

    def full(path: Path, text: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vsrpp_core.run.files._write_text", full)
    with pytest.raises(
        VsrppError, match=r"the list of recent runs cannot be written to .* \(No space left on device\)"
    ):
        recent.remember(two)
    assert recent.recent_runs() == [one]
    left = {path.name for path in recent.list_path().parent.iterdir()}
    assert left == {"recent_runs.json", ".recent_runs.lock"}
