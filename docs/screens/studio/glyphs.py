"""Signs that are drawn as shapes: fonts differ in them, and lines, bars and curves would fall apart.

A shape is SVG path data in a cell of WIDTH × HEIGHT; with other fonts than the author's a picture stays the same but
for its letters.
"""

WIDTH, HEIGHT = 8, 16

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""

BRAILLE = 0x2800
DOTS = ((2, 2), (2, 6), (2, 10), (6, 2), (6, 6), (6, 10), (2, 14), (6, 14))
"""Centre of each of a braille sign's dots, in the order of its bits."""

_LIGHT, _HEAVY = 1, 2
_ARMS = {
    "─": "1010", "│": "0101", "┌": "0011", "┐": "1001", "└": "0110", "┘": "1100", "├": "0111", "┤": "1101",
    "┬": "1011", "┴": "1110", "┼": "1111", "╴": "1000", "╵": "0100", "╶": "0010", "╷": "0001",
    "━": "2020", "┃": "0202", "╸": "2000", "╹": "0200", "╺": "0020", "╻": "0002", "╼": "1020", "╾": "2010",
}  # fmt: skip
"""Strength of the lines to the left, up, to the right and down."""

_ROUND = {
    "╭": "M3.5 16v-4q0-4.5 4.5-4.5v1q-3.5 0-3.5 3.5v4z",
    "╮": "M4.5 16v-4q0-4.5-4.5-4.5v1q3.5 0 3.5 3.5v4z",
    "╰": "M3.5 0v4q0 4.5 4.5 4.5v-1q-3.5 0-3.5-3.5v-4z",
    "╯": "M4.5 0v4q0 4.5-4.5 4.5v-1q3.5 0 3.5-3.5v-4z",
}

_QUADRANTS = {"▘": "1000", "▝": "0100", "▖": "0010", "▗": "0001", "▚": "1001", "▞": "0110", "▛": "1110", "▜": "1101",
              "▙": "1011", "▟": "0111"}  # fmt: skip


def _boxes() -> dict[str, list[Box]]:
    boxes: dict[str, list[Box]] = {"▀": [(0, 0, 8, 8)], "▐": [(4, 0, 8, 16)], "▔": [(0, 0, 8, 2)], "▕": [(7, 0, 8, 16)]}
    boxes |= {sign: [(0, 16 - 2 * n, 8, 16)] for n, sign in enumerate("▁▂▃▄▅▆▇█", start=1)}
    boxes |= {sign: [(0, 0, n, 16)] for n, sign in enumerate("▏▎▍▌▋▊▉", start=1)}
    for sign, quarters in _QUADRANTS.items():
        boxes[sign] = [
            (4 * (i % 2), 8 * (i // 2), 4 + 4 * (i % 2), 8 + 8 * (i // 2)) for i, on in enumerate(quarters) if on == "1"
        ]
    for sign, arms in _ARMS.items():
        boxes[sign] = [_arm(side, int(strength)) for side, strength in enumerate(arms) if strength != "0"]
    return boxes


def _arm(side: int, strength: int) -> Box:
    """From the middle of the cell to one of its sides; a light line is one wide, a heavy one two."""
    half = strength / 2
    across, down = (4 - half, 4 + half), (8 - half, 8 + half)
    return (
        (0, down[0], 4 + half, down[1]),
        (across[0], 0, across[1], 8 + half),
        (4 - half, down[0], 8, down[1]),
        (across[0], 8 - half, across[1], 16),
    )[side]


BOXES = _boxes()


def is_braille(sign: str) -> bool:
    return 0 <= ord(sign) - BRAILLE < 256


def is_shape(sign: str) -> bool:
    return sign in BOXES or sign in _ROUND


def is_block(sign: str) -> bool:
    """Whether it fills part of its cell up to a side, so that its neighbours must join without a seam."""
    return sign in BOXES and sign not in _ARMS


def dots(sign: str, x: float) -> str:
    """Path of no length at each dot, for a round stroke; ``x`` is the cell's left side."""
    bits = ord(sign) - BRAILLE
    return "".join(f"M{x + place[0]:g} {place[1]}h0" for bit, place in enumerate(DOTS) if bits >> bit & 1)


def shape(sign: str, x: float, count: int) -> str:
    """Filled path of ``count`` equal signs side by side; those that reach both sides become one."""
    if sign in _ROUND:
        return "".join(_moved(_ROUND[sign], x + WIDTH * i) for i in range(count))
    whole = all(left == 0 and right == WIDTH for left, _, right, _ in _joined(BOXES[sign]))
    if whole:
        return "".join(_path((x, top, x + WIDTH * count, bottom)) for _, top, _, bottom in _joined(BOXES[sign]))
    places = (x + WIDTH * i for i in range(count))
    return "".join(
        _path((at + left, top, at + right, bottom)) for at in places for left, top, right, bottom in BOXES[sign]
    )


def _joined(boxes: list[Box]) -> list[Box]:
    """The two halves of a line as one."""
    if len(boxes) == 2 and boxes[0][1::2] == boxes[1][1::2] and boxes[0][2] >= boxes[1][0]:
        return [(boxes[0][0], boxes[0][1], boxes[1][2], boxes[1][3])]
    return boxes


def _path(box: Box) -> str:
    left, top, right, bottom = box
    return f"M{left:g} {top:g}h{right - left:g}v{bottom - top:g}h{left - right:g}z"


def _moved(path: str, x: float) -> str:
    start, _, rest = path[1:].partition(" ")
    return f"M{float(start) + x:g} {rest}"
