"""Several runs beside each other: their curves, their best and last figures, and the settings in which they differ.

Apart from the verdict, which judges one run: here nothing is judged.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vsrpp_core.errors import UsageError, VsrppError, os_errors
from vsrpp_core.messages import events as ev
from vsrpp_core.messages import journal
from vsrpp_core.messages.changes import as_text
from vsrpp_core.report.record import RunRecord, Sample
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.folder import RunFolder

UNKNOWN = "–"


@dataclass(frozen=True, slots=True)
class Point:
    """One validation."""

    step: int
    hours: float
    """Worked by the run until then, validations counted in."""
    psnr: float
    """dB; ``gain`` is how much that is above bicubic on the same pictures."""
    gain: float
    ssim: float


@dataclass(frozen=True, slots=True)
class Course:
    """One run: its validations that training still builds upon, and its settings."""

    path: Path
    points: tuple[Point, ...]
    step: int
    max_steps: int
    hours: float
    parameters: int
    validated_on: tuple[str, int]
    """The dataset and how many of its pairs, by the newest session."""
    settings: dict[str, Any]
    origins: tuple[Path, ...]
    """The checkpoints from which its ancestors, the oldest first, and itself were branched."""
    loss: float
    """That of the newest step, all its parts weighted; NaN where none was reported."""

    @property
    def last(self) -> Point | None:
        return self.points[-1] if self.points else None

    @property
    def best(self) -> Point | None:
        return max(self.points, key=lambda point: point.gain, default=None)

    def at(self, step: int) -> Point | None:
        """The newest validation up to ``step``."""
        return next((point for point in reversed(self.points) if point.step <= step), None)


@dataclass(frozen=True, slots=True)
class Comparison:
    courses: tuple[Course, ...]
    differing: dict[str, tuple[Any, ...]]
    """Settings that are not the same in all, with each run's value."""
    common_step: int
    """The last step up to which every run is validated; 0 where one is not validated at all."""

    @property
    def is_of_one_set(self) -> bool:
        """Whether all were validated on the same pictures, as far as is known."""
        return len({course.validated_on for course in self.courses}) == 1


def compare_runs(folders: Sequence[RunFolder]) -> Comparison:
    """Raises UsageError for fewer than two runs, VsrppError where one was never trained or cannot be read."""
    if len({folder.path.resolve() for folder in folders}) < max(len(folders), 2):
        raise UsageError("name at least two runs, each once")
    return compared([_read(folder) for folder in folders])


def compared(courses: Sequence[Course]) -> Comparison:
    last = [course.last.step if course.last else 0 for course in courses]
    return Comparison(tuple(courses), _differing(courses), min(last))


def _read(folder: RunFolder) -> Course:
    record = RunRecord()
    with os_errors(folder.journal, "cannot be read"):
        for event in journal.replay(folder.journal):
            record = record.with_event(event)
    if record.started is None:
        raise VsrppError(f"{folder.path} has no journal of a training; name runs that were trained")
    return course_of(folder, record, record.started)


def course_of(folder: RunFolder, record: RunRecord, started: ev.SessionStarted) -> Course:
    """What ``record``, which has ``started``, says of the run, and its settings; VsrppError where these are bad."""
    config = RunConfig.load_if_any(folder.config)
    with os_errors(folder.journal, "cannot be read"):
        ancestry = folder.ancestry()
    return Course(
        path=folder.path,
        points=tuple(_point(sample) for sample in record.samples),
        step=record.last_step,
        max_steps=started.max_steps,
        hours=record.hours,
        parameters=started.parameters,
        validated_on=(started.data, started.val_samples),
        settings={setting.key: setting.value for setting in config.settings()} if config else {},
        origins=tuple(Path(branching.parent, branching.checkpoint) for branching in ancestry),
        loss=record.step.loss_total if record.step else math.nan,
    )


def _point(sample: Sample) -> Point:
    return Point(sample.step, sample.hours, sample.psnr, sample.psnr - sample.lr_psnr, sample.ssim)


def settings_table(found: Comparison, names: Sequence[str], word: Callable[[Path], str] = str) -> list[list[str]]:
    """The settings that differ under a line of headings, and where branched runs come from, each checkpoint there by
    its ``word``.
    """
    rows = [["SETTING", *names]]
    rows += [[key, *map(_value, values)] for key, values in found.differing.items()]
    origins = [", ".join(map(word, course.origins)) or UNKNOWN for course in found.courses]
    return [*rows, ["branched from", *origins]] if any(course.origins for course in found.courses) else rows


def _value(value: object) -> str:
    return UNKNOWN if value is None else as_text(value)


def _differing(courses: Sequence[Course]) -> dict[str, tuple[Any, ...]]:
    keys = dict.fromkeys(key for course in courses for key in course.settings)
    rows = {key: tuple(course.settings.get(key) for course in courses) for key in keys}
    return {key: values for key, values in rows.items() if any(value != values[0] for value in values)}


def names_of(paths: Sequence[Path]) -> list[str]:
    """The shortest ends of paths that tell them apart."""
    for length in range(1, max(len(path.parts) for path in paths) + 1):
        names = [str(Path(*path.parts[-length:])) for path in paths]
        if len(set(names)) == len(names):
            return names
    return [str(path) for path in paths]


def gain_of(point: Point | None) -> float:
    return point.gain if point else math.nan
