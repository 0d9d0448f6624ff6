"""Reading a whole dataset and listing everything that is wrong with it at once.

Separate from stacked.py, which stops at the first fault, because here a person wants to fix all of them before starting
a training that takes days.
"""

import struct
from collections import Counter
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vsrpp_core.data.layouts import added_place, addition_folder, additions
from vsrpp_core.data.resize import downscaled
from vsrpp_core.data.stacked import (
    SPLIT_FOLDERS,
    DatasetFolder,
    PairPaths,
    Split,
    StackGeometry,
    geometry_of,
)
from vsrpp_core.errors import VsrppError
from vsrpp_core.run.files import TEMPORARY_PREFIX, read_json_lines
from vsrpp_core.run.pictures.pillow_errors import UNREADABLE

SAME_PICTURE_PSNR = 20.0
"""dB between the stack's centre frame and the downscaled ground truth, below which they count as different pictures.

Measured on 120 patches of web video: a ground truth downscaled without any antialiasing, the worst other way, is 23 dB
or more from the centre frame, one with noise of 10 levels 37 or more; the ground truth of another patch is 16 or less.
Of another frame of the stack it is 10 to 46, in the median 20: little motion goes unnoticed, and does little harm.
"""

DEGRADED_PSNR = 16.0
"""The same where the manifest says that the LR frames were degraded: the default recipe left 21 dB or more."""

WORKERS = 2
"""Decoding PNGs releases Python's lock, so threads help; more of them gained nothing."""

MAX_PIXELS = 2**26
"""Of one file: 67 million, as much as two frames of 8K. A larger one is refused by its header, undecoded, as a small
file may claim a picture that fills the memory."""

PNG_START, PNG_SIZE = b"\x89PNG\r\n\x1a\n", slice(16, 24)
"""The first bytes of a PNG, and where its width and height are, as big-endian integers of 32 bits."""

PNG_GREY = 0
PNG_COLOUR_TYPES = {
    PNG_GREY: ("grey", "it is read into all three channels"),
    2: ("RGB", ""),
    3: ("palette", "its colours are looked up"),
    4: ("grey with alpha", "it is read into all three channels, without its alpha"),
    6: ("RGB with alpha", "it is read without its alpha"),
}
"""Of a PNG's first chunk (PNG specification, IHDR), with how they are read where the network wants 8-bit RGB."""

RARE = 0.005
"""Share of the pairs below which a size is worth a remark: it may be a mistake, and its batches are not whole."""

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class CheckProgress:
    """Pairs read so far, of all that are complete."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and the files concerned: a pair, a file without its partner, or none."""

    text: str
    files: tuple[Path, ...] = ()
    is_remark: bool = False
    """The pair can be trained on as it is, but is unusual."""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class CheckReport:
    """``problems`` are in the order of the splits and their names; ``geometry`` is that of most pairs of ``sizes``."""

    root: Path
    train: int
    val: int
    geometry: StackGeometry | None
    problems: tuple[Problem, ...]
    sizes: int = 1

    @property
    def shape(self) -> str:
        """The geometry in words, or empty."""
        others = {1: "", 2: " and another size"}.get(self.sizes, f" and {self.sizes - 1} other sizes")
        return f"{self.geometry}{others}" if self.geometry else ""

    def __str__(self) -> str:
        count = len(self.problems)
        found = "no problems" if not count else "1 problem" if count == 1 else f"{count:,} problems"
        shape = f", {self.shape}" if self.geometry else ""
        return f"{self.root}: {self.train:,} training and {self.val:,} validation pairs{shape}: {found}"


@dataclass(slots=True)
class _Finding:
    """Result of reading a pair; ``geometry`` is None where it has none, ``truth`` identifies its ground truth."""

    pair: PairPaths
    truth: bytes = b""
    geometry: StackGeometry | None = None
    problems: list[Problem] = field(default_factory=list)

    def add(self, text: str, is_remark: bool = False) -> None:
        self.problems.append(Problem(text, (self.pair.lr, self.pair.gt), is_remark))


