"""An upscaling job as it is typed into a form: what is wrong with it, what will become of it, and its command.

The checks are those of ``vsrpp upscale``. They open files, so they are not for the screen's own thread.
"""

import math
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from vsrpp_core.errors import UsageError, VsrppError
from vsrpp_core.run.sidecar import info_of
from vsrpp_tui.forms.checked import Checked, FieldError, Values, refused, text, ticked
from vsrpp_tui.forms.paths import read_path, read_paths

if TYPE_CHECKING:
    from vsrpp_core.apply.upscale.inspect import JobInfo
    from vsrpp_core.apply.upscale.jobs import Options, Plan

OPTIONS = ("preview", "start", "codec", "crf", "preset", "pixels", "fps", "precision", "tile")
"""Fields that are options of the same name on the command line."""

FLAGS = ("overwrite", "png", "force", "drop-tracks", "fresh")
PREVIEW_SECONDS = 4.0
"""Between two looks at the newest picture."""


@dataclass(frozen=True, slots=True)
class UpscaleRequest:
    """``options`` and ``flags`` as on the command line, without their dashes."""

    network: Path
    sources: tuple[Path, ...]
    out: Path
    options: tuple[tuple[str, str], ...] = ()
    flags: tuple[str, ...] = ()

    @property
    def command(self) -> str:
        """What a shell is told to do, or to go on with, the same job."""
        words = ["vsrpp", "upscale", str(self.network), *map(str, self.sources), str(self.out)]
        words += [word for name, value in self.options for word in (f"--{name}", value)]
        return shlex.join([*words, *(f"--{flag}" for flag in self.flags if flag != "fresh")])

    def read(self) -> "tuple[Plan, Options]":
        """As the command would understand it. FieldError for what it would refuse."""
        from vsrpp_core.apply.upscale.jobs import plan

        options = _options(dict(self.options), self.flags)
        try:
            return plan(list(self.sources), self.out, "png" in self.flags, options.overwrite), options
        except UsageError as error:
            told = str(error)
            raise FieldError("out" if str(self.out) in told else "sources", told) from None


def check(values: Values) -> Checked[UpscaleRequest]:
    """Everything that can be known before any work."""
    faults: dict[str, str] = {}
    notes: dict[str, str] = {}
    request: UpscaleRequest | None = None
    try:
        network, notes["network"] = _network(text(values, "network"))
    except FieldError as error:
        network, faults[error.field] = Path(), _plain(error)
    except OSError as error:
        network, faults["network"] = Path(), str(refused(error, values, ("network",)))
    try:
        request = _request(values, network)
        notes["out"] = "" if text(values, "out") else f"left empty: {request.out}"
        planned, options = request.read()
        outlook = _outlook(planned, options, request)
    except FieldError as error:
        faults[error.field] = _plain(error)
        outlook = ()
    except OSError as error:
        fault = refused(error, values, ("sources", "out"))
        faults[fault.field] = str(fault)
        outlook = ()
    return Checked(None if faults else request, faults, notes, outlook)


def _request(values: Values, network: Path) -> UpscaleRequest:
    flags = tuple(flag for flag in FLAGS if ticked(values, flag))
    try:
        sources = read_paths(text(values, "sources"))
    except UsageError as error:
        raise FieldError("sources", error) from None
    if not sources:
        raise FieldError("sources", "name videos, or folders of videos or of images")
    try:
        out = read_path(text(values, "out")) if text(values, "out") else default_out(sources, "png" in flags)
    except UsageError as error:
        raise FieldError("out", error) from None
    options = tuple((name, text(values, name)) for name in OPTIONS if text(values, name))
    return UpscaleRequest(network, tuple(sources), out, options, flags)


def default_out(sources: list[Path], png: bool) -> Path:
    """Beside the first source, by its name."""
    from vsrpp_core.apply.upscale.mux import VIDEO_OUT

    first = sources[0]
    if len(sources) > 1:
        return first.with_name("upscaled-3x")
    if first.is_dir() or png:
        return first.with_name(f"{first.name if first.is_dir() else first.stem}-3x")
    suffix = first.suffix.lower()
    return first.with_name(f"{first.stem}-3x{suffix if suffix in VIDEO_OUT else '.mkv'}")


