"""``vsrpp compare``: several runs beside each other, as a table, as CSV, and as a page with curves and pictures."""

import argparse
import csv
import io
import math
from collections.abc import Sequence
from itertools import product
from pathlib import Path

from vsrpp_core.cli.shared.console import EXIT_DONE, Terminal, complain
from vsrpp_core.errors import UsageError, os_errors
from vsrpp_core.report import comparison_page
from vsrpp_core.report.comparison import (
    UNKNOWN,
    Comparison,
    Course,
    Point,
    compare_runs,
    gain_of,
    names_of,
    settings_table,
)
from vsrpp_core.report.sentences import duration
from vsrpp_core.run.files import write_text_atomically
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.run.names import listed
from vsrpp_core.run.names import place as path_of
from vsrpp_core.run.pictures.picture_history import PREFIX

CSV_FIELDS = ("run", "step", "hours", "psnr", "gain", "ssim")


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Runs beside each other. Gains are over bicubic; those of other datasets are of other pictures."
    )
    parser.add_argument("runs", type=path_of, nargs="+", metavar="RUN", help="two or more runs; they may be training")
    parser.add_argument(
        "--html", type=path_of, metavar="FILE", help="write a page with the curves over steps or hours, and pictures"
    )
    parser.add_argument("--csv", type=path_of, metavar="FILE", help="write every validation of every run")


def run(options: argparse.Namespace) -> int:
    for out, suffix in ((options.html, ".html"), (options.csv, ".csv")):
        if out and (out.suffix.lower() != suffix or not out.absolute().parent.is_dir()):
            raise UsageError(f"--{suffix[1:]} {out}: expected a {suffix} file in an existing folder")
    if options.html:
        comparison_page.refuse_without_packages()
    found, terminal = compare_runs([RunFolder(path) for path in options.runs]), Terminal()
    names = names_of([course.path for course in found.courses])
    tables = _figures(found, names), settings_table(found, names)
    for rows in tables:
        _say(terminal, rows)
    if not found.is_of_one_set:
        complain("note: these runs were validated on different pictures, so their figures tell little of each other")
    if options.csv:
        _write(options.csv, _csv(found))
        terminal.say(f"{options.csv} has every validation")
    if options.html:
        pictures, lost = _pictures(found.courses)
        _write(options.html, comparison_page.page(found, *tables, pictures))
        if lost:
            complain(f"note: {listed(lost)} cannot be read, and the page is without")
        terminal.say(f"{options.html} has the curves; open it in a browser")
    return EXIT_DONE


def _write(out: Path, text: str) -> None:
    with os_errors(out, "could not be written", "choose another place"):
        write_text_atomically(out, text)


def _figures(found: Comparison, names: Sequence[str]) -> list[list[str]]:
    at = f"GAIN AT {found.common_step:,}" if found.common_step else "GAIN AT –"
    rows = [["RUN", "STEP", "WORK", "SIZE", "LAST", "SSIM", "BEST", "AT STEP", at]]
    for course, name in zip(found.courses, names, strict=True):
        common = course.at(found.common_step)
        rows.append(
            [
                name,
                f"{course.step:,} of {course.max_steps:,}",
                duration(course.hours),
                f"{course.parameters / 1e6:.2f} M",
                _gain(course.last),
                f"{course.last.ssim:.4f}" if course.last else UNKNOWN,
                _gain(course.best),
                f"{course.best.step:,}" if course.best else UNKNOWN,
                _gain(common),
            ]
        )
    return rows


def _gain(point: Point | None) -> str:
    return UNKNOWN if math.isnan(gain_of(point)) else f"{gain_of(point):+.3f} dB"


def _say(terminal: Terminal, rows: list[list[str]]) -> None:
    if len(rows) < 2:
        terminal.say("no setting differs")
        return
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for number, row in enumerate(rows):
        cells = (text.ljust(width) for text, width in zip(row, widths, strict=True))
        terminal.say("  ".join(cells).rstrip(), style="bold" if number == 0 else None)
    terminal.say("")


def _csv(found: Comparison) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_FIELDS)
    for course in found.courses:
        for point in course.points:
            figures = (f"{value:.6g}" for value in (point.hours, point.psnr, point.gain, point.ssim))
            writer.writerow([course.path, point.step, *figures])
    return text.getvalue()


def _pictures(courses: tuple[Course, ...]) -> tuple[comparison_page.Pictures, list[str]]:
    """Of the samples that at least two runs have; and the files that cannot be read."""
    kept, pictures, lost = [_pictures_of(course) for course in courses], comparison_page.Pictures(), list[str]()
    samples = sorted({name for files in kept for name in files if sum(name in other for other in kept) > 1})
    for sample, (place, files) in product(samples, enumerate(kept)):
        read = {step: comparison_page.embedded(path) for step, path in files.get(sample, {}).items()}
        lost += [str(files[sample][step]) for step, picture in read.items() if not picture]
        if shown := {step: picture for step, picture in read.items() if picture}:
            pictures[sample, place] = shown
    return pictures, lost


def _pictures_of(course: Course) -> dict[str, dict[int, Path]]:
    """By sample, the picture of each validation that is kept."""
    folder, found = RunFolder(course.path).pictures, dict[str, dict[int, Path]]()
    for point in course.points:
        for path in (folder / f"{PREFIX}{point.step}").glob("*.png"):
            found.setdefault(path.stem, {})[point.step] = path
    if course.last:
        for path in folder.glob("*.png"):
            found.setdefault(path.stem, {})[course.last.step] = path
    return found
