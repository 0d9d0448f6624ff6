"""Which videos a preparation works on: those that the recipe names, that exist, and that can be used.

Separate because of each video only the header and the first frame are read.
"""

import math
import re
from collections.abc import Generator
from dataclasses import dataclass
from fnmatch import fnmatch
from glob import glob
from pathlib import Path

from vsrpp_core.data.stacked import SCALE
from vsrpp_core.errors import UsageError, VsrppError
from vsrpp_core.prepare import footage
from vsrpp_core.prepare.recipe import DEFAULT_CATEGORY, Recipe, VideoRule, seconds
from vsrpp_core.video import reading
from vsrpp_core.video.files import find_videos
from vsrpp_core.video.reading import DEFAULT_FPS, VideoInfo


@dataclass(frozen=True, slots=True)
class Source:
    """A video that can be used.

    ``label`` names its pairs and is unique; ``height`` and ``width`` are those of its frames after shrinking, with
    square pixels; ``start`` and ``end`` are seconds, ``pace`` is windows per minute.
    """

    path: Path
    label: str
    info: VideoInfo
    height: int
    width: int
    category: str = DEFAULT_CATEGORY
    priority: int = 0
    pace: float = 60.0
    start: float = 0.0
    end: float = math.inf

    @property
    def fps(self) -> float:
        return self.info.fps or DEFAULT_FPS

    @property
    def seconds(self) -> float:
        """How much of it is read: an estimate, 0 where the container does not say."""
        return min(self.end, self.info.duration or self.info.frames / self.fps)

    @property
    def wanted_seconds(self) -> float:
        return max(0.0, self.seconds - self.start)


@dataclass(frozen=True, slots=True)
class NamedVideo:
    """A video of a recipe before it is opened."""

    path: Path
    category: str
    rule: VideoRule | None


def named_videos(recipe: Recipe) -> list[NamedVideo]:
    """The videos of all categories, each in the first that names it. UsageError as in ``find_videos``."""
    if not recipe.category:
        raise UsageError("no videos are named; name some, or a recipe with a [category.NAME] that has paths")
    missing: list[str] = []
    found: dict[Path, NamedVideo] = {}
    for name, category in recipe.category.items():
        paths = [path for text in category.paths for path in _matching(text, missing)]
        if missing:
            continue
        for path in find_videos(paths):
            if not any(_fits(pattern, path) for pattern in category.exclude):
                rules = [rule for rule in recipe.video if _fits(rule.path, path)]
                found.setdefault(path.resolve(), NamedVideo(path, name, rules[-1] if rules else None))
    if missing:
        raise UsageError(f"no such video: {', '.join(missing)}; check the paths")
    return list(found.values())


def _matching(text: str, missing: list[str]) -> list[Path]:
    path = Path(text).expanduser()
    if path.exists():
        return [path]
    found = [Path(name) for name in sorted(glob(str(path), recursive=True))]  # noqa: PTH207 - a pattern may be absolute
    if not found:
        missing.append(text)
    return found


def _fits(pattern: str, path: Path) -> bool:
    expanded = str(Path(pattern).expanduser())
    return fnmatch(path.name, pattern) or fnmatch(str(path), expanded) or fnmatch(str(path.resolve()), expanded)


def survey(videos: list[NamedVideo], recipe: Recipe) -> Generator[tuple[int, Source | None, str], None, None]:
    """For every video its number from 1, and the source or None with a sentence why it cannot be used."""
    labels = _labels([named.path for named in videos])
    for number, (named, label) in enumerate(zip(videos, labels, strict=True), start=1):
        try:
            yield number, _source(named, label, recipe), ""
        except VsrppError as error:
            yield number, None, str(error)


def _source(named: NamedVideo, label: str, recipe: Recipe) -> Source:
    path, rule, category = named.path, named.rule or VideoRule(path=""), recipe.category[named.category]
    info = reading.probe(path, lambda f, s, p: footage.refuse(recipe.source, f, s, p))
    height, width = _shrunk_size(info, recipe.dataset.height)
    if min(height, width) < recipe.dataset.patch:
        raise TooSmallError(
            f"{path} gives frames of {width}×{height}, smaller than the patch of {recipe.dataset.patch}; "
            f"choose a patch of at most {min(height, width) // SCALE * SCALE}"
        )
    start = seconds(rule.start or category.start)
    end = seconds(rule.end or category.end) or math.inf
    if info.duration and start >= info.duration:
        raise VsrppError(f"{path} ends after {info.duration:.0f} seconds, before its start at {start:.0f}")
    return Source(
        path,
        label,
        info,
        height,
        width,
        category=named.category,
        priority=category.priority if rule.priority is None else rule.priority,
        pace=rule.patches_per_minute or category.patches_per_minute or recipe.dataset.patches_per_minute,
        start=start,
        end=end,
    )


class TooSmallError(VsrppError):
    """The patch does not fit into the frames."""


def _labels(paths: list[Path]) -> list[str]:
    """Each file's stem, in characters that every file system accepts; numbered where two are alike."""
    labels: list[str] = []
    taken: set[str] = set()
    for path in paths:
        stem = re.sub(r"[^\w.-]+", "-", path.stem).strip("-.")[:60] or "video"
        label, number = stem, 1
        while label.lower() in taken:
            number += 1
            label = f"{stem}-{number}"
        taken.add(label.lower())
        labels.append(label)
    return labels


def _shrunk_size(info: VideoInfo, most: int) -> tuple[int, int]:
    """Height and width with square pixels, at most ``most`` (0: any) high; no direction is ever enlarged."""
    height, width = float(info.height), float(info.width)
    if info.pixel_aspect > 1:
        height /= info.pixel_aspect
    else:
        width *= info.pixel_aspect
    factor = min(1.0, most / height) if most else 1.0
    return round(factor * height), round(factor * width)