def check(root: Path) -> Generator[CheckProgress | CheckReport, None, None]:
    """Read every pair of the dataset ``root``: progress, and at last the report.

    VsrppError where ``root`` is not a folder or a folder in it cannot be listed; everything else is in the report.
    """
    if not root.is_dir():
        raise VsrppError(f"{root} is not a folder; name a dataset made by `vsrpp prepare`")
    folder = DatasetFolder(root)
    problems = [problem for split in SPLIT_FOLDERS for problem in _folder_problems(folder, split)]
    train, val = folder.pairs("train"), folder.pairs("val")
    every = train + val
    findings: list[_Finding] = []
    degraded = _degraded(root)
    pool = ThreadPoolExecutor(WORKERS)
    try:
        for finding in pool.map(lambda pair: _read(pair, degraded), every):
            findings.append(finding)
            yield CheckProgress(len(findings), len(every))
    finally:
        pool.shutdown(cancel_futures=True)  # a caller that stops early does not wait for the rest
    sizes = Counter(finding.geometry for finding in findings if finding.geometry is not None)
    geometry = sizes.most_common(1)[0][0] if sizes else None
    for finding in findings:
        _compare_with_others(finding, sizes)
        problems += finding.problems
    problems += _shared(findings[: len(train)], findings[len(train) :])
    yield CheckReport(root, len(train), len(val), geometry, tuple(problems), max(1, len(sizes)))


# problems of folders


def _folder_problems(folder: DatasetFolder, split: Split) -> list[Problem]:
    places, found = folder.places(split), folder.listing(split)
    folders = [path for place in places for path in (place.lr, place.gt)]
    missing = [path for path in folders if not path.is_dir()]
    problems = [Problem(f"{path} is missing; a dataset has Patches and Val, each with LR and GT") for path in missing]
    partner = {**{place.lr: place.gt for place in places}, **{place.gt: place.lr for place in places}}
    for path in found.unpaired:
        problems.append(
            Problem(f"{path} has no partner in {partner[path.parent]}; restore that or delete this", (path,))
        )
    for path in found.others:
        problems.append(Problem(f"{path} is no PNG or BMP file, so it is left out; convert it or move it elsewhere"))
    if not missing and not found.pairs:
        problems.append(Problem(f"{places[0].lr.parent} holds no pairs; equal names in LR and GT make one"))
    for path in dict.fromkeys(folders):
        for left in _leftovers(path):
            problems.append(Problem(f"{left} is a leftover of an interrupted writer; delete it", (left,)))
    return problems


def _leftovers(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.name.startswith(TEMPORARY_PREFIX))


# problems of a pair


def _degraded(root: Path) -> frozenset[str]:
    """Names of the pairs whose LR frames were degraded beyond downscaling, by the manifests."""
    added = ((addition_folder(root, number), added_place(root, number).prefix) for number in additions(root))
    parts = [(root, ""), *added]
    return frozenset(name for folder, prefix in parts for name in _degraded_by(folder / "manifest.jsonl", prefix))


def _degraded_by(manifest: Path, prefix: str) -> list[str]:
    try:
        return [prefix + line["name"] for line in read_json_lines(manifest) if line["degradation"]]
    except (OSError, ValueError, KeyError, TypeError):  # no manifest, or not one of ours: the stricter limit holds
        return []


def _read(pair: PairPaths, degraded: frozenset[str]) -> _Finding:
    finding = _Finding(pair)
    pictures = []
    for path in (pair.lr, pair.gt):
        try:
            picture, oddity = _read_picture(path)
        except UNREADABLE as error:
            text = f"{path} cannot be read ({_reason(error, path)}); make the pair again or delete it"
            finding.add(text)
        else:
            pictures.append(picture)
            if oddity:
                finding.add(f"{path} is {oddity}", is_remark=True)
    if len(pictures) == 2:
        finding.truth = sha256(pictures[1].tobytes()).digest()
        stack, truth = pictures
        _compare(finding, stack, truth, DEGRADED_PSNR if pair.name in degraded else SAME_PICTURE_PSNR)
    return finding


def _read_picture(path: Path) -> tuple[Picture, str]:
    """A file as training will read it, RGB [H, W, 3], and what is unusual about its format or an empty text."""
    with path.open("rb") as file:
        _refuse_bomb(*_png_size(file.read(PNG_SIZE.stop)))
    with Image.open(path) as image:
        _refuse_bomb(*image.size)
        return np.asarray(image.convert("RGB")), _oddity(path, image.format)


