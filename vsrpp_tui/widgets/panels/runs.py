"""Several runs as tables: their figures, and the settings in which they differ."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from textual.content import Content
from textual.widgets import Static

from vsrpp_core.report.comparison import UNKNOWN, Course, compared, gain_of, settings_table
from vsrpp_core.run.names import home_for_short
from vsrpp_tui.state.compared import ComparedRun
from vsrpp_tui.widgets.text import decibels, duration, shortened, wrapped

SWATCH = "━━ "
GAP = 2
LONGEST_NAME, LEAST_NAME = 24, 12

OTHER_PICTURES = "! validated on different pictures: the figures of one tell little of another"


@dataclass(frozen=True, slots=True)
class Column:
    """``priority``: the columns with the least are shown where there is no room for all."""

    name: str
    width: int
    priority: int
    text: Callable[[Course], str]


COLUMNS = (
    Column("step", 9, 1, lambda course: f"{course.step:,}"),
    Column("of", 9, 8, lambda course: f"{course.max_steps:,}"),
    Column("work", 9, 4, lambda course: duration(3600 * course.hours)),
    Column("size", 7, 7, lambda course: f"{course.parameters / 1e6:.2f} M"),
    Column("loss", 7, 5, lambda course: _number(course.loss, ".4f")),
    Column("best", 8, 0, lambda course: decibels(course.best.psnr) if course.best else UNKNOWN),
    Column("over LR", 8, 3, lambda course: f"{course.best.gain:+.2f} dB" if course.best else UNKNOWN),
    Column("SSIM", 6, 2, lambda course: _number(course.best.ssim, ".4f") if course.best else UNKNOWN),
    Column("at step", 9, 6, lambda course: f"{course.best.step:,}" if course.best else UNKNOWN),
)


def _number(value: float, form: str) -> str:
    return format(value, form) if math.isfinite(value) else UNKNOWN


class Drawn(Static):
    """What a function makes of the width in cells; redrawn where that differs."""

    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)
        self._picture: Callable[[int], Content] = lambda width: Content("")
        self._drawn: Content | None = None

    def show(self, picture: Callable[[int], Content]) -> None:
        self._picture = picture
        width = self.content_size.width
        if width and (drawn := picture(width)) != self._drawn:
            self._drawn = drawn
            self.update(drawn)

    def on_resize(self) -> None:
        self.show(self._picture)


def figures(runs: Sequence[ComparedRun], width: int) -> Content:
    """A line for each run: how far it is, and its best validation; the best of all stands out."""
    name_width = max(min(max(len(run.name) for run in runs), LONGEST_NAME, width // 3), LEAST_NAME)
    room, shown = width - len(SWATCH) - name_width, set[str]()
    for column in sorted(COLUMNS, key=lambda column: column.priority):
        if column.width + GAP <= room:
            room -= column.width + GAP
            shown.add(column.name)
    columns = [column for column in COLUMNS if column.name in shown]
    heading = "".join(f"{column.name:>{column.width + GAP}}" for column in columns)
    doing = max((len(run.doing) for run in runs), default=0)
    lines = [Content.styled(f"{'':{len(SWATCH) + name_width}}{heading}", "$secondary")]
    courses = [run.course for run in runs if run.course]
    is_of_one_set = len(courses) < 2 or compared(courses).is_of_one_set
    best = max((gain_of(course.best) for course in courses if course.best), default=math.nan)
    for run in runs:
        name = _named(run, name_width)
        if run.course is None:
            lines += _unread(name, run.fault or "reading …", width)
            continue
        cells = "".join(f"{column.text(run.course):>{column.width + GAP}}" for column in columns)
        style = "bold" if is_of_one_set and gain_of(run.course.best) == best else ""
        end = f"{'':{GAP}}{run.doing}" if room >= doing + GAP else ""
        lines.append(Content.assemble(name, (cells, style), (end, "$secondary")))
    if not is_of_one_set:
        lines += [Content.styled(line, "$warning") for line in wrapped(OTHER_PICTURES, width)]
    return Content("\n").join(lines)


def _unread(name: Content, words: str, width: int) -> list[Content]:
    """``words`` beside the name, or below it where that is too narrow."""
    if name.cell_length + GAP + len(words) <= width:
        return [Content.assemble(name, " " * GAP, (words, "$secondary"))]
    below = wrapped(words, width - len(SWATCH))
    return [name, *(Content.styled(f"{'':{len(SWATCH)}}{line}", "$secondary") for line in below)]


def _named(run: ComparedRun, width: int) -> Content:
    name = Content(run.name).truncate(width, ellipsis=True)
    return Content.assemble((SWATCH, f"${run.colour}"), name, " " * (width - name.cell_length))


def differences(runs: Sequence[ComparedRun], width: int) -> Content:
    """The settings that are not the same in all, in columns, or where a value is too long for these a line a run."""
    read = [run for run in runs if run.course]
    if len(read) < 2:
        return Content.styled("reading …", "$secondary")
    found = compared([run.course for run in read if run.course])
    (_, *names), *rows = settings_table(found, [run.name for run in read], _checkpoint)
    if not rows:
        return Content.styled("none: what differs is not in the settings", "$secondary")
    rows = [[key, *map(_value, values)] for key, *values in rows]
    keys = max(len(key) for key, *_ in rows) + GAP
    most = (width - keys) // len(names) - GAP
    flat = [row for row in rows if most >= LEAST_NAME and all(len(value) <= most for value in row[1:])]
    widths = [max(map(len, column)) + GAP for column in zip(names, *(values for _, *values in flat), strict=True)]
    lines = [_flat(["", *names], [keys, *(min(wide, most + GAP) for wide in widths)], read)] if flat else []
    for row in rows:
        lines += [_flat(row, [keys, *widths])] if row in flat else _upright(read, row, width)
    return Content("\n").join(lines)


def _flat(row: Sequence[str], widths: Sequence[int], runs: Sequence[ComparedRun] = ()) -> Content:
    """A setting beside its values, or the names of ``runs`` as their heading."""
    styles = ["$secondary", *([f"${run.colour}" for run in runs] or [""] * (len(row) - 1))]
    cells = (Content(text).truncate(wide - GAP, ellipsis=True) for text, wide in zip(row, widths, strict=True))
    return Content.assemble(
        *((f"{cell.plain:<{wide}}", style) for cell, wide, style in zip(cells, widths, styles, strict=True))
    )


def _checkpoint(path: Path) -> str:
    return f"{path.parent.name}, {path.stem.removeprefix('checkpoint_').replace('_', ' ')}"


def _value(text: str) -> str:
    return home_for_short(Path(text)) if text.startswith("/") else text


def _upright(runs: Sequence[ComparedRun], row: Sequence[str], width: int) -> list[Content]:
    """A setting, and below it its value in each run."""
    key, *values = row
    name_width = min(max(len(run.name) for run in runs), LEAST_NAME)
    room = width - len(SWATCH) - name_width - GAP
    lines = [Content.styled(key, "$secondary")]
    for run, value in zip(runs, values, strict=True):
        text = value if len(value) <= room else shortened(value, room)
        lines.append(Content.assemble(_named(run, name_width), " " * GAP, text))
    return lines
