"""Folders of images: what is odd about a sequence, which images cannot be used, and the names of what is made."""

import json
import os
from fnmatch import fnmatch
from pathlib import Path

import pytest
from PIL import Image

from vsrpp_core.errors import VsrppError
from vsrpp_core.run.names import as_pattern, json_line, natural, readable
from vsrpp_core.video.images import Size, count_in, refuse_cut_jpeg, refuse_unfit, remarks, result_names
from vsrpp_core.video.video_files import list_folder

NAMES = ["1²2.png", "Frame2.png", "frame1.png", "frame02.png", "frame2.png", "frame10.png"]


def paths(*names: str) -> list[Path]:
    return [Path("clip", name) for name in names]


def test_numbers_are_sorted_by_value_and_every_order_is_the_same() -> None:
    assert sorted(set(NAMES), key=natural) == NAMES


def test_names_that_are_no_text_are_written_so_that_people_or_programs_read_them() -> None:
    name = os.fsdecode(b"B\xe4r \xc3\xa4.png")
    assert readable(name) == "B\ufffdr \u00e4.png"
    assert json.loads(json_line({"a": name}).encode())["a"] == name and "\u00e4" in json_line(name)
    assert fnmatch(name, as_pattern(name)) and as_pattern(name).encode()


def test_a_folder_is_listed_without_what_systems_leave_there(tmp_path: Path) -> None:
    for name in ("b10.png", "b9.PNG", "a.mkv", "notes.txt", "Thumbs.db", "desktop.ini", ".DS_Store", "._b9.png"):
        (tmp_path / name).touch()
    for name in ("folder.png", "__MACOSX"):
        (tmp_path / name).mkdir()
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    found = list_folder(tmp_path)
    assert [path.name for path in found.images] == ["b9.PNG", "b10.png"]
    assert [path.name for path in found.videos] == ["a.mkv"]
    assert [path.name for path in found.others] == ["folder.png", "gone.png", "notes.txt"]


@pytest.mark.parametrize(
    ("names", "gaps"),
    [
        ([f"{n:03}.png" for n in range(12)], ""),
        ([f"{n:03}.png" for n in range(12) if n not in (5, 6)], "2 missing between 004.png and 007.png"),
        ([f"f{n}_v2.png" for n in (1, 2, 3, 5)], "1 missing between f3_v2.png and f5_v2.png"),
        ([f"{n}0.png" for n in range(1, 9) if n != 4], "1 missing between 30.png and 50.png"),
        ([f"s{s}_{n}.png" for s in (1, 2) for n in (1, 2, 3, 4 + s)], "1 missing between s1_3.png and s1_5.png"),
        (["DSC_0101.jpg", "DSC_0107.jpg", "DSC_0110.jpg", "DSC_0150.jpg"], ""),
        (["a.png", "b.png", "z.png"], ""),
        (["1.png", "9.png"], ""),
    ],
)
def test_numbers_that_are_missing_are_told(names: list[str], gaps: str) -> None:
    told = " ".join(remarks(paths(*names)))
    assert gaps in told if gaps else not told


def test_results_of_one_stem_have_names_of_their_own() -> None:
    files = paths("1.jpg", "1.jpg.png", "1.png", "2.png")
    assert result_names(files) == ["1.jpg", "1.jpg-2", "1.png", "2"]
    assert "1.jpg and 1.png" in remarks(files)[-1]


def size_of(file: Path) -> Size:
    try:
        with Image.open(file) as image:
            image.load()
            return image.size
    except OSError:
        raise VsrppError(f"{file} cannot be read") from None


def test_unfit_images_are_all_named_and_few_are_decoded(tmp_path: Path) -> None:
    files = [tmp_path / f"{n}.{'jpg' if n == 7 else 'png'}" for n in range(9)]
    for file in files:
        Image.effect_noise((80, 60), 50).save(file)
    read: list[Path] = []

    def reading(file: Path) -> Size:
        read.append(file)
        return size_of(file)

    refuse_unfit(files, reading)
    assert read == files[:1]
    with files[3].open("ab") as opened:
        opened.write(b"appended by a camera" * 5)
    refuse_unfit(files, reading)
    Image.new("L", (60, 80)).save(files[0])
    files[4].write_bytes(files[4].read_bytes()[:500])
    files[5].write_bytes(b"")
    read.clear()
    with pytest.raises(VsrppError) as refused:
        refuse_unfit(files, reading)
    assert str(refused.value).startswith(f"3 images of 9 cannot be used: {files[4]} cannot be read, {files[5]} cannot")
    assert f"{files[0]} is 60x80, unlike most (80x60)" in str(refused.value)
    assert read == [files[1], files[0], files[4], files[5]]


def test_a_jpeg_that_is_cut_short_is_refused_and_pictures_are_counted(tmp_path: Path) -> None:
    picture = Image.effect_noise((64, 48), 50)
    picture.save(tmp_path / "a.jpg")
    content = (tmp_path / "a.jpg").read_bytes()
    refuse_cut_jpeg(content)
    with pytest.raises(OSError, match="truncated"):
        refuse_cut_jpeg(content[: len(content) // 2])
    for suffix in ("png", "tif"):
        picture.save(tmp_path / f"a.{suffix}", save_all=True, append_images=[picture.rotate(90)])
    assert [count_in(tmp_path / name) for name in ("a.jpg", "a.png", "a.tif", "none.png")] == [1, 2, 2, 1]
