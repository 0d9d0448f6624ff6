"""The recipe of a preparation, what to make of which videos: typed and checked, read from and written to TOML.

Separate from the work so that a command line or a screen can check it before any video is opened.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, model_validator

from vsrpp_core.data.stacked import StackGeometry
from vsrpp_core.run.names import as_pattern
from vsrpp_core.run.settings import NO_OVERRIDES, Overrides, RuleError, Section, Settings, range_of
from vsrpp_core.video.times import read_time

VERSION = 2
"""Of what a recipe makes of the same videos. 2: chroma is read and subsampled where its siting places it."""

SMALLEST_PATCH = 24
DEFAULT_CATEGORY = "general"


def _valid_time(text: str) -> str:
    try:
        seconds(text)
    except ValueError as error:
        raise RuleError(str(error)) from None
    return text


def seconds(text: str) -> float:
    """Of a time in a recipe, as ``read_time``; 0 where it is empty."""
    return read_time(text) if text else 0.0


def _ordered(values: list[float]) -> list[float]:
    if values[0] > values[1]:
        raise RuleError(f"the first of a range must be at most the second, not {values}")
    return values


Time = Annotated[str, AfterValidator(_valid_time)]
Span = Annotated[list[float], Field(min_length=2, max_length=2), AfterValidator(_ordered)]
Share = Annotated[float, Field(ge=0, le=1)]


class DatasetPart(Section):
    """What a pair is, and how many there are."""

    patch: int = Field(
        540, ge=SMALLEST_PATCH, le=4096, description="side of the ground truth, pixels; a multiple of scale"
    )
    patch_width: int = Field(0, ge=0, le=8192, description="its width where it is not square; 0: as high as wide")
    scale: int = Field(3, ge=1, le=4, description="ground truth to LR: times as wide and as high; 1 restores")
    frames: int = Field(5, ge=3, le=99, description="frames in a stack; odd")
    frame_step: int = Field(1, ge=1, le=30, description="a stack takes every so many-th frame")
    height: int = Field(0, ge=0, le=8192, description="shrink higher frames to this height first; 0: leave them")
    patches_per_minute: float = Field(60.0, gt=0, le=100_000, description="places tried per minute of video")
    patches: int = Field(0, ge=0, le=100_000_000, description="training pairs in all, divided by the weights; 0: all")
    shared: Literal["first", "divided"] = Field(
        "first", description="a video that several categories name belongs to the first, or is divided by their weights"
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, description="seed of every choice")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.patch % self.scale:
            raise RuleError(f"patch must be a multiple of {self.scale}, not {self.patch}", "patch", "scale")
        if self.patch_width and (self.patch_width % self.scale or self.patch_width < SMALLEST_PATCH):
            raise RuleError(
                f"patch_width must be a multiple of {self.scale} and at least {SMALLEST_PATCH}, not {self.patch_width}",
                *("patch_width", "scale"),
            )
        if self.frames % 2 == 0:
            raise RuleError(f"frames must be odd, not {self.frames}", "frames")
        if self.height and self.height < self.patch:
            raise RuleError(
                f"the height {self.height} is less than the patch {self.patch}",
                *("height", "patch"),
                reason=f"choose a patch up to {self.height}, a multiple of {self.scale}",
            )
        return self

    @property
    def patch_size(self) -> tuple[int, int]:
        """Height and width of the ground truth."""
        return self.patch, self.patch_width or self.patch

    @property
    def patch_in_words(self) -> str:
        height, width = self.patch_size
        return f"{height}" if height == width else f"{width}×{height}"


class ValidationPart(Section):
    """What is kept for validation."""

    share: float = Field(0.1, gt=0, lt=1, description="share of the videos, or scenes, kept for validation")
    by: Literal["video", "scene"] = Field("video", description="what is never divided between the two sides")
    max_per_video: int = Field(24, ge=1, le=10_000, description="validation pairs of one video, spread over it")


class SkipPart(Section):
    """What is not worth learning from. Levels are of 255; 0 switches a rule off."""

    black: float = Field(20.0, ge=0, le=255, description="black: 99 % of a patch is darker than this")
    flat: float = Field(1.5, ge=0, le=100, description="flat: mean step between neighbours of the LR frame below this")
    blurred: float = Field(
        0.14, ge=0, le=1, description="blurred: its steepest edges rise by this share a pixel or less"
    )
    still: float = Field(0.2, ge=0, le=50, description="no motion: two LR frames differ by less, in the mean")
    repeated: float = Field(0.2, ge=0, le=50, description="repeated frame: a whole frame differs by less from the last")
    repeats: Literal["skip", "drop", "keep"] = Field(
        "skip", description="windows with a repeated frame: skip them; drop the repeat (film on twos); keep them"
    )
    text: bool = Field(True, description="subtitles and credits: bright, sharp, still letters in rows")
    dissolves: bool = Field(True, description="windows in a dissolve or a fade")
    uneven: float = Field(
        3.0, ge=0, le=1000, description="uneven times: longest over shortest step in a window above this"
    )
    duplicate: float = Field(3.0, ge=0, le=50, description="duplicate patch: differs by less from one already taken")


class SourcePart(Section):
    """What becomes of videos that are not plain."""

    hdr: Literal["tonemap", "refuse"] = Field("tonemap", description="PQ and HLG: tone-map to BT.709, or leave out")
    hdr_peak: float = Field(1000.0, ge=100, le=10_000, description="brightness that becomes white, cd/m2")
    interlaced: Literal["deinterlace", "refuse"] = Field("deinterlace", description="by bwdif, or leave out")


LIMITS = {
    "blur": (0.0, 20.0),
    "noise": (0.0, 100.0),
    "interlace": (0.0, 1.0),
    "h264_crf": (0.0, 51.0),
    "mpeg2_quantizer": (1.0, 31.0),
    "dots": (0.0, 1.0),
    "ringing": (0.2, 1.0),
    "bleed": (0.0, 20.0),
    "black": (-64.0, 64.0),
    "white": (-64.0, 128.0),
    "tint": (0.0, 64.0),
    "generations": (1.0, 20.0),
}
"""Of the ranges in ``[degradation]``."""


class DegradationPart(Section):
    """What the LR side suffers. Drawn once for a stack; a range is [least, most]."""

    kind: Literal["clean", "real"] = Field("clean", description="clean: bicubic alone; real: all that follows")
    clean_share: Share = Field(0.1, description="share of the stacks left clean all the same")
    shuffle: bool = Field(True, description="draw the order in which they are applied, else as listed here")
    blur_share: Share = Field(0.7, description="share of the stacks that are blurred")
    blur: Span = Field([0.2, 1.2], description="sigma of the Gaussian, LR pixels, in each direction")
    noise_share: Share = Field(0.5, description="share that get noise")
    noise: Span = Field([1.0, 8.0], description="its standard deviation, levels")
    noise_grey_share: Share = Field(0.5, description="share of these in which it is the same in all channels")
    chroma_share: Share = Field(0.6, description="share whose colour is kept at half the resolution")
    interlace_share: Share = Field(0.05, description="share with combs left over from interlacing")
    interlace: Span = Field([0.3, 1.0], description="strength of the combs")
    h264_share: Share = Field(0.6, description="share recompressed by H.264")
    h264_crf: Span = Field([20.0, 34.0], description="its CRF; more is worse")
    mpeg2_share: Share = Field(0.2, description="share recompressed by MPEG-2")
    mpeg2_quantizer: Span = Field([3.0, 10.0], description="its quantizer scale; more is worse")
    telecine_share: Share = Field(0.0, description="share in which two of five frames have lines of the next")
    dots_share: Share = Field(0.0, description="share with dot crawl")
    dots: Span = Field([0.2, 0.8], description="part of the colour's carrier left in the brightness")
    ringing_share: Share = Field(0.0, description="share whose edges ring")
    ringing: Span = Field([0.5, 0.85], description="part of the resolution that is left; less rings wider")
    bleed_share: Share = Field(0.0, description="share whose colours bleed along the lines")
    bleed: Span = Field([1.0, 4.0], description="how far, LR pixels")
    levels_share: Share = Field(0.0, description="share whose levels and colours are off")
    black: Span = Field([-8.0, 24.0], description="level of black")
    white: Span = Field([-8.0, 40.0], description="levels that white is short of 255")
    tint: Span = Field([0.0, 10.0], description="how far Cb and Cr are off together, levels")
    generations_share: Share = Field(0.0, description="share copied from tape to tape")
    generations: Span = Field([1.0, 4.0], description="how often; softer, noisier and less steady each time")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.model_fields_set and "kind" not in self.model_fields_set:
            raise RuleError("kind must be real for all else here, or clean to leave it unused", "kind")
        if self.h264_share + self.mpeg2_share > 1:
            raise RuleError(
                "h264_share + mpeg2_share must be at most 1, as a stack is recompressed once",
                *("h264_share", "mpeg2_share"),
            )
        for name, (least, most) in LIMITS.items():
            if not least <= getattr(self, name)[0] <= getattr(self, name)[1] <= most:
                raise RuleError(f"{name} must be between {least:g} and {most:g}, not {getattr(self, name)}", name)
        return self


class WorkPart(Section):
    """How the work is done; it changes nothing in the result."""

    workers: int = Field(0, ge=0, le=256, description="videos and patches worked on at once; 0: as many as cores")


class Category(Section):
    """A kind of footage."""

    paths: list[str] = Field(min_length=1, description="videos, folders of videos, and patterns like ~/films/*.mkv")
    exclude: list[str] = Field([], description="patterns of names or paths that are left out")
    weight: float = Field(1.0, gt=0, le=1e6, description="its part of the dataset beside the others' weights")
    priority: int = Field(0, ge=-1000, le=1000, description="where the number of patches is limited, higher ones first")
    patches_per_minute: float = Field(0.0, ge=0, le=100_000, description="0: as in [dataset]")
    start: Time = Field("", description="nothing before this time of each video")
    end: Time = Field("", description="nothing from this time on")


class VideoRule(Section):
    """What is different for some videos of any category; of several that fit the last one counts."""

    path: str = Field(description="a name, a path, or a pattern of either")
    priority: int | None = Field(None, ge=-1000, le=1000, description="instead of its category's")
    patches_per_minute: float = Field(0.0, ge=0, le=100_000, description="0: as its category")
    start: Time = Field("", description="nothing before this time")
    end: Time = Field("", description="nothing from this time on")


class Recipe(Settings):
    """All that decides a dataset, but for the bytes of the videos."""

    ALL_ARE_LISTED = "`vsrpp prepare --recipe-example` lists all settings"

    dataset: DatasetPart = DatasetPart()
    validation: ValidationPart = ValidationPart()
    skip: SkipPart = SkipPart()
    source: SourcePart = SourcePart()
    degradation: DegradationPart = DegradationPart()
    work: WorkPart = WorkPart()
    category: dict[str, Category] = Field({}, description="kinds of footage by their names")
    video: list[VideoRule] = Field([], description="videos for which something is different")

    @model_validator(mode="after")
    def _times_in_order(self) -> Self:
        parts: list[tuple[str, Category | VideoRule]] = [(f"category.{n}", c) for n, c in self.category.items()]
        for name, part in [*parts, *((rule.path, rule) for rule in self.video)]:
            if part.end and seconds(part.start) >= seconds(part.end):
                raise RuleError(f'{name} ends at "{part.end}", before it starts at "{part.start}"')
        return self

    @model_validator(mode="after")
    def _has_something_to_learn(self) -> Self:
        if self.dataset.scale == 1 and (self.degradation.kind == "clean" or self.degradation.clean_share == 1):
            raise RuleError(
                "dataset.scale = 1 needs degradation.kind = real and stacks that are not left clean: clean LR would be "
                "the ground truth itself",
                *("dataset.scale", "degradation.kind"),
            )
        return self

    @classmethod
    def of(cls, videos: Sequence[Path | str], overrides: Overrides = NO_OVERRIDES) -> Self:
        """All defaults for these videos, folders and patterns; OverrideError as in ``with_overrides``."""
        named = {DEFAULT_CATEGORY: Category(paths=[str(path) for path in videos])} if videos else {}
        return cls(category=named).with_overrides(overrides)

    @property
    def geometry(self) -> StackGeometry:
        height, width = self.dataset.patch_size
        scale = self.dataset.scale
        return StackGeometry(self.dataset.frames, height // scale, width // scale, scale)

    def parse(self, texts: Iterable[tuple[str, str]]) -> Overrides:
        """As every file of settings; a patch may be typed as WIDTHxHEIGHT, and a number alone is that of a square."""
        return super().parse(part for key, text in texts for part in _sides(key, text))

    def to_toml(self) -> str:
        """What ``load`` reads again, each setting with what it means."""
        lines = []
        for section, model in self.sections():
            lines += [f"# {(type(model).__doc__ or '').splitlines()[0]}", f"[{section}]", *_lines(model), ""]
        for name, category in self.category.items():
            lines += [f"[category.{name if _bare(name) else _as_toml(name)}]", *_lines(category), ""]
        for rule in self.video:
            lines += ["[[video]]", *_lines(rule), ""]
        return "\n".join(lines)

    @classmethod
    def names_beside(cls, key: str) -> Mapping[str, str]:
        """Of settings, and for an unknown one of a category or a video of its own."""
        prefix, _, _ = key.rpartition(".")
        models: dict[str, type[BaseModel]] = {"category": Category, "video": VideoRule}
        if local := models.get(prefix.split(".")[0]):
            return {f"{prefix}.{name}": range_of(field) for name, field in local.model_fields.items()}
        return super().names_beside(key)


def _sides(key: str, text: str) -> Iterator[tuple[str, str]]:
    oblong = re.fullmatch(r"(\d+)[x×](\d+)", text)
    yield key, oblong[2] if oblong and key == "dataset.patch" else text
    if key == "dataset.patch":
        yield "dataset.patch_width", oblong[1] if oblong else "0"


def _bare(name: str) -> bool:
    return bool(name) and all(c.isascii() and (c.isalnum() or c in "-_") for c in name)


def _lines(model: BaseModel) -> Iterator[str]:
    for name, field in type(model).model_fields.items():
        value, allowed = getattr(model, name), range_of(field)
        if value is not None:
            meaning = f"{field.description} ({allowed})" if allowed else field.description
            yield f"{name} = {_as_toml(value)}  # {meaning}"


def _as_toml(value: object) -> str:
    """In one line. JSON differs in one character only, which TOML wants escaped."""
    return as_pattern(json.dumps(value, ensure_ascii=False)).replace("\x7f", "\\u007f")
