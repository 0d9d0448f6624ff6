"""Comparison pictures: taken apart, cut and scaled, and shown without a word to the terminal."""

import base64
import io
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers import break_png
from vsrpp_core.errors import VsrppError
from vsrpp_core.run.pictures.comparison_picture import LABELS, read_parts, side_by_side
from vsrpp_tui.terminal.graphics import Graphics
from vsrpp_tui.widgets.pictures.comparison import read_detail
from vsrpp_tui.widgets.pictures.picture_view import GAP, arranged
from vsrpp_tui.widgets.pictures.pixels import pixels

BLACK = (0, 0, 0)


def plain(value: int, height: int = 60, width: int = 60) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def parts_of(*pictures: np.ndarray) -> tuple[Image.Image, ...]:
    return tuple(Image.fromarray(picture) for picture in pictures)


@pytest.mark.parametrize("shape", [(60, 60), (36, 54), (288, 288)])
def test_a_comparison_picture_comes_apart_into_what_it_was_made_of(tmp_path: Path, shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(0)
    pictures = tuple(noise.integers(0, 256, (*shape, 3), np.uint8) for _ in range(3))
    side_by_side(pictures, ("LR", "KI", "GT")).save(tmp_path / "film.png")
    for part, picture in zip(read_parts(tmp_path / "film.png"), pictures, strict=True):
        assert np.array_equal(np.asarray(part), picture)


def test_a_picture_that_cannot_be_read_is_shown(tmp_path: Path) -> None:
    with pytest.raises(VsrppError, match="not there any more; the next validation"):
        read_parts(tmp_path / "gone.png")
    with pytest.raises(VsrppError, match="not there any more; look at those of another"):
        read_parts(tmp_path / "step_5" / "gone.png")
    (tmp_path / "torn.png").write_bytes(b"\x89PNG")
    with pytest.raises(VsrppError, match="cannot be read"):
        read_parts(tmp_path / "torn.png")
    side_by_side((plain(1),) * 3, LABELS).save(tmp_path / "odd.png")
    break_png(tmp_path / "odd.png")
    with pytest.raises(VsrppError, match="broken PNG"):
        read_parts(tmp_path / "odd.png")
    Image.new("RGB", (30, 9)).save(tmp_path / "small.png")
    with pytest.raises(VsrppError, match="no comparison picture"):
        read_parts(tmp_path / "small.png")


@pytest.mark.parametrize(("width", "height"), [(76, 16), (116, 30), (196, 50), (20, 3)])
def test_a_sheet_fits_into_its_cells(width: int, height: int) -> None:
    sheet = arranged(parts_of(plain(1), plain(2), plain(3)), width, height, BLACK)
    assert sheet.image.width <= width and sheet.image.height <= 2 * height and sheet.image.height % 2 == 0
    row = np.asarray(sheet.image)[0, :, 0]
    assert [row[place * (sheet.pane + GAP)] for place in range(3)] == [1, 2, 3] and row[sheet.pane] == 0


@pytest.mark.parametrize(("width", "height", "across", "scale"), [(76, 16, 24, 4), (196, 50, 60, 10), (22, 6, 6, 1)])
def test_pixels_fill_whole_cells_at_a_whole_scale(width: int, height: int, across: int, scale: int) -> None:
    sheet = arranged(parts_of(plain(1), plain(2), plain(3)), width, height, BLACK, Graphics((10, 20)))
    assert sheet.image.width % 10 == sheet.image.height % 20 == 0 and sheet.pane == across
    shown = np.asarray(sheet.image)[:, 10 * (sheet.pane + GAP) :, 0]
    assert (shown[: 60 * scale, : 60 * scale] == 2).all(), "exactly so many pixels, and right below its label"


def test_what_the_terminal_is_sent_comes_through_tmux() -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8))
    plainly, wrapped = (pixels(picture, Graphics((10, 20), client)) for client in ("", "7"))
    assert plainly.rows[0].cell_length == 6 and len(plainly.rows) == 2
    messages = wrapped.upload.split("\x1bPtmux;")[1:]
    assert len(messages) > 2 and all(m.startswith("\x1b\x1b_G") and m.endswith("\x1b\x1b\\\x1b\\") for m in messages)
    data = re.findall(r"\x1b_G[^;]*;([^\x1b]*)", plainly.upload)
    with Image.open(io.BytesIO(base64.b64decode("".join(data)))) as arrived:
        assert np.array_equal(np.asarray(arrived), np.asarray(picture))


def test_in_a_narrow_place_they_stand_below_each_other() -> None:
    sheet = arranged(parts_of(plain(1), plain(2), plain(3)), 41, 66, BLACK)
    assert sheet.image.size == (41, 3 * (40 + 2)) and (sheet.pane, sheet.stacked) == (41, 21)
    column = np.asarray(sheet.image)[:, 0, 0]
    assert [column[2 * place * sheet.stacked + 2] for place in range(3)] == [1, 2, 3] and not column[:2].any()


def test_many_stand_in_rows_where_one_row_would_make_them_small() -> None:
    sheet = arranged(parts_of(*(plain(value) for value in range(1, 6))), 76, 38, BLACK)
    assert (sheet.columns, sheet.image.width <= 76, sheet.image.height <= 76) == (3, True, True)
    tops, lefts = (2 * sheet.stacked, sheet.pane + GAP)
    drawn = np.asarray(sheet.image)[:, :, 0]
    assert [drawn[2 + row * tops, column * lefts] for row in (0, 1) for column in range(3)] == [1, 2, 3, 4, 5, 0]


def test_the_detail_is_where_the_bicubic_picture_misses_most(tmp_path: Path) -> None:
    lr, truth = plain(0, 96, 96), plain(0, 96, 96)
    truth[80:84, 8:12] = 255
    side_by_side((lr, lr, truth), LABELS).save(tmp_path / "film.png")
    sheet = arranged(read_detail(tmp_path / "film.png", zoom=8), 76, 16, BLACK)
    detail = np.asarray(sheet.image)[:, 2 * (sheet.pane + GAP) :]
    assert detail.max() == 255 and np.asarray(sheet.image)[:, : sheet.pane].max() == 0
    assert set(np.unique(detail)) == {0, 255}, "a detail is scaled up by whole pixels"


CHECK = """
import sys
from PIL import Image
from rich.console import Console
from vsrpp_tui.widgets.pictures.half_cells import half_cells
assert sys.__stdout__.isatty()
console = Console(file=open(sys.argv[1], "w"), width=20, height=10, color_system="truecolor", force_terminal=True)
console.file.writelines(row.render(console) for row in half_cells(Image.new("RGB", (6, 4), "red")))
"""


def test_showing_a_picture_asks_the_terminal_nothing(tmp_path: Path) -> None:
    """Answers would come among the keys. A terminal without a size in pixels is one that the library would ask."""
    ours, theirs = pty.openpty()
    shown = tmp_path / "shown"
    command = [sys.executable, "-c", CHECK, str(shown)]
    result = subprocess.run(command, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    os.set_blocking(ours, False)
    with pytest.raises(BlockingIOError):
        os.read(ours, 1)
    os.close(ours)
    os.close(theirs)
    assert shown.read_text(encoding="utf-8").count("▀") == 12
