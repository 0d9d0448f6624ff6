"""What is upscaled to where (the meaning of ``IN... OUT``) and how: the options, read as people write them."""

import os
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import get_args

from vsrpp_core.apply.upscale.encoding import EncodingRequest
from vsrpp_core.apply.upscale.mux import VIDEO_OUT
from vsrpp_core.apply.upscale.origins import other_origin
from vsrpp_core.apply.upscale.source import Span
from vsrpp_core.errors import OptionError
from vsrpp_core.messages.kinds import Ensemble
from vsrpp_core.run.config import Precision
from vsrpp_core.run.files import name_bytes
from vsrpp_core.video.times import read_time
from vsrpp_core.video.video_files import find_videos, list_folder, passed_over

WHOLE = Span()
SMALLEST_SIDE, LARGEST_SIDE = 16, 16_384
"""Pixels, of a size that is asked for: what every encoder takes at least and some take at most."""
SEGMENT_SECONDS = 10.0
"""Length of a segment: the most that a kill costs. The encoder sets a keyframe about as often anyway."""


@dataclass(frozen=True, slots=True)
class Options:
    encoding: EncodingRequest = field(default_factory=EncodingRequest)
    precision: Precision = "auto"
    span: Span = field(default_factory=Span)
    rate: Fraction | None = None
    """Pictures per second of a folder of images."""
    to: tuple[int, int] | None = None
    """Width and height that the network's pictures are resampled to; None: as the network makes them."""
    tile: int = 0
    segment_seconds: float = SEGMENT_SECONDS
    overwrite: bool = False
    fresh: bool = False
    """Do not resume what an earlier run left."""
    force: bool = False
    """Take interlaced and damaged videos."""
    drop_tracks: bool = False
    """Leave out tracks that the result cannot hold."""
    preview_every: float | None = None
    """Least seconds between two previews of the newest picture; None: no previews. The result is the same."""
    ensemble: Ensemble = 1
    """Views of each stack whose pictures are averaged."""


@dataclass(frozen=True, slots=True)
class Job:
    """A video or a folder of images, and the file or folder to make of it; ``is_pictures`` for a folder of PNGs."""

    source: Path
    out: Path
    is_pictures: bool
    in_folder: bool = False
    """``out`` has its name from the source, beside other results."""

    def refuse_overwriting(self, overwrite: bool) -> None:
        """OptionError where ``out`` is the source, or exists; a file may be overwritten."""
        if self.out.exists() and self.out.samefile(self.source):
            raise OptionError("out", f"{self.out} is the source itself; choose another OUT")
        if self.is_pictures and self.out.exists() and not (self.out.is_dir() and not any(self.out.iterdir())):
            raise OptionError("out", f"{self.out} already exists and is not an empty folder; choose another OUT")
        if not self.is_pictures and self.out.is_dir():
            raise OptionError("out", f"{self.out} is a folder; name a file, or another folder")
        if not self.is_pictures and self.out.exists() and not overwrite:
            raise OptionError(
                "out", f"{self.out} already exists; choose another OUT, or give --overwrite to replace it when done"
            )


@dataclass(frozen=True, slots=True)
class Plan:
    jobs: list[Job]
    skipped: list[Path]
    """Results that exist already, where there are several sources."""
    notes: list[str] = field(default_factory=list)
    """Sentences on what is passed over in folders of videos."""


def plan(sources: list[Path], out: Path, png: bool = False, overwrite: bool = False, span: Span = WHOLE) -> Plan:
    """One job for each source. ``out`` is the file to make if it is named like a video, else a folder.

    A single folder of images, or a single video with ``png``, fills the folder ``out`` itself; of several, each gets
    an entry of its own name in it; results of the same sources (and ``span``) are skipped unless they are to be
    overwritten, and those of others are refused. UsageError where sources are missing, OptionError where ``out`` does
    not fit them.
    """
    found = _sources(sources)
    notes = [note for path in sources if not _is_of_images(path) and (note := passed_over(path))]
    _refuse_long_name(out)
    if out.suffix.lower() in VIDEO_OUT:
        if png or len(found) > 1:
            raise OptionError(
                "out", f"{out} is one video file, but {'--png' if png else f'{len(found)} sources'} need a folder"
            )
        return Plan([Job(found[0], out, False)], [], notes)
    if out.suffix and not out.is_dir() and len(found) == 1 and not png and not found[0].is_dir():
        raise OptionError(
            "out", f"{out} is not a video that can be written; end it in {', '.join(VIDEO_OUT)}, or name a folder"
        )
    is_alone = len(found) == 1 and not (len(sources) == 1 and sources[0] not in found)
    jobs = [_job_in(out, source, png, is_alone) for source in found]
    for job in jobs:
        _refuse_long_name(job.out)
    _refuse_clashes(jobs)
    done = [] if overwrite or is_alone else [job for job in jobs if _is_done(job)]
    _refuse_results_of_others(done, span)
    return Plan([job for job in jobs if job not in done], [job.out for job in done], notes)


