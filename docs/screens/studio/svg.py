"""A screen as an SVG file that is the same whenever the screen is: one line of the file for each row of cells.

Rich's own export names its styles by a hash of all that is shown, repeats ground and clipping in every row, and writes
pictures as letters: files four times as large, in which one changed word changes every line. ``<desc>`` holds the
characters, for readers who cannot see the picture and for a test that shows what has changed.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html import escape
from itertools import groupby
from string import ascii_lowercase
from typing import Any, NamedTuple

from rich.cells import cell_len
from rich.color import Color, blend_rgb
from rich.color_triplet import ColorTriplet
from rich.style import Style
from rich.terminal_theme import DIMMED_MONOKAI
from textual.app import App
from textual.strip import Strip

from docs.screens.studio.glyphs import HEIGHT, WIDTH, dots, is_block, is_braille, is_shape, shape

MARGIN = 8
BASELINE = 12
DIMMED = 0.4
"""How far dim text goes towards its background."""

PIXEL, LEAST_PIXELS = "▀", 4
"""So many of these signs side by side, all of them in colours of their own, are part of a picture."""

PIXEL_STEP = 8
"""Colours of pictures are rounded to multiples of this: the eye does not miss it, and the file is half as large."""

STYLE = """\
<style>
text{{font:13.33px "DejaVu Sans Mono",Menlo,Consolas,"Liberation Mono",monospace;\
font-variant-ligatures:none;white-space:pre}}
path,text{{stroke-width:0}}.B{{font-weight:700}}.I{{font-style:italic}}.U{{text-decoration:underline}}\
.D{{stroke-width:2.4;stroke-linecap:round}}.P{{shape-rendering:crispEdges}}.P path{{stroke-width:1}}\
.R{{shape-rendering:crispEdges}}
{colours}
</style>"""


class Look(NamedTuple):
    """How a cell is shown; colours as ``#rrggbb``."""

    ink: str
    ground: str
    letters: str = ""
    """Any of B, I and U: bold, italic, underlined."""


class Cell(NamedTuple):
    sign: str
    """Empty for the second half of a wide sign."""
    look: Look


Row = list[Cell]


Painted = list[list[Strip]]


def paint(app: App[Any]) -> Painted:
    """A row each of what ``app`` shows, with the screens behind the one on top."""
    update: Any = app.screen._compositor.render_update(full=True, screen_stack=app._background_screens)
    return [list(strips) for strips in update.strips]


def rows_of(painted: Painted) -> list[Row]:
    return [list(_cells(strips)) for strips in painted]


def _cells(strips: Iterable[Strip]) -> Iterator[Cell]:
    for strip in strips:
        for text, style, control in strip:
            look = _look(style or Style())
            for sign in "" if control else text:
                yield Cell(sign, look)
                yield from [Cell("", look)] * (cell_len(sign) - 1)


def _look(style: Style) -> Look:
    ink, ground = _triplet(style.color, True), _triplet(style.bgcolor, False)
    if style.reverse:
        ink, ground = ground, ink
    if style.dim:
        ink = blend_rgb(ink, ground, DIMMED)
    letters = (("B", style.bold), ("I", style.italic), ("U", style.underline))
    return Look(ink.hex, ground.hex, "".join(letter for letter, on in letters if on))


def _triplet(color: Color | None, foreground: bool) -> ColorTriplet:
    theme = DIMMED_MONOKAI
    if color is None:
        return theme.foreground_color if foreground else theme.background_color
    return color.get_truecolor(theme, foreground)


def text_of(rows: Iterable[Row]) -> str:
    """The characters of a screen, a line for each row; pictures are left blank."""
    return "\n".join(_line(row) for row in rows)


def _line(row: Row) -> str:
    pixels = _pixel_columns(row)
    return "".join(" " if column in pixels else cell.sign for column, cell in enumerate(row)).rstrip()


def svg_of(rows: list[Row]) -> str:
    """The file's text."""
    colours, width, height = Colours(), WIDTH * len(rows[0]), HEIGHT * len(rows)
    ground = _most_common_ground(rows)
    drawn = [_row(row, number, ground, colours) for number, row in enumerate(rows)]
    picture = _pixels(rows, ground)
    full_width, full_height = width + 2 * MARGIN, height + 2 * MARGIN
    size = f'viewBox="{-MARGIN} {-MARGIN} {full_width} {full_height}" width="{full_width}"'
    frame = f'x="{0.5 - MARGIN}" y="{0.5 - MARGIN}" width="{full_width - 1}" height="{full_height - 1}"'
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" xml:space="preserve" {size}>',
            f"<desc>{escape(text_of(rows), quote=False)}</desc>",
            STYLE.format(colours=colours.css()),
            f'<rect {frame} rx="6" fill="{ground}" stroke="#808080" stroke-opacity=".5" style="stroke-width:1"/>',
            *filter(None, drawn),
            *picture,
            "</svg>\n",
        )
    )


def _most_common_ground(rows: list[Row]) -> str:
    counts: dict[str, int] = {}
    for row in rows:
        for cell in row:
            counts[cell.look.ground] = counts.get(cell.look.ground, 0) + 1
    return max(counts, key=lambda colour: counts[colour])


