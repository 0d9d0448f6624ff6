"""From videos to a dataset of pairs, in the order of the work: survey, cut, select, put in place.

The rules are elsewhere, each about one thing: ``recipe`` what is asked for, ``sources`` which videos, ``windows`` which
of their frames, ``patches`` which place in them and how it is cut, ``filters`` what is not worth it, ``selection`` what
of it becomes the dataset, ``work_folder`` how an interruption loses nothing, ``report`` what is written about it.
"""

import json
import os
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vsrpp_core.data.stacked import DatasetFolder
from vsrpp_core.errors import VsrppError, os_errors
from vsrpp_core.prepare.job.addition import Addition, looks_of_validation
from vsrpp_core.prepare.job.existing import finished, video_lines
from vsrpp_core.prepare.job.prepare_events import PrepareProgress, PrepareReport
from vsrpp_core.prepare.job.report import (
    MANIFEST,
    RECIPE,
    REPORT,
    SHEET,
    VIDEOS,
    contact_sheet,
    manifest_lines,
    report_of,
)
from vsrpp_core.prepare.job.selection import CutVideo, SelectedPair, Selection, paces, select
from vsrpp_core.prepare.job.work_folder import PrepareFolder
from vsrpp_core.prepare.job.workers import Workers
from vsrpp_core.prepare.patches import Cut
from vsrpp_core.prepare.recipe import Recipe, WorkPart
from vsrpp_core.prepare.sources import NamedVideo, Source, named_videos, survey
from vsrpp_core.run.files import TEMPORARY_PREFIX, write_atomically, write_text_atomically
from vsrpp_core.run.names import readable

TRIES = 3.0
"""Windows tried per requested pair: of 29 web clips about one in six was skipped, of films it is more."""

POLL = 0.4
"""Seconds between two reports of progress."""


def interrupted_work(out: Path) -> Path | None:
    """The hidden folder of an interrupted preparation of ``out``, or of an addition's folder, where there is one."""
    path = PrepareFolder(out.resolve()).path
    return path if path.is_dir() else None


def prepare(recipe: Recipe, out: Path, fresh: bool = False) -> Generator[PrepareProgress | PrepareReport, None, None]:
    """Make the dataset ``out`` by ``recipe``: progress, and at last the report.

    The result depends on the recipe, the videos' names and their bytes alone: not on the number of workers, nor on how
    often it was interrupted. Closing the generator, or any kill, leaves a hidden folder beside ``out`` from which the
    same call resumes; another recipe is refused until ``fresh`` throws that away. ``out`` appears when it is complete.

    Everything is checked first: UsageError for what is missing or another recipe's, VsrppError where ``out`` holds
    something (``finished`` says whether it is what was asked for), no video can be used, nothing came out of them, or
    a file cannot be read or written on the way.
    """
    out = out.resolve()
    videos = named_videos(recipe)
    _check_output(recipe, out)
    yield from _make(recipe, videos, out, fresh)


def add(
    recipe: Recipe, root: Path, addition: Addition, fresh: bool = False
) -> Generator[PrepareProgress | PrepareReport, None, None]:
    """Add pairs of the videos of ``addition`` to the dataset ``root``, all of them to train on; else as ``prepare``.

    ``dataset.patches`` is the most that are added. A running training takes them up where its next epoch begins.
    """
    yield from _make(recipe, addition.videos, addition.folder.resolve(), fresh, looks_of_validation(root))


def _make(
    recipe: Recipe,
    videos: list[NamedVideo],
    out: Path,
    fresh: bool,
    validated: Sequence[NDArray[np.uint8]] | None = None,
) -> Generator[PrepareProgress | PrepareReport, None, None]:
    """``validated``: looks of what the dataset that this is added to is validated on; None where it is one itself."""
    began = time.monotonic()
    with PrepareFolder(out) as work, os_errors(advice="fix that and run the same command again"):
        work.begin(recipe, videos, fresh)
        sources: list[Source] = []
        refused: list[str] = []
        for number, source, reason in survey(videos, recipe):
            if source:
                sources.append(source)
            else:
                refused.append(reason)
            yield PrepareProgress("looking", number, len(videos), videos=len(videos))
        if not sources:
            work.remove()
            raise VsrppError("none of the videos can be used: " + "; ".join(refused))
        footage = yield from _cut(sources, work, recipe, validating=validated is None)
        refused += [film.ending.refused for film in footage if film.ending.refused]
        found = select(footage, recipe, validated)
        report = report_of(out, recipe, footage, found, refused, 0.0)
        if not report.train or not (report.val or validated is not None):
            work.remove()
            raise VsrppError(_nothing(report))
        yield from _put_together(work, found, report, recipe, videos)
        _rename(work.made, out)
        work.remove()
    yield report_of(out, recipe, footage, found, refused, time.monotonic() - began)