def _sources(paths: list[Path]) -> list[Path]:
    """Videos and folders of images; of folders that hold videos, these."""
    found: list[Path] = []
    for path in paths:
        found += [path] if _is_of_images(path) else find_videos([path])
    return list(dict.fromkeys(found))


def _is_of_images(path: Path) -> bool:
    if not path.is_dir():
        return False
    folder = list_folder(path)
    return bool(folder.images) and not folder.videos


def _job_in(out: Path, source: Path, png: bool, is_alone: bool) -> Job:
    if source.is_dir() or png:
        name = source.name if source.is_dir() else source.stem
        return Job(source, out, True) if is_alone else Job(source, out / name, True, in_folder=True)
    suffix = source.suffix.lower() if source.suffix.lower() in VIDEO_OUT else ".mkv"
    return Job(source, out / f"{source.stem}{suffix}", False, in_folder=True)


def _refuse_long_name(out: Path) -> None:
    length, most = len(os.fsencode(out.name)), name_bytes(out.parent)
    if length > most:
        raise OptionError(
            "out",
            f"{out} is a name of {length} bytes, longer than the {most} that {out.parent} takes; rename its source, or "
            "name a shorter OUT",
        )


def _refuse_clashes(jobs: list[Job]) -> None:
    seen: dict[Path, Path] = {}
    for job in jobs:
        if job.out in seen:
            raise OptionError(
                "sources", f"{seen[job.out]} and {job.source} would both become {job.out}; give them one by one"
            )
        seen[job.out] = job.source


def _refuse_results_of_others(done: list[Job], span: Span) -> None:
    """OptionError where a result that would be kept is not of the job's source."""
    for job in done:
        if origin := other_origin(job.out, job.source, span):
            raise OptionError(
                "out",
                f"{job.out} exists already, but was not made of {job.source}: it is of {origin}; name another OUT, or "
                "give --overwrite to replace it when the new one is done",
            )


def _is_done(job: Job) -> bool:
    there = job.out.is_dir() and any(job.out.iterdir()) if job.is_pictures else job.out.is_file()
    return there and not job.out.samefile(job.source)


# options as people write them; ``option`` is the bare name, by which a front end finds the field of a fault


def read_seconds(option: str, text: str) -> float:
    """As ``read_time``; OptionError for anything else."""
    try:
        return read_time(text)
    except ValueError as error:
        raise OptionError(option, f"--{option} {error}") from None


def read_length(option: str, text: str) -> float:
    """Seconds, more than 0."""
    seconds = read_seconds(option, text)
    if not seconds:
        raise OptionError(option, f"--{option} is 0; give it a length, e.g. 5s")
    return seconds


def read_rate(option: str, text: str) -> Fraction:
    """Pictures per second: ``25``, ``23.976`` or ``24000/1001``."""
    try:
        rate = Fraction(text).limit_denominator(1001)
    except (ValueError, ZeroDivisionError):
        raise OptionError(option, f"--{option} {text} is not a number; write it like 25 or 24000/1001") from None
    if not 0 < rate <= 1000:
        raise OptionError(option, f"--{option} {text} is not between 0 and 1000; choose the rate of the images")
    return rate


def read_ensemble(option: str, text: str) -> Ensemble:
    count: Ensemble | None = next((one for one in get_args(Ensemble) if str(one) == text), None)
    if count is None:
        raise OptionError(option, f"--{option} {text} is not one of {', '.join(map(str, get_args(Ensemble)))}")
    return count


def read_size(option: str, text: str) -> tuple[int, int]:
    """Width and height in pixels: ``1920x1080``."""
    width, _, height = text.lower().replace("×", "x").partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise OptionError(option, f"--{option} {text} is not a size; write it like 1920x1080")
    size = int(width), int(height)
    if not all(SMALLEST_SIDE <= side <= LARGEST_SIDE for side in size):
        raise OptionError(
            option, f"--{option} {text}: sides must be {SMALLEST_SIDE} to {LARGEST_SIDE} pixels; choose another size"
        )
    return size
