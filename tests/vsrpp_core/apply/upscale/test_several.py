"""Several films whose results are to replace older ones: after an interruption none is made twice, none left old."""

from pathlib import Path
from typing import Any

import pytest

from tests.vsrpp_core.apply.conftest import Film, run, shot, write_film
from vsrpp_core.apply.upscale.encoding import EncodingRequest
from vsrpp_core.apply.upscale.job_events import UpscaleEvent, UpscaleFailed, UpscaleFinished
from vsrpp_core.apply.upscale.jobs import Options, plan
from vsrpp_core.apply.upscale.upscale import upscale
from vsrpp_core.cli.main import main


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Two short ones, whose results are there from before."""
    folder, out = tmp_path / "films", tmp_path / "out"
    folder.mkdir()
    out.mkdir()
    for number, name in enumerate(("a.mkv", "b.mkv")):
        write_film(folder / name, Film(shot(number, 4)))
        (out / name).write_text("old")
    return folder


def again(checkpoint: Path, films: Path, **known: Any) -> list[UpscaleEvent]:
    return run(checkpoint, [films], films.parent / "out", overwrite=True, **known)


def interrupted(checkpoint: Path, films: Path, **known: Any) -> None:
    """Ended right after the first of two films."""
    options = Options(**{"precision": "fp32", "segment_seconds": 0.2, "overwrite": True, **known})
    events = upscale(checkpoint, plan([films], films.parent / "out", known.get("png", False), True).jobs, options)
    while not isinstance(next(events), UpscaleFinished):
        pass
    events.close()


def kept(events: list[UpscaleEvent]) -> list[str]:
    finished = [event for event in events if isinstance(event, UpscaleFinished)]
    assert [event.name for event in finished] == ["a.mkv", "b.mkv"]
    return [event.name for event in finished if event.is_kept]


def test_what_was_finished_since_is_not_made_again(films: Path, network: Path) -> None:
    out = films.parent / "out"
    interrupted(network, films)
    before = (out / "a.mkv").stat()
    assert (out / "b.mkv").read_text() == "old"
    assert kept(again(network, films)) == ["a.mkv"]
    assert (out / "a.mkv").stat() == before and (out / "b.mkv").stat().st_size > 3
    assert sorted(path.name for path in out.iterdir()) == [".vsrpp-sources.jsonl", "a.mkv", "b.mkv"]
    assert kept(again(network, films)) == []  # all were done, so all are to be made again


@pytest.mark.parametrize(
    "different",
    [{"encoding": EncodingRequest(crf=30)}, {"drop_tracks": True}, {"fresh": True}, {"segment_seconds": 0.1}],
)
def test_other_settings_make_it_again(films: Path, network: Path, different: dict[str, Any]) -> None:
    interrupted(network, films)
    assert kept(again(network, films, **different)) == []


@pytest.mark.parametrize("changed", ["checkpoint", "source", "result", "mark"])
def test_whatever_changed_makes_it_again(films: Path, network: Path, changed: str) -> None:
    out = films.parent / "out"
    interrupted(network, films)
    match changed:
        case "checkpoint":
            network.write_bytes(network.read_bytes() + b" ")  # beyond the end of the zip
        case "source":
            (films / "a.mkv").touch()
        case "result":
            (out / "a.mkv").write_text("mine")
        case _:
            (out / ".a.mkv.vsrpp-done").write_text("{")
    assert kept(again(network, films)) == []
    assert (out / "a.mkv").stat().st_size > 100


def test_begun_anew_and_interrupted_nothing_older_counts(films: Path, network: Path) -> None:
    interrupted(network, films)
    (films / "0.mkv").write_bytes((films / "b.mkv").read_bytes())
    interrupted(network, films, fresh=True)  # after 0.mkv
    finished = [event for event in again(network, films) if isinstance(event, UpscaleFinished)]
    assert [(event.name, event.is_kept) for event in finished] == [("0.mkv", True), ("a.mkv", False), ("b.mkv", False)]


def test_a_film_that_fails_does_not_cost_the_others(films: Path, network: Path) -> None:
    good = (films / "b.mkv").read_bytes()
    (films / "b.mkv").write_text("hello" * 99)
    assert [event.name for event in again(network, films) if isinstance(event, UpscaleFailed)] == ["b.mkv"]
    (films / "b.mkv").write_bytes(good)
    assert kept(again(network, films)) == ["a.mkv"]


def test_folders_of_pictures_too(tmp_path: Path, network: Path) -> None:
    films = tmp_path / "films"
    films.mkdir()
    for number, name in enumerate(("a.mkv", "b.mkv")):
        write_film(films / name, Film(shot(number, 3)))
    options = Options(precision="fp32", overwrite=True)
    jobs = plan([films], tmp_path / "out", True, True).jobs
    events = upscale(network, jobs, options)
    while not isinstance(next(events), UpscaleFinished):
        pass
    events.close()
    assert kept(list(upscale(network, jobs, options))) == ["a.mkv"]


def test_the_command_says_what_it_kept(films: Path, network: Path, capsys: pytest.CaptureFixture[str]) -> None:
    interrupted(network, films, segment_seconds=10.0)
    command = ["upscale", str(network), str(films), str(films.parent / "out"), "--overwrite", "--precision", "fp32"]
    assert main(command) == 0
    told = capsys.readouterr().out
    assert "a.mkv was already finished by an earlier run of this job; use --fresh to redo it" in told
    assert "b.mkv: 4 frames" in told
