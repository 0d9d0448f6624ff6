"""A film that was not copied to its end is known by the byte; a whole one, and one that tells no length, is not."""

from pathlib import Path

import pytest

from tests.vsrpp_core.apply.conftest import Film, shot, write_film
from vsrpp_core.video.file_length import missing_bytes


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov", ".webm"])
@pytest.mark.parametrize("lost", [0, 1, 40, 2_000])
def test_what_is_missing_is_counted(tmp_path: Path, suffix: str, lost: int) -> None:
    codec = "libvpx-vp9" if suffix == ".webm" else "libx264"
    film = write_film(tmp_path / f"film{suffix}", Film(shot(1, 30), options={}, codec=codec))
    content = film.read_bytes()
    if suffix in (".mp4", ".mov"):  # their index stands behind the pictures, and is no loss of them
        content = content[: content.index(b"moov") - 4]
    film.write_bytes(content[: len(content) - lost])
    assert missing_bytes(film) == lost


@pytest.mark.parametrize("suffix", [".ts", ".avi", ".mkv"])
def test_what_tells_no_length_lacks_nothing(tmp_path: Path, suffix: str) -> None:
    film = write_film(tmp_path / f"film{suffix}", Film(shot(1, 30), codec="mpeg4", options={}))
    content = film.read_bytes()
    if suffix == ".mkv":  # as a live recording has it
        at = content.index(b"\x18\x53\x80\x67") + 4
        content = content[:at] + b"\x01" + b"\xff" * 7 + content[at + 8 :]
    film.write_bytes(content[: len(content) // 2])
    assert missing_bytes(film) == 0


@pytest.mark.parametrize(
    "content", [b"", b"\x1a\x45\xdf\xa3", b"\x1a\x45\xdf\xa3\x00" * 9, b"\0\0\0\x08ftyp" + b"\0\0\0\x08free" * 99]
)
def test_nonsense_lacks_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "film.mkv").write_bytes(content)
    assert missing_bytes(tmp_path / "film.mkv") == 0
