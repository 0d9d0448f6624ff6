"""The folder that a preparation works in: the pairs cut so far, and a journal for each video.

Separate because a kill at any moment must leave it in a state from which the same command resumes. A pair is durable
before its line is written; a complete line counts, a torn one does not.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from pydantic import TypeAdapter

from vsrpp_core.data.stacked import DatasetFolder
from vsrpp_core.errors import os_errors
from vsrpp_core.prepare.patches import CannotWriteError, Cut
from vsrpp_core.prepare.recipe import VERSION, Recipe
from vsrpp_core.prepare.sources import NamedVideo
from vsrpp_core.run.files import read_json
from vsrpp_core.run.job_folder import JobFolder

CUT, JOURNAL, MADE, SELECTION = "cut", "journal", "made", "selection.json"


@dataclass(frozen=True, slots=True)
class Ending:
    """The last line of a video's journal. ``note`` and ``refused`` are sentences, or empty."""

    frames: int
    starts: tuple[int, ...]
    dropped: int = 0
    note: str = ""
    refused: str = ""


CUTS, ENDINGS = TypeAdapter(Cut), TypeAdapter(Ending)


def _parsed(line: bytes) -> Cut | Ending:
    """What a line of a journal says; ValueError where it is torn or not ours."""
    values = read_json(line)
    if isinstance(values, dict) and "ending" in values:
        return ENDINGS.validate_python(values["ending"])
    return CUTS.validate_python(values)


def clear_finished(out: Path) -> None:
    """Remove what a kill left between the last rename and the removal of the folder that ``out`` was made in."""
    work = PrepareFolder(out)
    if work.path.is_dir() and not work.made.exists():
        with work:
            if work.selection.exists():
                work.remove()


class PrepareFolder(JobFolder):
    """What is cut so far, until it becomes the dataset."""

    suffix = ".prepare"

    @property
    def is_begun(self) -> bool:
        return any(self.path.glob(f"{JOURNAL}/*")) or self.selection.exists()

    def begin(self, recipe: Recipe, videos: list[NamedVideo], fresh: bool) -> None:
        """UsageError where it holds work for another recipe or other videos, unless ``fresh`` throws that away."""
        self.open_for(_job(recipe, videos), fresh)
        (self.path / JOURNAL).mkdir(exist_ok=True)

    def is_same(self, key: str, wanted: Any, found: Any) -> bool:
        """Settings that the version which began did not know had what are their defaults now."""
        if isinstance(found, dict):
            found = {**Recipe().model_dump().get(key.strip("[]"), {}), **found}
        return super().is_same(key, wanted, found)

    @property
    def cut(self) -> DatasetFolder:
        return DatasetFolder(self.path / CUT)

    @property
    def made(self) -> Path:
        return self.path / MADE

    @property
    def selection(self) -> Path:
        """Written when all videos are done, before the first pair is moved into ``made``."""
        return self.path / SELECTION

    def journal(self, label: str, moved: bool = False) -> "Journal":
        """``moved``: its pairs need not be where they were cut."""
        return Journal(self.path / JOURNAL / f"{label}.jsonl", None if moved else self.cut)


def _job(recipe: Recipe, videos: list[NamedVideo]) -> dict[str, Any]:
    """What determines the result, by the names that the user knows."""
    values = {f"[{name}]": value for name, value in recipe.model_dump(exclude={"work"}).items()}
    values["version of vsrpp prepare"] = VERSION
    return {**values, "set of videos": [_identity(named.path) for named in videos]}


def _identity(path: Path) -> list[Any]:
    stat = path.stat()
    return [str(path.absolute()), stat.st_size, stat.st_mtime_ns]


class Journal:
    """The outcome of each window of one video, a line each, and at last how it ended."""

    def __init__(self, path: Path, folder: DatasetFolder | None) -> None:
        self._path, self._folder = path, folder
        self._file: TextIO | None = None
        self.cuts: dict[int, Cut] = {}
        self.ending: Ending | None = None
        self._good = 0
        for cut in self._read():
            self.cuts[cut.start] = cut

    def __enter__(self) -> "Journal":
        """Open it to append after the last good line."""
        with os_errors(self._path, "cannot be written", kind=CannotWriteError):
            self._file = self._path.open("a", encoding="utf-8")
            self._file.truncate(self._good)
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()

    def add(self, cut: Cut) -> None:
        self.cuts[cut.start] = cut
        self._write(cut.as_json())

    def end(self, ending: Ending) -> None:
        self.ending = ending
        self._write({"ending": asdict(ending)})

    def _write(self, values: dict[str, Any]) -> None:
        assert self._file
        with os_errors(self._path, "cannot be written", kind=CannotWriteError):
            self._file.write(json.dumps(values) + "\n")
            self._file.flush()
            os.fsync(self._file.fileno())

    def _read(self) -> Iterator[Cut]:
        """Good lines in order, up to the first that is torn or whose pair is missing or incomplete."""
        try:
            lines = self._path.read_bytes().split(b"\n")[:-1]
        except FileNotFoundError:
            return
        for line in lines:
            try:
                found = _parsed(line)
            except ValueError:
                return
            if isinstance(found, Ending):
                self.ending = found
            else:
                cut = found
                if cut.name and not self._is_there(cut):
                    return
                yield cut
            self._good += len(line) + 1

    def _is_there(self, cut: Cut) -> bool:
        if self._folder is None:
            return True
        paths = (self._folder.lr_folder("train") / cut.name, self._folder.gt_folder("train") / cut.name)
        try:
            return tuple(path.stat().st_size for path in paths) == cut.sizes
        except OSError:
            return False
