"""Every screen, in all its states and sizes, looks as its picture in docs/screens does."""

import difflib
import html
import re
from pathlib import Path

import pytest

from docs.screens.studio import SCENES
from docs.screens.studio.scene import Scene, Size, chosen, file_name, play
from docs.screens.studio.svg import Cell, Look, Row, svg_of, text_of
from tests.helpers import ROOT

PICTURES = ROOT / "docs" / "screens"
ALL = list(chosen(()))
LINES_TOLD = 40
LOOKS = 5


def _id(drawn: Scene | Size) -> str:
    return drawn.names[0] if isinstance(drawn, Scene) else f"{drawn[0]}x{drawn[1]}"


@pytest.mark.parametrize(("scene", "size"), ALL, ids=_id)
async def test_screens_look_like_their_pictures(scene: Scene, size: Size, tmp_path: Path) -> None:
    """A busy machine may let a screen be caught before it has settled, so one that differs is looked at again."""
    for _ in range(LOOKS):
        if not (told := await _differences(scene, size, tmp_path)):
            return
    raise AssertionError("\n\n".join(told))


async def _differences(scene: Scene, size: Size, tmp_path: Path) -> list[str]:
    told = []
    for name, rows in (await play(scene, size)).items():
        path = PICTURES / file_name(name, size)
        drawn, kept = svg_of(rows), path.read_text(encoding="utf-8") if path.exists() else ""
        if drawn != kept:
            (tmp_path / path.name).write_text(drawn, encoding="utf-8")
            told.append(_difference(path, kept, drawn, tmp_path))
    return told


def _difference(path: Path, kept: str, drawn: str, place: Path) -> str:
    """The rows whose characters differ; where none does, the numbers of those whose colours do."""
    head = (
        f"{path.name} is not what the screen looks like now, which is in {place / path.name}; "
        "look at it, and if it is right: make screens"
    )
    words = list(difflib.unified_diff(_text(kept), _text(drawn), "picture", "now", n=1, lineterm=""))[:LINES_TOLD]
    if words:
        return "\n".join((head, *words))
    rows = sorted({number for number, _ in _rows(kept) ^ _rows(drawn)})
    return f"{head}\n" + (f"other colours in the rows {', '.join(map(str, rows))}" if rows else "another picture")


def _text(svg: str) -> list[str]:
    found = re.search(r"<desc>(.*?)</desc>", svg, re.DOTALL)
    return html.unescape(found[1]).splitlines() if found else []


def _rows(svg: str) -> set[tuple[int, str]]:
    """Each row of cells, its number and how it is drawn, its colours in full."""
    colours: dict[str, str] = dict(re.findall(r"\.(\w+){fill:(#\w+);", svg))
    drawn = re.findall(r'<g transform="translate\(0 (\d+)\)">(.*)</g>', svg)
    return {
        (int(y) // 16, re.sub(r'(?<= |")([a-z]+)(?= |")', lambda m: colours.get(m[1], m[1]), row)) for y, row in drawn
    }


def test_every_picture_is_of_a_screen() -> None:
    """A picture of a screen that is gone would be held to nothing."""
    drawn = {file_name(name, size) for scene, size in ALL for name in scene.names}
    assert {path.name for path in PICTURES.glob("*.svg")} == drawn
    assert len({name for scene in SCENES for name in scene.names}) == sum(len(scene.names) for scene in SCENES)


# the file of a picture


def _row(text: str, look: Look) -> Row:
    return [Cell(sign, look) for sign in text]


def test_a_picture_tells_its_words_and_parts_them_at_gaps() -> None:
    rows = [_row("a < b   c", Look("#111111", "#ffffff", "B")), _row("         ", Look("#111111", "#ffffff"))]
    drawn = svg_of(rows)
    assert text_of(rows) == "a < b   c\n"
    assert '<text class="a B" x="0" y="12" textLength="40">a &lt; b</text>' in drawn
    assert '<text class="a B" x="64" y="12" textLength="8">c</text>' in drawn


def test_lines_and_curves_are_shapes_and_half_cells_are_pixels() -> None:
    plain, red = Look("#111111", "#ffffff"), Look("#ff0000", "#0000ff")
    drawn = svg_of([_row("──⠁", plain), _row("▀▀▀▀", red), _row("    ", plain)])
    assert "M0 7.5h16v1h-16z" in drawn and "M18 2h0" in drawn and "─" not in drawn.split("</desc>")[1]
    assert '<path stroke="#ff0000" d="M0 2h4"/>' in drawn and '<path stroke="#0000ff" d="M0 3h4"/>' in drawn
