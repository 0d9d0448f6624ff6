"""What is upscaled to where (the meaning of ``IN... OUT``) and how: the options, read as people write them."""

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from vsrpp_core.apply.upscale.encoding import EncodingRequest
from vsrpp_core.apply.upscale.mux import VIDEO_OUT
from vsrpp_core.apply.upscale.source import Span, images_in
from vsrpp_core.errors import UsageError
from vsrpp_core.run.config import Precision
from vsrpp_core.video.files import find_videos

SEGMENT_SECONDS = 10.0
"""Of a film in a segment: what a kill costs at most. The encoder sets a keyframe about as often anyway."""


@dataclass(frozen=True, slots=True)
class Options:
    encoding: EncodingRequest = field(default_factory=EncodingRequest)
    precision: Precision = "auto"
    span: Span = field(default_factory=Span)
    rate: Fraction | None = None
    """Pictures per second of a folder of images."""
    tile: int = 0
    segment_seconds: float = SEGMENT_SECONDS
    overwrite: bool = False
    fresh: bool = False
    """Do not go on with what an earlier run left."""
    force: bool = False
    """Take interlaced and damaged videos."""
    drop_tracks: bool = False
    """Leave out tracks that the result cannot hold."""
    preview_every: float | None = None
    """Seconds at least between two previews of the newest picture; None makes none. It changes no result."""


@dataclass(frozen=True, slots=True)
class Job:
    """A video or a folder of images, and the file or folder to make of it; ``is_pictures`` for a folder of PNGs."""

    source: Path
    out: Path
    is_pictures: bool

    def refuse_overwriting(self, overwrite: bool) -> None:
        """UsageError where ``out`` is the source, or is there already; a file may be overwritten."""
        if self.out.exists() and self.out.samefile(self.source):
            raise UsageError(f"{self.out} is what is to be upscaled; name another OUT")
        if self.is_pictures and self.out.exists() and not (self.out.is_dir() and not any(self.out.iterdir())):
            raise UsageError(f"{self.out} already exists and is not an empty folder; name another OUT")
        if not self.is_pictures and self.out.is_dir():
            raise UsageError(f"{self.out} is a folder; name a file, or another folder")
        if not self.is_pictures and self.out.exists() and not overwrite:
            raise UsageError(
                f"{self.out} already exists; name another OUT, or give --overwrite to replace it when done"
            )


@dataclass(frozen=True, slots=True)
class Plan:
    jobs: list[Job]
    skipped: list[Path]
    """Results of several that are there already."""


def plan(sources: list[Path], out: Path, png: bool, overwrite: bool) -> Plan:
    """One job for each source. ``out`` is the file to make if it is named like a video, else a folder.

    A single folder of images, or a single video with ``png``, fills the folder ``out`` itself; of several each gets a
    place of its own name in it. UsageError for what does not fit together.
    """
    found = _sources(sources)
    if out.suffix.lower() in VIDEO_OUT:
        if png or len(found) > 1:
            raise UsageError(
                f"{out} is one video file, but {'--png' if png else f'{len(found)} sources'} need a folder"
            )
        return Plan([Job(found[0], out, False)], [])
    if out.suffix and not out.is_dir() and len(found) == 1 and not png and not found[0].is_dir():
        raise UsageError(
            f"{out} names no video that can be written; end it in {', '.join(VIDEO_OUT)}, or name a folder"
        )
    is_alone = len(found) == 1 and not (len(sources) == 1 and sources[0] not in found)
    jobs = [_job_in(out, source, png, is_alone) for source in found]
    _refuse_clashes(jobs)
    done = [] if overwrite or is_alone else [job for job in jobs if _is_done(job)]
    return Plan([job for job in jobs if job not in done], [job.out for job in done])


def _sources(paths: list[Path]) -> list[Path]:
    """Videos and folders of images; of other folders the videos in them."""
    found: list[Path] = []
    for path in paths:
        found += [path] if path.is_dir() and images_in(path) else find_videos([path])
    return list(dict.fromkeys(found))


def _job_in(out: Path, source: Path, png: bool, is_alone: bool) -> Job:
    if source.is_dir() or png:
        return Job(source, out if is_alone else out / (source.name if source.is_dir() else source.stem), True)
    suffix = source.suffix.lower() if source.suffix.lower() in VIDEO_OUT else ".mkv"
    return Job(source, out / f"{source.stem}{suffix}", False)


def _refuse_clashes(jobs: list[Job]) -> None:
    seen: dict[Path, Path] = {}
    for job in jobs:
        if job.out in seen:
            raise UsageError(f"{seen[job.out]} and {job.source} would both become {job.out}; give them one by one")
        seen[job.out] = job.source


def _is_done(job: Job) -> bool:
    there = job.out.is_dir() and any(job.out.iterdir()) if job.is_pictures else job.out.is_file()
    return there and not job.out.samefile(job.source)


def read_seconds(option: str, text: str) -> float:
    """``5``, ``5s``, ``1:30`` and ``1:02:03.5``; ``option`` is what a fault is told of."""
    try:
        parts = [float(part) for part in text.removesuffix("s").split(":")]
    except ValueError:
        parts = []
    if not 1 <= len(parts) <= 3 or not all(0 <= part < 1e9 for part in parts):
        raise UsageError(f"{option} {text} is no time; write it like 5s, 1:30 or 1:02:30")
    return float(sum(part * 60**power for power, part in enumerate(reversed(parts))))


def read_length(option: str, text: str) -> float:
    """Seconds, more than none."""
    seconds = read_seconds(option, text)
    if not seconds:
        raise UsageError(f"{option} is 0; give it a length, e.g. 5s")
    return seconds


def read_rate(option: str, text: str) -> Fraction:
    """Pictures per second: ``25``, ``23.976`` or ``24000/1001``."""
    try:
        rate = Fraction(text).limit_denominator(1001)
    except (ValueError, ZeroDivisionError):
        raise UsageError(f"{option} {text} is no number; write it like 25 or 24000/1001") from None
    if not 0 < rate <= 1000:
        raise UsageError(f"{option} {text} is not between 0 and 1000; choose the rate of the images")
    return rate