def _check_output(recipe: Recipe, out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise VsrppError(f"{out} is a file; name a folder")
    if same := finished(recipe, out):
        pairs = same.train + same.val
        raise VsrppError(f"{out} already holds {pairs:,} pairs; name another folder, or remove this one first")


def _nothing(report: PrepareReport) -> str:
    reasons = [f"patches skipped: {count:,} {why}" for why, count in report.skipped.items()]
    return (
        f"{report.pairs} came out of the videos "
        f"({'; '.join([*reasons, *report.refused]) or 'their scenes are too short'}); "
        "give more or longer videos, another seed, or lower thresholds"
    )


# cutting


def _cut(
    sources: list[Source], work: PrepareFolder, recipe: Recipe, validating: bool
) -> Generator[PrepareProgress, None, list[CutVideo]]:
    """Cut every source, but for what its journal holds already."""
    pace = paces(sources, recipe, TRIES, validating)
    used = [replace(source, pace=pace[source.label]) for source in sources if pace[source.label] > 0]
    if work.selection.exists():  # everything is cut, and some of it moved
        return [_read(source, work, moved=True) for source in used]
    with closing(Workers(used, work, recipe)) as workers:
        workers.start()
        while not workers.wait(POLL):
            yield workers.progress()
        yield workers.progress()
    return [_read(source, work, moved=False) for source in used]


def _read(source: Source, work: PrepareFolder, moved: bool) -> CutVideo:
    journal = work.journal(source.label, moved)
    assert journal.ending is not None
    cuts: tuple[Cut, ...] = () if journal.ending.refused else tuple(journal.cuts[s] for s in sorted(journal.cuts))
    return CutVideo(source, cuts, journal.ending)


# putting together


def _put_together(
    work: PrepareFolder, found: Selection, report: PrepareReport, recipe: Recipe, videos: Sequence[NamedVideo]
) -> Iterator[PrepareProgress]:
    """Move the selected pairs into place and describe them; after a kill this can be repeated."""
    if not work.selection.exists():
        write_text_atomically(work.selection, json.dumps([pair.cut.name for pair in found.chosen]) + "\n")
    made = DatasetFolder(work.made)
    total = len(found.chosen)
    splits = {pair.split for pair in found.chosen}
    for folder in (f(split) for f in (made.lr_folder, made.gt_folder) for split in splits):
        folder.mkdir(parents=True, exist_ok=True)
    for leftover in work.made.glob(f"{TEMPORARY_PREFIX}*"):
        leftover.unlink()
    for number, pair in enumerate(found.chosen, start=1):
        _move(work.cut, made, pair)
        if number % 500 == 0 or number == total:
            skipped, count = report.skipped, sum(category.videos for category in report.categories)
            yield PrepareProgress(
                "finishing", number, total, videos_done=count, videos=count, patches=total, skipped=skipped
            )
    write_text_atomically(work.made / MANIFEST, "".join(f"{line}\n" for line in manifest_lines(found.chosen, recipe)))
    write_text_atomically(work.made / VIDEOS, "".join(f"{line}\n" for line in video_lines(videos)))
    first = f"{report.pairs}, {report.geometry}"
    write_text_atomically(work.made / REPORT, readable("\n".join([first, *report.details()]) + "\n"))
    same = recipe.model_copy(update={"work": WorkPart()})  # it has no effect on the result
    write_text_atomically(work.made / RECIPE, same.to_toml())
    sheet = contact_sheet(made, found.chosen, recipe)
    write_atomically(work.made / SHEET, lambda path: sheet.save(path, format="PNG"))


def _move(cut: DatasetFolder, made: DatasetFolder, pair: SelectedPair) -> None:
    for old, new in (
        (cut.lr_folder("train"), made.lr_folder(pair.split)),
        (cut.gt_folder("train"), made.gt_folder(pair.split)),
    ):
        try:
            os.replace(old / pair.cut.name, new / pair.cut.name)
        except FileNotFoundError:
            if not (new / pair.cut.name).is_file():
                raise VsrppError(f"{old / pair.cut.name} is gone; start over with --fresh") from None


def _rename(made: Path, out: Path) -> None:
    with os_errors(out, "cannot be put in place", "choose another folder"):
        if out.is_dir():
            out.rmdir()  # succeeds only if it is still empty
        made.rename(out)
