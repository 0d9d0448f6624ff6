"""Which files are videos and images, by their names.

Separate from reading.py because nothing is opened here, and from prepare because upscaling looks for films as well.
"""

from dataclasses import dataclass
from pathlib import Path

from vsrpp_core.errors import UsageError, os_errors
from vsrpp_core.run.names import IMAGE_SUFFIXES, in_natural_order, is_meant, listed

VIDEO_SUFFIXES = frozenset(
    {".3g2", ".3gp", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".m2t", ".m2ts", ".m2v", ".m4v", ".mkv", ".mov"}
    | {".mp4", ".mpe", ".mpeg", ".mpg", ".mts", ".mxf", ".ogm", ".ogv", ".rm", ".rmvb", ".ts", ".vob", ".webm", ".wmv"}
    | {".wtv", ".y4m"}
)
"""Videos in a folder; a file that is named itself is tried whatever its suffix."""


WORDS = frozenset({".csv", ".htm", ".html", ".ini", ".json", ".log", ".md", ".md5", ".nfo", ".pdf", ".toml", ".txt"})
"""Files of words and figures, which nobody expects among the pictures."""


@dataclass(frozen=True, slots=True)
class Folder:
    """What a folder holds, each in natural order; without what is hidden or left there by a system."""

    path: Path
    videos: list[Path]
    images: list[Path]
    others: list[Path]
    """Folders, links to nothing, and files that are neither."""


def list_folder(path: Path) -> Folder:
    """VsrppError where it cannot be read."""
    with os_errors(path, "cannot be read"):
        entries = in_natural_order(entry for entry in path.iterdir() if is_meant(entry.name))
    videos = [p for p in entries if p.suffix.lower() in VIDEO_SUFFIXES and p.is_file()]
    images = [p for p in entries if p.suffix.lower() in IMAGE_SUFFIXES and p.is_file()]
    taken = {*videos, *images}
    return Folder(path, videos, images, [p for p in entries if p not in taken])


def passed_over(path: Path) -> str:
    """A sentence on what of a folder is not taken, where its videos are, or its images if it holds no videos.

    Empty where everything is, and for a file.
    """
    if not path.is_dir():
        return ""
    folder = list_folder(path)
    left = [path for path in folder.others if path.suffix.lower() not in WORDS]
    left = [*folder.images, *left] if folder.videos else left
    if not left or not (folder.videos or folder.images):
        return ""
    kind = "videos" if folder.videos else "images"
    return f"{path}: {len(left):,} passed over, as the {kind} there are taken: {listed([p.name for p in left])}"


def find_videos(videos: list[Path]) -> list[Path]:
    """Files, and the video files of folders in natural order, without repetition.

    UsageError where a path does not exist or no video is found.
    """
    missing = [str(path) for path in videos if not path.exists()]
    if missing:
        raise UsageError(f"no such video: {', '.join(missing)}; check the paths")
    found: dict[Path, Path] = {}
    for path in videos:
        for file in list_folder(path).videos if path.is_dir() else [path]:
            found.setdefault(file.resolve(), file)
    if not found:
        raise UsageError(f"no video files in {', '.join(map(str, videos))}; name files or folders that hold some")
    return list(found.values())
