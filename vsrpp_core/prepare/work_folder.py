"""The folder that a preparation works in: what is cut, a journal for each video, and what the whole is made for.

Separate because a kill at any moment must leave it in a state from which the same command goes on. A pair is written
and durable before its line is; a line that is there in full counts, a torn one does not.
"""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from filelock import FileLock, Timeout

from vsrpp_core.data.stacked import DatasetFolder
from vsrpp_core.errors import UsageError, VsrppError
from vsrpp_core.prepare.patches import CannotWriteError, Cut
from vsrpp_core.prepare.recipe import Recipe
from vsrpp_core.prepare.sources import NamedVideo
from vsrpp_core.run.files import write_text_atomically

FORMAT = 1
JOB, LOCK, CUT, JOURNAL, MADE, SELECTION = "job.json", ".lock", "cut", "journal", "made", "selection.json"


@dataclass(frozen=True, slots=True)
class Ending:
    """The last line of a video's journal. ``note`` and ``refused`` are sentences, or empty."""

    frames: int
    starts: tuple[int, ...]
    dropped: int = 0
    note: str = ""
    refused: str = ""


def draft_path(out: Path) -> Path:
    return out.with_name(f".{out.name}.prepare")


def clear_finished(out: Path) -> None:
    """Remove what a kill left between the last rename and the removal of the draft that ``out`` was made in."""
    path = draft_path(out)
    if path.is_dir() and not (path / MADE).exists():
        with Draft(out) as draft:
            if draft.selection.exists():
                draft.remove()


class Draft:
    """Hidden, beside the dataset that it becomes. Entered while a process works on it; a second one is refused."""

    def __init__(self, out: Path) -> None:
        self.out, self.path = out, draft_path(out)
        self._lock = FileLock(self.path / LOCK)

    def __enter__(self) -> "Draft":
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout:
            raise VsrppError(f"{self.out} is being made by another process; wait for it or end it") from None
        except OSError as error:
            raise VsrppError(
                f"{self.out} cannot be made ({error.strerror}); check the path and its permissions"
            ) from None
        return self

    def __exit__(self, *_: object) -> None:
        """A folder in which nothing was cut is of no use to a later call."""
        if self.path.is_dir() and not any(self.path.glob(f"{JOURNAL}/*")) and not self._file(SELECTION).exists():
            self.remove()
        self._lock.release()

    def begin(self, recipe: Recipe, videos: list[NamedVideo], fresh: bool) -> None:
        """UsageError where it was begun for another recipe or other videos, unless ``fresh`` throws that away."""
        wanted = json.loads(json.dumps(_job(recipe, videos)))
        if fresh:
            self.clear()
        elif different := self._differences(wanted):
            raise UsageError(
                f"{self.path} holds part of this dataset made with another {', '.join(different)}; "
                "use the same again to go on, or --fresh to begin anew"
            )
        self._file(JOURNAL).mkdir(exist_ok=True)
        write_text_atomically(self._file(JOB), json.dumps(wanted, indent=1) + "\n")

    @property
    def cut(self) -> DatasetFolder:
        return DatasetFolder(self._file(CUT))

    @property
    def made(self) -> Path:
        return self._file(MADE)

    @property
    def selection(self) -> Path:
        """Written when all videos are done, before the first pair is moved into ``made``."""
        return self._file(SELECTION)

    def journal(self, label: str, moved: bool = False) -> "Journal":
        """``moved``: its pairs need not be where they were cut."""
        return Journal(self._file(JOURNAL) / f"{label}.jsonl", None if moved else self.cut)

    def clear(self) -> None:
        for path in self.path.iterdir():
            if path.name != LOCK:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def remove(self) -> None:
        self._lock.release()
        shutil.rmtree(self.path, ignore_errors=True)

    def _differences(self, wanted: dict[str, Any]) -> list[str]:
        """In words; none where nothing was begun."""
        try:
            found = json.loads(self._file(JOB).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return []
        except ValueError:
            return ["description"]
        return [key for key in sorted({*wanted, *found}) if wanted.get(key) != found.get(key)]

    def _file(self, name: str) -> Path:
        return self.path / name


def _job(recipe: Recipe, videos: list[NamedVideo]) -> dict[str, Any]:
    """What decides the result, under the names a person knows it by."""
    values = {f"[{name}]": value for name, value in recipe.model_dump(exclude={"work"}).items()}
    return {"format": FORMAT, **values, "set of videos": [_identity(named.path) for named in videos]}


def _identity(path: Path) -> list[Any]:
    stat = path.stat()
    return [str(path.absolute()), stat.st_size, stat.st_mtime_ns]


class Journal:
    """What became of each window of one video, a line each, and at last how it ended."""

    def __init__(self, path: Path, folder: DatasetFolder | None) -> None:
        self._path, self._folder = path, folder
        self._file: TextIO | None = None
        self.cuts: dict[int, Cut] = {}
        self.ending: Ending | None = None
        self._good = 0
        for cut in self._read():
            self.cuts[cut.start] = cut

    def __enter__(self) -> "Journal":
        """Open to go on after its last good line."""
        try:
            self._file = self._path.open("a", encoding="utf-8")
            self._file.truncate(self._good)
        except OSError as error:
            raise CannotWriteError(f"{self._path} cannot be written ({error.strerror}); make room") from None
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
        try:
            self._file.write(json.dumps(values) + "\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise CannotWriteError(f"{self._path} cannot be written ({error.strerror}); make room") from None

    def _read(self) -> Iterator[Cut]:
        """Good lines in order, up to the first that is torn or whose pair is not there as it was written."""
        try:
            lines = self._path.read_bytes().split(b"\n")[:-1]
        except FileNotFoundError:
            return
        for line in lines:
            try:
                values = json.loads(line)
            except ValueError:
                return
            if "ending" in values:
                ending = values["ending"]
                self.ending = Ending(**{**ending, "starts": tuple(ending["starts"])})
            else:
                cut = Cut(
                    **{**values, **{key: tuple(values[key]) for key in ("frames", "seconds", "degradation", "sizes")}}
                )
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
