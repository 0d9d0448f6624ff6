"""An upscaling job as typed into a form: what is wrong with it, what the result will be, and its command.

The checks are those of ``vsrpp upscale``. They open files, so they are not for the screen's own thread.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, get_args

from vsrpp_core.errors import OptionError, VsrppError, command
from vsrpp_core.run.files import read_json
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.run.sidecar import info_of
from vsrpp_tui.forms.checked import Checked, Values, fault_of, text, ticked
from vsrpp_tui.forms.paths import read_path, read_paths

if TYPE_CHECKING:
    from vsrpp_core.apply.upscale.inspect import JobInfo
    from vsrpp_core.apply.upscale.jobs import Options, Plan

T = TypeVar("T")

OPTIONS = ("preview", "start", "to", "codec", "crf", "preset", "pixels", "fps", "ensemble", "precision", "tile")
"""Fields that are options of the same name on the command line."""

FLAGS = ("overwrite", "png", "force", "drop-tracks", "fresh")
PREVIEW_SECONDS = 4.0
"""Between two previews of the newest picture."""

LONGEST_HEADER = 2**20
"""Bytes of an export's description, far more than it takes."""


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
        """The shell command that does the same job, or resumes it."""
        options = [word for name, value in self.options for word in (f"--{name}", value)]
        flags = [f"--{flag}" for flag in self.flags if flag != "fresh"]
        return command("vsrpp", "upscale", self.network, *self.sources, self.out, *options, *flags)

    def read(self) -> "tuple[Plan, Options]":
        """As the command would understand it. OptionError for what it would refuse."""
        from vsrpp_core.apply.upscale.jobs import plan

        options = _options(dict(self.options), self.flags)
        with fault_of("sources", out=self.out):
            return plan(list(self.sources), self.out, "png" in self.flags, options.overwrite, options.span), options


def check(values: Values) -> Checked[UpscaleRequest]:
    """Everything that can be known before any work."""
    faults: dict[str, str] = {}
    notes: dict[str, str] = {}
    request: UpscaleRequest | None = None
    network, scale = Path(), None
    try:
        network, notes["network"] = _network(text(values, "network"))
        scale = scale_of(network)
        notes["network"] += "" if scale is None else f" · scale {scale}"
    except OptionError as error:
        faults[error.option] = _plain(error)
    try:
        request = _request(values, network, scale)
        notes["out"] = "" if text(values, "out") else f"left empty: {request.out}"
        planned, options = request.read()
        outlook = _outlook(planned, options, request, scale)
    except OptionError as error:
        faults[error.option] = _plain(error)
        outlook = ()
    return Checked(None if faults else request, faults, notes, outlook)


def _request(values: Values, network: Path, scale: int | None) -> UpscaleRequest:
    flags = tuple(flag for flag in FLAGS if ticked(values, flag))
    with fault_of("sources"):
        sources = read_paths(text(values, "sources"))
        if not sources:
            raise OptionError("sources", "name videos, or folders of videos or of images")
        out = default_out(sources, "png" in flags, _ending(scale, text(values, "to")))
    with fault_of("out"):
        out = read_path(text(values, "out")) if text(values, "out") else out
    options = tuple((name, text(values, name)) for name in OPTIONS if text(values, name))
    return UpscaleRequest(network, tuple(sources), out, options, flags)


def _ending(scale: int | None, to: str) -> str:
    """What a result's name ends with: the size asked for, else how much larger it is."""
    from vsrpp_core.apply.upscale.jobs import read_size

    if to:
        return "{}x{}".format(*read_size("to", to))
    return "upscaled" if scale is None else "restored" if scale == 1 else f"{scale}x"


def default_out(sources: list[Path], png: bool, ending: str) -> Path:
    """Beside the first source, by its name."""
    from vsrpp_core.apply.upscale.mux import VIDEO_OUT

    first = sources[0]
    if len(sources) > 1:
        return first.with_name(ending if ending.isalpha() else f"upscaled-{ending}")
    if first.is_dir() or png:
        return first.with_name(f"{first.name if first.is_dir() else first.stem}-{ending}")
    suffix = first.suffix.lower()
    return first.with_name(f"{first.stem}-{ending}{suffix if suffix in VIDEO_OUT else '.mkv'}")


