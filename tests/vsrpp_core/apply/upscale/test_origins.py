"""A result in a folder is taken as done only for the film, and the part of it, that it was made of."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.vsrpp_core.apply.conftest import Film, run, shot, write_film
from vsrpp_core.apply.upscale.jobs import plan
from vsrpp_core.apply.upscale.origins import NAME
from vsrpp_core.apply.upscale.source import Span
from vsrpp_core.errors import OptionError


@pytest.fixture
def made(tmp_path: Path, bilinear: Path) -> Path:
    """A folder with the result of the film in ``one``; ``two`` has another film of the same name."""
    for folder, count in (("one", 3), ("two", 9)):
        (tmp_path / folder).mkdir()
        write_film(tmp_path / folder / "clip.mkv", Film(shot(count, count)))
    run(bilinear, tmp_path / "one", tmp_path / "out")
    return tmp_path / "out"


def skipped(folder: Path, out: Path, **known: Any) -> list[str]:
    return [path.name for path in plan([folder], out, **known).skipped]


def test_the_same_film_is_done(made: Path, tmp_path: Path) -> None:
    assert skipped(tmp_path / "one", made) == ["clip.mkv"]
    (tmp_path / "one").rename(tmp_path / "moved")
    (tmp_path / "moved/clip.mkv").touch()
    assert skipped(tmp_path / "moved", made) == ["clip.mkv"]


@pytest.mark.parametrize("known", [True, False])
def test_another_film_of_that_name_is_not(made: Path, tmp_path: Path, known: bool) -> None:
    """Also where nothing was noted, as for results of before."""
    if not known:
        (made / NAME).unlink()
    with pytest.raises(
        OptionError, match=r"out/clip\.mkv exists already, but was not made of .*two/clip\.mkv: it is of"
    ):
        skipped(tmp_path / "two", made)
    assert len(plan([tmp_path / "two"], made, overwrite=True).jobs) == 1


def test_nor_is_another_part_of_it(made: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"it is of another part of .*one/clip\.mkv \(--start, --preview\)"):
        skipped(tmp_path / "one", made, span=Span(0, 5))


def test_a_result_replaced_since_is_judged_by_itself(made: Path, tmp_path: Path) -> None:
    (made / "clip.mkv").write_bytes(b"mine")
    assert skipped(tmp_path / "two", made) == ["clip.mkv"]


def test_folders_of_pictures_too(tmp_path: Path, bilinear: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        write_film(tmp_path / folder / "clip.mkv", Film(shot(len(folder) + ord(folder[0]), 2)))
    run(bilinear, tmp_path / "one", tmp_path / "out", png=True)
    assert skipped(tmp_path / "one", tmp_path / "out", png=True) == ["clip"]
    with pytest.raises(OptionError, match=r"was not made of .*two/clip\.mkv: it is of .*one/clip\.mkv"):
        skipped(tmp_path / "two", tmp_path / "out", png=True)


def test_names_too_long_with_anything_added_are_made(tmp_path: Path, bilinear: Path) -> None:
    film, name = write_film(tmp_path / "film.mkv", Film(shot(1, 2))), f"{'ü' * 125}x.mkv"
    assert len(name.encode()) == 255
    run(bilinear, film, tmp_path / name)
    shutil.move(film, tmp_path / f"{'ü' * 126}.ts")
    with pytest.raises(OptionError, match=r"is a name of 256 bytes, longer than the 255 that .*out takes; rename"):
        plan([tmp_path / f"{'ü' * 126}.ts", tmp_path / name], tmp_path / "out")
