"""Which videos a preparation works on: what was named, found, and can be used.

Nothing is decoded here; a video is asked for its geometry only.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from vsrpp_core.data import video
from vsrpp_core.data.recipe import PrepareSettings
from vsrpp_core.data.stacked import SCALE
from vsrpp_core.data.video import VideoInfo
from vsrpp_core.errors import UsageError, VsrppError

VIDEO_SUFFIXES = frozenset(
    {".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".ts"}
    | {".webm", ".wmv", ".y4m"}
)
"""What is taken from a folder; a file that is named is tried whatever it is called."""

DEFAULT_FPS = 25.0
"""Assumed where a container does not say."""


def find_videos(videos: list[Path]) -> list[Path]:
    """Files, and the video files of folders in the order of their names; none twice."""
    missing = [str(path) for path in videos if not path.exists()]
    if missing:
        raise UsageError(f"no such video: {', '.join(missing)}; check the paths")
    found: dict[Path, Path] = {}
    for path in videos:
        for file in _videos_of(path) if path.is_dir() else [path]:
            found.setdefault(file.resolve(), file)
    if not found:
        raise UsageError(f"no video files in {', '.join(map(str, videos))}; name files or folders that hold some")
    return list(found.values())


def _videos_of(folder: Path) -> list[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise VsrppError(f"{folder} cannot be read ({error.strerror}); check its permissions") from None
    return [p for p in entries if p.suffix.lower() in VIDEO_SUFFIXES and not p.name.startswith(".") and p.is_file()]


@dataclass(frozen=True, slots=True)
class Source:
    """A video that can be used. ``label`` names its pairs and is unlike any other's, ``height`` and ``width`` are the
    frames' after shrinking."""

    path: Path
    label: str
    info: VideoInfo
    height: int
    width: int

    @property
    def fps(self) -> float:
        return self.info.fps or DEFAULT_FPS


def survey(paths: list[Path], settings: PrepareSettings) -> tuple[list[Source], list[str]]:
    """The videos that can be used, and a sentence on each of the others; VsrppError where none can."""
    sources, refused, too_small = [], [], []
    for path, label in zip(paths, _labels(paths), strict=True):
        try:
            info = video.probe(path)
        except VsrppError as error:
            refused.append(str(error))
            continue
        height, width = _shrunk_size(info, settings.scale_height)
        if min(height, width) < settings.patch:
            too_small.append((height, width))
            refused.append(f"{path} gives frames of {width}×{height}, smaller than the patch of {settings.patch}")
        else:
            sources.append(Source(path, label, info, height, width))
    if sources:
        return sources, refused
    if len(too_small) == len(paths):
        height, width = max(too_small, key=min)
        raise VsrppError(
            f"a patch of {settings.patch} fits into none of the videos, the largest of which gives frames of "
            f"{width}×{height}; choose a patch of at most {min(height, width) // SCALE * SCALE}"
        )
    raise VsrppError("none of the videos can be used: " + "; ".join(refused))


def _labels(paths: list[Path]) -> list[str]:
    """Of each file's stem what every file system takes as part of a name; numbered where two are alike."""
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


def _shrunk_size(info: VideoInfo, scale_height: int | None) -> tuple[int, int]:
    if scale_height is None or scale_height >= info.height:
        return info.height, info.width
    return scale_height, round(info.width * scale_height / info.height)