def scale_of(network: Path) -> int | None:
    """How much larger a network makes films, as far as that is known without loading it.

    An export says it itself; of a checkpoint the settings of its run do, which the run could not have changed.
    """
    from vsrpp_core.run.config import ModelConfig, RunConfig

    path = network.resolve()
    try:
        if path.suffix.lower() == ".safetensors":
            with path.open("rb") as file:
                header = read_json(file.read(min(int.from_bytes(file.read(8), "little"), LONGEST_HEADER)))
            return int(header["__metadata__"].get("scale", ModelConfig().scale))
        config = RunConfig.load_if_any(RunFolder(path.parent).config)
        return config.model.scale if config else None
    except (OSError, VsrppError, ValueError, KeyError, TypeError, AttributeError):  # the job says what is wrong with it
        return None


def _network(typed: str) -> tuple[Path, str]:
    """The file, and what is known about it."""
    if not typed:
        raise OptionError("network", "name a checkpoint (.pth) or an exported network (.safetensors)")
    with fault_of("network"):
        path = read_path(typed)
        if not path.is_file():
            what = "is a folder; name a checkpoint in it" if path.is_dir() else "does not exist; check the path"
            raise OptionError("network", f"{path} {what}")
        info = info_of(path.resolve())  # checkpoint_best.pth is usually a link
    if info is None or not (info.is_described or info.is_damaged):
        return path, "its contents are read when the job begins"
    if info.is_damaged:
        raise OptionError("network", f"{path.name} is damaged; choose another checkpoint")
    quality = f" · quality {100 * info.quality:.1f} %" if math.isfinite(info.quality) else ""
    return path, f"step {info.step:,}{quality}"


def _options(words: dict[str, str], flags: tuple[str, ...]) -> "Options":
    from vsrpp_core.apply.upscale.encoding import CODECS, EncodingRequest
    from vsrpp_core.apply.upscale.jobs import Options, read_ensemble, read_length, read_rate, read_seconds, read_size
    from vsrpp_core.apply.upscale.source import Span
    from vsrpp_core.run.config import Precision

    def read(key: str, reader: Callable[[str, str], T], default: T) -> T:
        return reader(key, words[key]) if key in words else default

    codec = words.get("codec")
    if codec is not None and codec not in CODECS:
        raise OptionError("codec", f"{codec} is not one of {', '.join(CODECS)}")
    precision = next((one for one in get_args(Precision) if one == words.get("precision", "auto")), None)
    if precision is None:
        raise OptionError("precision", f"{words['precision']} is not one of {', '.join(get_args(Precision))}")
    return Options(
        EncodingRequest(codec, read("crf", _number, None), words.get("preset"), words.get("pixels")),
        precision,
        span=Span(read("start", read_seconds, 0.0), read("preview", read_length, None)),
        rate=read("fps", read_rate, None),
        to=read("to", read_size, None),
        ensemble=read("ensemble", read_ensemble, 1),
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
        raise OptionError(option, f"{typed} is not a number; less is better, e.g. 16") from None


def _pixels(option: str, typed: str) -> int:
    if not typed.isdecimal():
        raise OptionError(option, f"{typed} is not a number of pixels; write it like 256, or 0 to go by the memory")
    return int(typed)


def _outlook(planned: "Plan", options: "Options", request: UpscaleRequest, scale: int | None) -> tuple[str, ...]:
    """Sentences on the first job, as an example of the others, and on results that exist already."""
    from vsrpp_core.apply.upscale.inspect import inspect_job
    from vsrpp_core.data.stacked import SCALE

    lines = [f"{len(planned.skipped):,} exist already and stay as they are"] if planned.skipped else []
    if not planned.jobs:
        raise OptionError("out", f"all results are in {request.out} already; tick overwrite to make them again")
    first, others = planned.jobs[0], len(planned.jobs) - 1
    with fault_of("sources", out=request.out):
        info = inspect_job(first, options, scale or SCALE)
    more = f", and {others:,} more" if others else ""
    lines.insert(0, f"{first.source.name}: {described(info)}{more}")
    if scale is None and not options.to:
        lines.append(f"the size is that of a network of scale {SCALE}; which one it is, the job reads first")
    if info.can_resume:
        lines.append("resumes an interrupted job")
    return (*lines, *planned.notes, *info.notes)


def described(info: "JobInfo") -> str:
    frames = f", about {info.frames:,} frames" if info.frames else ""
    return f"{info.size}, {info.codec} {info.format}{frames}"


def _plain(error: OptionError) -> str:
    """In the form's words: it has no dashes, and calls OUT the result."""
    return str(error).replace("--", "").replace("another OUT", "another result")
