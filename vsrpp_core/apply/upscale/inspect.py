"""What a job will do, before any work: for a form that validates while the user types, and for a total.

The checks are those of the job itself; no network is loaded.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from vsrpp_core.apply.upscale.encoding import Encoding, EncodingRequest, choose_encoding
from vsrpp_core.apply.upscale.jobs import Job, Options
from vsrpp_core.apply.upscale.segments import UpscaleFolder
from vsrpp_core.apply.upscale.source import Film, ImageFilm, VideoFilm
from vsrpp_core.data.stacked import SCALE
from vsrpp_core.errors import OptionError
from vsrpp_core.video.clock import DEFAULT_FPS


@dataclass(frozen=True, slots=True)
class JobInfo:
    """``frames`` is an estimate, or 0; ``pixels`` are those of one LR picture; ``notes`` are sentences."""

    out: Path
    size: str
    codec: str
    format: str
    frames: int
    pixels: int
    can_resume: bool
    """Whether an interrupted job left something to resume."""
    notes: tuple[str, ...]


def inspect_job(job: Job, options: Options, scale: int = SCALE) -> JobInfo:
    """Open the source, decode its first picture, choose the encoding for a network of this ``scale``.

    Raises what the job would raise there.
    """
    job.refuse_overwriting(options.overwrite)
    film = open_film(job, options)
    encoding, notes = encoding_of(job, film, options, scale)
    info = film.info
    return JobInfo(
        job.out,
        sizes(film, encoding, options, scale),
        encoding.codec,
        encoding.pixels,
        info.frames,
        info.width * info.height,
        UpscaleFolder(job.out).is_begun and not options.fresh,
        (*film.notes, *notes),
    )


def encoding_of(job: Job, film: Film, options: Options, scale: int) -> tuple[Encoding, list[str]]:
    """The encoding, and sentences on what cannot be kept."""
    request = EncodingRequest("png") if job.is_pictures else options.encoding
    return choose_encoding(film.info, request, options.to or (scale * film.info.width, scale * film.info.height))


def sizes(film: Film, encoding: Encoding, options: Options, scale: int) -> str:
    """That of the source and of the result, in words, and of the network's pictures where they are resampled."""
    info = film.info
    made = f"{scale * info.width}x{scale * info.height}"
    if options.to and made != f"{options.to[0]}x{options.to[1]}":
        return f"{info.size} to {made} by the network, resampled to {encoding.width}x{encoding.height}"
    return f"{info.size} to {encoding.width}x{encoding.height}"


def open_film(job: Job, options: Options) -> Film:
    if job.source.is_dir():
        return ImageFilm(job.source, options.rate or Fraction(DEFAULT_FPS), options.span)
    if options.rate:
        raise OptionError("fps", f"--fps is for folders of images; {job.source} keeps its own times")
    return VideoFilm(job.source, options.span, options.force)