def _network(typed: str) -> tuple[Path, str]:
    """The file, and what is known of it."""
    if not typed:
        raise FieldError("network", "name a checkpoint (.pth) or an exported network (.safetensors)")
    try:
        path = read_path(typed)
    except UsageError as error:
        raise FieldError("network", error) from None
    if not path.is_file():
        what = "is a folder; name a checkpoint in it" if path.is_dir() else "is not there; check the path"
        raise FieldError("network", f"{path} {what}")
    info = info_of(path.resolve())  # a best one is mostly a link
    if info is None or not (info.is_described or info.is_damaged):
        return path, "what it holds is read when the job begins"
    if info.is_damaged:
        raise FieldError("network", f"{path.name} is damaged; choose another checkpoint")
    quality = f" · quality {100 * info.quality:.1f} %" if math.isfinite(info.quality) else ""
    return path, f"step {info.step:,}{quality}"


def _options(words: dict[str, str], flags: tuple[str, ...]) -> "Options":
    from vsrpp_core.apply.upscale.encoding import CODECS, EncodingRequest
    from vsrpp_core.apply.upscale.jobs import Options, read_length, read_rate, read_seconds
    from vsrpp_core.apply.upscale.source import Span
    from vsrpp_core.run.config import Precision

    def read(key: str, reader: Callable[[str, str], Any], default: Any) -> Any:
        try:
            return reader(key, words[key]) if key in words else default
        except UsageError as error:
            raise FieldError(key, error) from None

    codec = words.get("codec")
    if codec is not None and codec not in CODECS:
        raise FieldError("codec", f"{codec} is none of {', '.join(CODECS)}")
    precision = next((one for one in get_args(Precision) if one == words.get("precision", "auto")), None)
    if precision is None:
        raise FieldError("precision", f"{words['precision']} is none of {', '.join(get_args(Precision))}")
    return Options(
        EncodingRequest(codec, read("crf", _number, None), words.get("preset"), words.get("pixels")),
        precision,
        span=Span(read("start", read_seconds, 0.0), read("preview", read_length, None)),
        rate=read("fps", read_rate, None),
        tile=read("tile", _pixels, 0),
        overwrite="overwrite" in flags,
        fresh="fresh" in flags,
        force="force" in flags,
        drop_tracks="drop-tracks" in flags,
        preview_every=PREVIEW_SECONDS,
    )


def _number(option: str, typed: str) -> float:
    try:
        return float(typed)
    except ValueError:
        raise UsageError(f"{option} {typed} is no number; less is better, e.g. 16") from None


def _pixels(option: str, typed: str) -> int:
    if not typed.isdecimal():
        raise UsageError(f"{option} {typed} is no number of pixels; write it like 256, or 0 to go by the memory")
    return int(typed)


FIELD_OF = (
    ("neither --crf nor --preset", "codec"),
    ("--crf", "crf"),
    ("--preset", "preset"),
    ("pixel format", "pixels"),
    ("--pixels", "pixels"),
    ("encoder", "codec"),
    ("--fps", "fps"),
    ("--overwrite", "out"),
    ("OUT", "out"),
)
"""Words by which a fault of the job as a whole is told beside its field; what has none of them is a source's."""


def _outlook(planned: "Plan", options: "Options", request: UpscaleRequest) -> tuple[str, ...]:
    """Sentences on the first job, which stands for the others, and on what is done already."""
    from vsrpp_core.apply.upscale.inspect import inspect_job

    lines = [f"{len(planned.skipped):,} are there already and stay as they are"] if planned.skipped else []
    if not planned.jobs:
        raise FieldError("out", f"all of it is in {request.out} already; give --overwrite to make it again")
    first, others = planned.jobs[0], len(planned.jobs) - 1
    try:
        seen = inspect_job(first, options)
    except VsrppError as error:
        told = str(error)
        key = next((key for word, key in FIELD_OF if word in told), "sources")
        raise FieldError(key, told) from None
    more = f", and {others:,} more" if others else ""
    lines.insert(0, f"{first.source.name}: {described(seen)}{more}")
    if seen.can_resume:
        lines.append("an interrupted job is gone on with")
    return (*lines, *seen.notes)


def described(seen: "JobInfo") -> str:
    frames = f", about {seen.frames:,} frames" if seen.frames else ""
    return f"{seen.size}, {seen.codec} {seen.format}{frames}"


def _plain(error: FieldError) -> str:
    """In the words of the form, which has no dashes and calls OUT the result."""
    return str(error).replace("--", "").replace("another OUT", "another result")
