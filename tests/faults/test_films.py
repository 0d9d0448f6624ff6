"""A few of the awkward films of films.py, and that its comparison sees what it is for."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.films import FILMS, upscaled
from tests.faults.probe import by_ffprobe, by_pyav, differences, has_ffprobe
from tests.vsrpp_core.apply.conftest import write_film, write_network


@pytest.mark.parametrize(
    ("name", "suffix", "target"),
    [("phone", ".mp4", ".mp4"), ("begins_late", ".mkv", ".mkv"), ("two_sounds", ".mp4", ".mkv")],
)
def test_all_but_the_size_is_as_it_was(tmp_path: Path, name: str, suffix: str, target: str) -> None:
    source = write_film(tmp_path / f"film{suffix}", FILMS[name][1])
    assert upscaled(write_network(tmp_path / "network.pth", adds=0.1), source, tmp_path / f"out{target}") == []


def test_every_difference_is_seen(tmp_path: Path) -> None:
    film = FILMS["chapters"][1]
    facts = by_pyav(write_film(tmp_path / "film.mp4", film))
    same = replace(facts, size=(3 * facts.size[0], 3 * facts.size[1]))
    assert differences(facts, same) == []
    later = tuple(time + 0.002 for time in same.times)
    other = replace(same.tracks[0], language="xyz")
    for changed in (
        replace(same, size=facts.size),
        replace(same, frames=3),
        replace(same, times=later),
        replace(same, duration=same.duration + 0.1),
        replace(same, rotation=90),
        replace(same, bits=10),
        replace(same, tracks=()),
        replace(same, tracks=(other,)),
        replace(same, chapters=same.chapters[:1]),
        replace(same, title="x"),
    ):
        assert len(differences(facts, changed)) == 1, changed


@pytest.mark.skipif(not has_ffprobe(), reason="ffprobe is not installed")
def test_both_readers_see_the_same(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mkv", FILMS["words_and_chapters"][1])
    one, two = by_pyav(path), by_ffprobe(path)
    assert (one.size, one.frames, one.rotation, one.bits, one.title) == (
        two.size,
        two.frames,
        two.rotation,
        two.bits,
        two.title,
    )
    assert one.times == pytest.approx(two.times, abs=1e-3) and one.duration == pytest.approx(two.duration, abs=1e-3)
    assert [(t.kind, t.packets) for t in one.tracks] == [(t.kind, t.packets) for t in two.tracks]
    assert one.chapters == two.chapters