@dataclass
class Colours:
    """A class for each colour that is used, in the order of first use."""

    names: dict[str, str] = field(default_factory=dict)

    def of(self, colour: str) -> str:
        return self.names.setdefault(colour, self._name(len(self.names)))

    def css(self) -> str:
        return "".join(f".{name}{{fill:{colour};stroke:{colour}}}" for colour, name in self.names.items())

    def _name(self, number: int) -> str:
        letters = ascii_lowercase
        return letters[number] if number < 26 else self._name(number // 26 - 1) + letters[number % 26]


def _row(row: Row, number: int, ground: str, colours: Colours) -> str:
    """One row: grounds, then shapes by their colour, then words."""
    pixels = _pixel_columns(row)
    cells = [Cell(" ", Look(cell.look.ink, ground)) if i in pixels else cell for i, cell in enumerate(row)]
    parts = [*_grounds(cells, ground, colours), *_shapes(cells, colours), *_words(cells, colours)]
    return f'<g transform="translate(0 {number * HEIGHT})">{"".join(parts)}</g>' if parts else ""


def _grounds(cells: Row, ground: str, colours: Colours) -> Iterator[str]:
    column = 0
    for colour, same in groupby(cells, key=lambda cell: cell.look.ground):
        count = len(list(same))
        if colour != ground:
            path = f"M{column * WIDTH} 0h{count * WIDTH}v{HEIGHT}h{-count * WIDTH}z"
            yield f'<path class="R {colours.of(colour)}" d="{path}"/>'
        column += count


def _shapes(cells: Row, colours: Colours) -> Iterator[str]:
    paths: dict[tuple[str, str], list[str]] = {}
    column = 0
    for (sign, ink), same in groupby(cells, key=lambda cell: (cell.sign, cell.look.ink)):
        count = len(list(same))
        if sign and is_braille(sign):
            paths.setdefault((ink, "D "), []).extend(dots(sign, WIDTH * (column + i)) for i in range(count))
        elif is_shape(sign):
            paths.setdefault((ink, "R " if is_block(sign) else ""), []).append(shape(sign, WIDTH * column, count))
        column += count
    for (ink, kind), drawn in paths.items():
        yield f'<path class="{kind}{colours.of(ink)}" d="{"".join(drawn)}"/>'


def _words(cells: Row, colours: Colours) -> Iterator[str]:
    """Runs of letters of one look; gaps of more than one cell part them, so that no font can shift what follows."""
    start = 0
    while start < len(cells):
        look, end = cells[start].look, start
        while end < len(cells) and _is_letter(cells[end]) and _alike(cells[end].look, look) and not _gap(cells, end):
            end += 1
        text = "".join(cell.sign for cell in cells[start:end])
        place = start + (0 if "U" in look.letters else len(text) - len(text.lstrip()))
        text = text if "U" in look.letters else text.strip()
        if text:
            names = " ".join((colours.of(look.ink), *look.letters))
            where = f'x="{place * WIDTH}" y="{BASELINE}" textLength="{cell_len(text) * WIDTH}"'
            yield f'<text class="{names}" {where}>{escape(text, quote=False)}</text>'
        start = max(end, start + 1)


def _alike(one: Look, other: Look) -> bool:
    """Whether letters are drawn alike; their ground is drawn apart from them."""
    return (one.ink, one.letters) == (other.ink, other.letters)


def _is_letter(cell: Cell) -> bool:
    return not cell.sign or not (is_braille(cell.sign) or is_shape(cell.sign))


def _gap(cells: Row, at: int) -> bool:
    """Whether a gap begins here, rather than a single space."""
    blank = cells[at].sign == " " and "U" not in cells[at].look.letters
    following = cells[at + 1] if at + 1 < len(cells) else None
    return blank and (following is None or following.sign == " " or not _is_letter(following))


# pictures


def _pixel_columns(row: Row) -> set[int]:
    columns: set[int] = set()
    start = 0
    for sign, same in groupby(row, key=lambda cell: cell.sign):
        count = len(list(same))
        if sign == PIXEL and count >= LEAST_PIXELS:
            columns |= set(range(start, start + count))
        start += count
    return columns


def _pixels(rows: list[Row], ground: str) -> list[str]:
    """Pictures made of half cells, two pixels each: a path of short lines for each colour."""
    paths: dict[str, list[str]] = {}
    for number, row in enumerate(rows):
        columns = sorted(_pixel_columns(row))
        for half in (0, 1):
            pixels = [(column, _rounded(row[column].look[half], ground)) for column in columns]
            for colour, same in groupby(pixels, key=lambda pixel: pixel[1]):
                run = [column for column, _ in same]
                for first, count in _stretches(run) if colour != ground else ():
                    paths.setdefault(colour, []).append(f"M{first} {2 * number + half}h{count}")
    if not paths:
        return []
    lines = [f'<path stroke="{colour}" d="{"".join(drawn)}"/>' for colour, drawn in paths.items()]
    return ['<g class="P" transform="scale(8) translate(0 .5)">', *lines, "</g>"]


def _stretches(columns: list[int]) -> Iterator[tuple[int, int]]:
    """First column and length of each stretch without a gap."""
    for _, same in groupby(enumerate(columns), key=lambda pair: pair[1] - pair[0]):
        stretch = [column for _, column in same]
        yield stretch[0], len(stretch)


def _rounded(colour: str, ground: str) -> str:
    if colour == ground:
        return colour
    channels = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{min(round(c / PIXEL_STEP) * PIXEL_STEP, 255):02x}" for c in channels)
