"""Which files are videos and images, by their names.

Separate from reading.py because nothing is opened here, and from prepare because upscaling looks for films as well.
"""

from pathlib import Path

from vsrpp_core.errors import UsageError, VsrppError

VIDEO_SUFFIXES = frozenset(
    {".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".ts"}
    | {".webm", ".wmv", ".y4m"}
)
"""Videos in a folder; a file that is named itself is tried whatever its suffix."""

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})


def find_videos(videos: list[Path]) -> list[Path]:
    """Files, and the video files of folders in the order of their names, without repetition.

    UsageError where a path does not exist or no video is found.
    """
    missing = [str(path) for path in videos if not path.exists()]
    if missing:
        raise UsageError(f"no such video: {', '.join(missing)}; check the paths")
    found: dict[Path, Path] = {}
    for path in videos:
        for file in _videos_in(path) if path.is_dir() else [path]:
            found.setdefault(file.resolve(), file)
    if not found:
        raise UsageError(f"no video files in {', '.join(map(str, videos))}; name files or folders that hold some")
    return list(found.values())


def _videos_in(folder: Path) -> list[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise VsrppError(f"{folder} cannot be read ({error.strerror}); check its permissions") from None
    return [p for p in entries if p.suffix.lower() in VIDEO_SUFFIXES and not p.name.startswith(".") and p.is_file()]
