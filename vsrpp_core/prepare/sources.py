"""Which videos a preparation works on: those that the recipe names, that exist, and that can be used.

Separate because of each video only the header and the first frame are read.
"""

import math
import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from glob import escape, glob
from os.path import abspath
from pathlib import Path
from unicodedata import normalize

from vsrpp_core.errors import UsageError, VsrppError
from vsrpp_core.prepare import footage
from vsrpp_core.prepare.recipe import DEFAULT_CATEGORY, Recipe, VideoRule, seconds
from vsrpp_core.run.names import in_home, natural
from vsrpp_core.video import reading
from vsrpp_core.video.clock import DEFAULT_FPS
from vsrpp_core.video.reading import VideoInfo
from vsrpp_core.video.video_files import find_videos, passed_over


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
    also: tuple[str, ...] = ()
    """Categories among which, with the first, its pairs are divided."""
    priority: int = 0
    pace: float = 60.0
    start: float = 0.0
    end: float = math.inf

    @property
    def categories(self) -> tuple[str, ...]:
        return (self.category, *self.also)

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
    """The first that names it."""
    rule: VideoRule | None
    also: tuple[str, ...] = ()
    """Others that name it, where the recipe divides such videos."""


def named_videos(recipe: Recipe) -> list[NamedVideo]:
    """The videos of all categories, each once. UsageError as in ``find_videos``."""
    return _named(recipe)[0]


def remarks(recipe: Recipe) -> list[str]:
    """Sentences on what of the recipe applies to nothing, and on what its folders hold besides videos."""
    folders = [path for part in recipe.category.values() for text in part.paths for path in _matching(text)]
    return _named(recipe)[1] + [sentence for path in dict.fromkeys(folders) if (sentence := passed_over(path))]


def _named(recipe: Recipe) -> tuple[list[NamedVideo], list[str]]:
    """The videos, and sentences on entries that fit none of them."""
    of_category = _videos_of(recipe)
    every = [path for paths in of_category.values() for path in paths]
    ruled = [(rule, _fitting(rule.path, every)) for rule in recipe.video]
    unused = [f'the [[video]] entry with path = "{rule.path}" fits no video' for rule, fits in ruled if not fits]
    found: dict[Path, NamedVideo] = {}
    for name, paths in of_category.items():
        excluded = {text: _fitting(text, paths) for text in recipe.category[name].exclude}
        unused += [
            f'"{text}" in exclude of [category.{name}] fits no video' for text, fits in excluded.items() if not fits
        ]
        for path in paths:
            if not any(path in fits for fits in excluded.values()):
                rules = [rule for rule, fits in ruled if path in fits]
                known = found.setdefault(path.resolve(), NamedVideo(path, name, rules[-1] if rules else None))
                if recipe.dataset.shared == "divided" and name not in (known.category, *known.also):
                    found[path.resolve()] = replace(known, also=(*known.also, name))
    return list(found.values()), unused


def _videos_of(recipe: Recipe) -> dict[str, list[Path]]:
    """By the names of the categories, with what they exclude."""
    if not recipe.category:
        raise UsageError("no videos are named; name some, or a recipe with a [category.NAME] that has paths")
    named = {name: {text: _matching(text) for text in part.paths} for name, part in recipe.category.items()}
    if missing := [text for paths in named.values() for text, found in paths.items() if not found]:
        raise UsageError(f"no such video: {', '.join(missing)}; check the paths")
    return {name: find_videos([path for found in paths.values() for path in found]) for name, paths in named.items()}


def _matching(text: str) -> list[Path]:
    path = Path(in_home(text))
    if path.exists():
        return [path]
    for pattern in _readings(str(path)):
        if found := glob(pattern, recursive=True):  # noqa: PTH207 - a pattern may be absolute
            return sorted(map(Path, found), key=lambda path: natural(str(path)))
    return []


def _fitting(pattern: str, paths: Sequence[Path]) -> set[Path]:
    """Those that a name, a path, or a pattern of either means: by the first of its readings that fits any."""
    whole, places = _plain(Path(in_home(pattern))), {path: {_plain(path), str(path.resolve())} for path in paths}
    for name, full in zip(_readings(pattern), _readings(whole), strict=True):
        fits = {
            path for path in paths if _matches(name, path.name) or any(_matches(full, place) for place in places[path])
        }
        if fits:
            return fits
    return set()


def _plain(path: Path) -> str:
    return abspath(path)  # noqa: PTH100 - Path.absolute keeps "..", and Path.resolve follows links


def _matches(pattern: str, name: str) -> bool:
    return fnmatch(normalize("NFC", name), normalize("NFC", pattern))  # macOS stores accents apart from their letters


def _readings(pattern: str) -> tuple[str, str, str]:
    """As the name that it is, as a pattern whose brackets are those of ``Film [1080p].mkv``, and as any pattern."""
    return escape(pattern), pattern.replace("[", "[[]"), pattern


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
    high, wide = recipe.dataset.patch_size
    if height < high or width < wide:
        scale = recipe.dataset.scale
        most = (min(high, height // scale * scale), min(wide, width // scale * scale))
        raise TooSmallError(
            f"{path} gives frames of {width}×{height}, smaller than the patch of {recipe.dataset.patch_in_words}; "
            f"choose a patch of at most {min(most) if high == wide else f'{most[1]}x{most[0]}'}"
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
        also=named.also,
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