def _png_size(start: bytes) -> tuple[int, int]:
    """Width and height in a PNG's header; 0 and 0 for anything else. Pillow only warns of up to 178 million pixels."""
    if not start.startswith(PNG_START) or len(start) < PNG_SIZE.stop:
        return 0, 0
    width, height = struct.unpack(">II", start[PNG_SIZE])
    return width, height


def _refuse_bomb(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise ValueError(f"it claims {width:,}×{height:,} pixels, which no patch has, so it was not decoded")


def _oddity(path: Path, image_format: str | None) -> str:
    """The bit depth is read from the file, as Pillow does not report that of RGB."""
    if image_format == "BMP":  # which has no loss, and Pillow reads every kind of it as RGB
        return ""
    if image_format != "PNG":
        return f"{image_format}, not PNG; it is read, with what its compression did to it"
    with path.open("rb") as file:
        depth, colour = file.read(26)[24:26]
    kind, reading = PNG_COLOUR_TYPES.get(colour, (f"of colour type {colour}", "no PNG should have that"))
    if depth == 16 and colour == PNG_GREY:
        reading = "Pillow reads all but its darkest shades as white"
    elif depth == 16:
        reading = f"only its upper 8 bits are read; {reading}" if reading else "only its upper 8 bits are read"
    return f"{depth}-bit {kind}, not 8-bit RGB: {reading}" if reading else ""


def _compare(finding: _Finding, stack: Picture, truth: Picture, least: float) -> None:
    """Add what is wrong between the two images of a pair."""
    lr_size, gt_size = (stack.shape[1], stack.shape[0]), (truth.shape[1], truth.shape[0])
    try:
        finding.geometry = shape = geometry_of(lr_size, gt_size)
    except ValueError as error:
        finding.add(f"{finding.pair.lr} and its ground truth are not a pair: {error}")
        return
    frames = stack.reshape(shape.n_frames, shape.height, shape.width, 3)
    for number, (a, b) in enumerate(pairwise(frames), start=1):
        if np.array_equal(a, b):
            text = f"{finding.pair.lr} repeats a frame: {number} and {number + 1} are identical"
            finding.add(text, is_remark=True)
    psnr = _psnr(downscaled(truth, shape.scale), frames[shape.n_frames // 2])
    if psnr < least:
        text = f"{finding.pair.gt}: the ground truth does not show the stack's centre frame ({psnr:.1f} dB apart)"
        finding.add(text)


def _shared(train: list[_Finding], val: list[_Finding]) -> list[Problem]:
    """Ground truths of Val that are trained on. Equal names alone mean nothing: many datasets just number."""
    trained = {finding.truth: finding.pair.gt for finding in train if finding.truth}
    return [
        Problem(
            f"{finding.pair.gt} shows the same as {trained[finding.truth]}, which is trained on; "
            "delete the pair in Val",
            (finding.pair.lr, finding.pair.gt),
        )
        for finding in val
        if finding.truth in trained
    ]


def _compare_with_others(finding: _Finding, sizes: Counter[StackGeometry]) -> None:
    """Add that a stack has another number of frames than most, or a size that hardly any other has."""
    geometry = finding.geometry
    if geometry is None:
        return
    usual, path = sizes.most_common(1)[0][0], finding.pair.lr
    if geometry.n_frames != usual.n_frames:
        finding.add(
            f"{path} is a stack of {geometry}, but most are of {usual.n_frames} frames, and a network takes one"
        )
    elif geometry.scale != usual.scale:
        finding.add(
            f"{path} is a stack of {geometry}, but most are enlarged {usual.scale} times, and a network has one"
        )
    elif sizes[geometry] < RARE * sizes.total():
        text = f"{path} is a stack of {geometry}, as only {sizes[geometry]:,} of {sizes.total():,} pairs are"
        finding.add(text, is_remark=True)


def _psnr(a: Picture, b: Picture) -> float:
    """In dB over all channels; infinite for equal pictures."""
    error = float(np.mean((a.astype(np.float32) - b.astype(np.float32)) ** 2))
    return float("inf") if error == 0 else 10 * float(np.log10(255**2 / error))


def _reason(error: Exception, path: Path) -> str:
    """Pillow repeats the path in some of its messages."""
    text = getattr(error, "strerror", None) or str(error)
    return text.replace(f"'{path}'", "it").lower()
