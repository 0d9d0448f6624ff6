"""A folder of images taken as the frames of a clip: what is odd about it, and which of them cannot be used.

Separate from video_files.py because headers are read here; decoding is left to who uses the images, as upscaling and
scoring do it in different ways.
"""

import io
import re
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from PIL import Image

from vsrpp_core.errors import VsrppError
from vsrpp_core.run.names import listed

Size = tuple[int, int]
"""Width and height."""

END_MARKERS = {"PNG": b"IEND", "JPEG": b"\xff\xd9"}
JPEG = b"\xff\xd8"
"""How its files begin."""

TAIL = 1 << 16
"""Bytes at the end of a file among which its end marker is: cameras append some of their own."""


def remarks(files: Sequence[Path]) -> list[str]:
    """Sentences on what is odd about images as a sequence; ``files`` are of one folder, in natural order."""
    return [*_gaps(files), *_of_one_stem(files)]


def refuse_unfit(files: Sequence[Path], read: Callable[[Path], Size]) -> None:
    """VsrppError naming the images that cannot be read or are of another size than most.

    All headers are read, and the ends of the files; ``read`` decodes only what is in doubt by these. It returns the
    size of an image as it is shown, or raises VsrppError.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        headers = {file: _header(file) for file in files}
    counts = Counter(header for header in headers.values() if header)
    usual = counts.most_common(1)[0][0] if counts else None
    sizes: dict[Path, Size] = {}
    unfit: list[str] = []
    for file in sorted(files, key=lambda file: headers[file] != usual):  # one of the usual ones first
        if headers[file] != usual or not sizes:
            try:
                sizes[file] = read(file)
            except VsrppError as error:
                unfit.append(str(error))
    size = next(iter(sizes.values()), None)
    unfit += [
        f"{file} is {_text(other)}, unlike most ({_text(size)})" for file, other in sizes.items() if other != size
    ]
    if unfit:
        what = "1 image" if len(unfit) == 1 else f"{len(unfit):,} images"
        raise VsrppError(
            f"{what} of {len(files):,} cannot be used: {listed(unfit)}; replace them or move them elsewhere, "
            "then run the same command again"
        )


def result_names(files: Sequence[Path]) -> list[str]:
    """What is made of each is called like this, plus a suffix: its stem, or its whole name where several share one."""
    stems, taken = Counter(file.stem for file in files), set[str]()
    names = []
    for file in files:
        name = file.stem if stems[file.stem] == 1 else file.name
        while name in taken:
            name += "-2"
        taken.add(name)
        names.append(name)
    return names


def count_in(file: Path) -> int:
    """How many pictures an image file holds, as one that is animated or has pages; 1 where that is not known."""
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(file) as image:
            return int(getattr(image, "n_frames", 1))
    except Exception:  # Pillow raises all kinds for what libav may yet read
        return 1


def is_animated_webp(content: bytes) -> bool:
    """Of a file's first bytes; libav decodes none of its pictures."""
    return content[:4] == b"RIFF" and content[8:16] == b"WEBPVP8X" and bool(content[20:21]) and bool(content[20] & 2)


def decodable(content: bytes) -> bytes:
    """An image file as it is, or of an animated WebP the first picture as PNG. OSError where that cannot be read."""
    if not is_animated_webp(content):
        return content
    first = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(content)) as image:
        image.save(first, format="PNG", exif=image.info.get("exif", b""))
    return first.getvalue()


def refuse_cut_jpeg(content: bytes) -> None:
    """OSError for a JPEG file that is cut short: libav makes what is missing grey, without a word."""
    if content.startswith(JPEG):
        with warnings.catch_warnings(action="ignore"), suppress(Image.DecompressionBombError):
            Image.open(io.BytesIO(content)).load()


# headers


def _header(file: Path) -> tuple[Size, int] | None:
    """Stored size and orientation by EXIF; None where the file is not whole or the header is unknown."""
    try:
        with Image.open(file) as image:
            return (image.size, _orientation(image)) if _is_whole(file, image.format) else None
    except Exception:  # Pillow raises all kinds for damaged metadata; who decodes the image says what is wrong
        return None


def _orientation(image: Image.Image) -> int:
    exif = Image.Exif()
    exif.load(image.info.get("exif", b""))
    return int(exif.get(0x0112, 1))


def _is_whole(file: Path, kind: str | None) -> bool:
    marker = END_MARKERS.get(kind or "")
    with file.open("rb") as opened:
        size = opened.seek(0, 2)
        opened.seek(max(0, size - TAIL))
        return size > 0 and (marker is None or marker in opened.read())


def _text(size: Size | None) -> str:
    return "x".join(map(str, size or ()))


# what is odd


def _of_one_stem(files: Sequence[Path]) -> Iterator[str]:
    names = defaultdict[str, list[str]](list)
    for file in files:
        names[file.stem].append(file.name)
    if several := [" and ".join(found) for found in names.values() if len(found) > 1]:
        yield f"{files[0].parent} holds images of equal names ({listed(several)}); each is taken as a frame of its own"


def _gaps(files: Sequence[Path]) -> Iterator[str]:
    gaps = [gap for sequence in _sequences(files) for gap in _gaps_in(sequence)]
    if gaps:
        yield f"{files[0].parent}: the sequence has gaps ({listed(gaps)}); what is there is taken as consecutive"


def _sequences(files: Sequence[Path]) -> Iterator[list[tuple[int, str]]]:
    """Numbers and names of files that differ in one number alone, the last one that changes."""
    alike = defaultdict[tuple[str, ...], list[tuple[tuple[int, ...], str]]](list)
    for file in files:
        parts = re.split(r"([0-9]+)", file.stem)
        alike[tuple(parts[::2])].append((tuple(map(int, parts[1::2])), file.name))
    for group in alike.values():
        columns = list(zip(*(numbers for numbers, _ in group), strict=True))
        changing = [place for place, column in enumerate(columns) if len(set(column)) > 1]
        if changing:
            last, sequences = changing[-1], defaultdict[tuple[int, ...], list[tuple[int, str]]](list)
            for numbers, name in group:
                sequences[numbers[:last]].append((numbers[last], name))
            yield from (sorted(sequence) for sequence in sequences.values() if len(sequence) > 1)


def _gaps_in(sequence: list[tuple[int, str]]) -> Iterator[str]:
    """Where a sequence of evenly spaced numbers leaves some out."""
    steps = [(b - a, before, after) for (a, before), (b, after) in pairwise(sequence)]
    usual, count = Counter(step for step, *_ in steps).most_common(1)[0]
    if usual and len(steps) > 1 and 2 * count >= len(steps):
        for step, before, after in steps:
            if step > usual:
                yield f"{step // usual - 1 or 1:,} missing between {before} and {after}"
