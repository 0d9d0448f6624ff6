"""Reading a whole dataset and telling everything that is wrong with it at once.

Separate from stacked.py, which stops at the first thing that does not fit, because here a person wants to mend all of
it before starting a training that takes days.
"""

import json
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

from vsrpp_core.data.resize import downscale3
from vsrpp_core.data.stacked import (
    SPLIT_FOLDERS,
    UNREADABLE,
    DatasetFolder,
    PairPaths,
    Split,
    StackGeometry,
    geometry_of,
    png_names,
)
from vsrpp_core.errors import VsrppError
from vsrpp_core.run.files import TEMPORARY_PREFIX

SAME_PICTURE_PSNR = 20.0
"""dB between the stack's centre frame and the downscaled ground truth below which they are taken for two pictures.

Measured on 120 patches of web video: a ground truth downscaled without any antialiasing, the worst other way, is 23 dB
or more from the centre frame, one with noise of 10 levels 37 or more; the ground truth of another patch is 16 or less.
Of another frame of the stack it is 10 to 46, in the median 20: little motion goes unnoticed, and does little harm.
"""

DEGRADED_PSNR = 16.0
"""The same where the manifest says that the LR frames were degraded: the default recipe left 21 dB or more."""

WORKERS = 2
"""Decoding PNGs leaves Python's lock, so threads help; more of them than disks and cores like do not."""

MAX_PIXELS = 2**26
"""Of one file: 67 million, as much as two frames of 8K. What claims more is refused from its header, undecoded, as a
small file may claim a picture that fills the memory."""

PNG_START, PNG_SIZE = b"\x89PNG\r\n\x1a\n", slice(16, 24)
"""A PNG begins with the one, and has its width and height at the other, as big-endian integers of 32 bits."""

PNG_GREY = 0
PNG_COLOUR_TYPES = {
    PNG_GREY: ("grey", "it is read into all three channels"),
    2: ("RGB", ""),
    3: ("palette", "its colours are looked up"),
    4: ("grey with alpha", "it is read into all three channels, without its alpha"),
    6: ("RGB with alpha", "it is read without its alpha"),
}
"""Of a PNG's first chunk (PNG specification, IHDR), with what becomes of them where the network wants 8-bit RGB."""

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class CheckProgress:
    """Pairs read so far, of all that are complete."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, and the files it is about: a pair, a file without its partner, or none."""

    text: str
    files: tuple[Path, ...] = ()
    is_remark: bool = False
    """The pair can be trained on as it is, but is unusual."""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """``problems`` are sentences in the order of the splits and their names; ``geometry`` is that of most pairs."""

    root: Path
    train: int
    val: int
    geometry: StackGeometry | None
    problems: tuple[str, ...]
    faults: tuple[Fault, ...] = ()
    """The same problems with the files that each is about."""

    def __str__(self) -> str:
        count = len(self.problems)
        found = "no problems" if not count else "1 problem" if count == 1 else f"{count:,} problems"
        shape = f", {self.geometry}" if self.geometry else ""
        return f"{self.root}: {self.train:,} training and {self.val:,} validation pairs{shape}: {found}"


@dataclass(slots=True)
class _Finding:
    """What reading a pair gave; ``geometry`` is None where it has none, ``truth`` identifies its ground truth."""

    pair: PairPaths
    truth: bytes = b""
    geometry: StackGeometry | None = None
    faults: list[Fault] = field(default_factory=list)

    def fault(self, text: str) -> Fault:
        return Fault(text, (self.pair.lr, self.pair.gt))

    def remark(self, text: str) -> Fault:
        return Fault(text, (self.pair.lr, self.pair.gt), is_remark=True)


def check(root: Path) -> Generator[CheckProgress | CheckReport, None, None]:
    """Read every pair of the dataset ``root``, telling how far it is; the report is last.

    VsrppError where ``root`` is no folder or a folder in it cannot be listed; all else is told in the report.
    """
    if not root.is_dir():
        raise VsrppError(f"{root} is not a folder; name a dataset made by `vsrpp prepare`")
    folder = DatasetFolder(root)
    faults = _folder_faults(folder)
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
        pool.shutdown(cancel_futures=True)  # whoever stops listening does not wait for all the rest
    geometry = _usual_geometry(findings)
    for finding in findings:
        faults += finding.faults
        if finding.geometry is not None and finding.geometry != geometry:
            text = f"{finding.pair.lr} is a stack of {finding.geometry}, but most pairs are {geometry}"
            faults.append(finding.fault(text))
    faults += _shared(findings[: len(train)], findings[len(train) :])
    problems = tuple(fault.text for fault in faults)
    yield CheckReport(root, len(train), len(val), geometry, problems, tuple(faults))


# what the folders tell


def _folder_faults(folder: DatasetFolder) -> list[Fault]:
    return [fault for split in SPLIT_FOLDERS for fault in _split_faults(folder, split)]


def _split_faults(folder: DatasetFolder, split: Split) -> list[Fault]:
    lr, gt = folder.lr_folder(split), folder.gt_folder(split)
    missing = [path for path in (lr, gt) if not path.is_dir()]
    faults = [Fault(f"{path} is missing; a dataset has Patches and Val, each with LR and GT") for path in missing]
    names = {path: png_names(path) for path in (lr, gt)}
    for here, there in ((lr, gt), (gt, lr)):
        for name in sorted(names[here] - names[there]):
            text = f"{here / name} has no partner in {there}; restore that or delete this"
            faults.append(Fault(text, (here / name,)))
    if lr.is_dir() and gt.is_dir() and not names[lr] & names[gt]:
        faults.append(Fault(f"{lr.parent} holds no pairs; equal names in LR and GT make one"))
    for path in (lr, gt):
        for left in _leftovers(path):
            faults.append(Fault(f"{left} is a leftover of an interrupted writer; delete it", (left,)))
    return faults


def _leftovers(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.name.startswith(TEMPORARY_PREFIX))


# what a pair tells


def _degraded(root: Path) -> frozenset[str]:
    """Names of the pairs of which the manifest says that more was done to their LR frames than downscaling."""
    try:
        lines = [json.loads(line) for line in (root / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]
        return frozenset(line["name"] for line in lines if line["degradation"])
    except (OSError, ValueError, KeyError, TypeError):  # no manifest, or not one of ours: the stricter limit holds
        return frozenset()


def _read(pair: PairPaths, degraded: frozenset[str]) -> _Finding:
    finding = _Finding(pair)
    pictures = []
    for path in (pair.lr, pair.gt):
        try:
            picture, oddity = _read_picture(path)
        except UNREADABLE as error:
            text = f"{path} cannot be read ({_reason(error, path)}); make the pair again or delete it"
            finding.faults.append(finding.fault(text))
        else:
            pictures.append(picture)
            finding.faults += [finding.remark(f"{path} is {oddity}")] if oddity else []
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
    """Width and height that a PNG's header claims; 0 and 0 for anything else. Pillow only warns of up to 178 million
    pixels."""
    if not start.startswith(PNG_START) or len(start) < PNG_SIZE.stop:
        return 0, 0
    width, height = struct.unpack(">II", start[PNG_SIZE])
    return width, height


def _refuse_bomb(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise ValueError(f"it claims {width:,}×{height:,} pixels, which no patch has, so it was not decoded")


def _oddity(path: Path, image_format: str | None) -> str:
    """The bit depth is read from the file, as Pillow does not tell it of RGB."""
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
        finding.faults.append(finding.fault(f"{finding.pair.lr} and its ground truth are not a pair: {error}"))
        return
    frames = stack.reshape(shape.n_frames, shape.height, shape.width, 3)
    for number, (a, b) in enumerate(pairwise(frames), start=1):
        if np.array_equal(a, b):
            text = f"{finding.pair.lr} repeats a frame: {number} and {number + 1} are identical"
            finding.faults.append(finding.remark(text))
    psnr = _psnr(downscale3(truth), frames[shape.n_frames // 2])
    if psnr < least:
        text = f"{finding.pair.gt}: the ground truth does not show the stack's centre frame ({psnr:.1f} dB apart)"
        finding.faults.append(finding.fault(text))


def _shared(train: list[_Finding], val: list[_Finding]) -> list[Fault]:
    """Validation on what was trained on tells nothing. Equal names alone mean nothing: many datasets just number."""
    trained = {finding.truth: finding.pair.gt for finding in train if finding.truth}
    return [
        finding.fault(
            f"{finding.pair.gt} shows the same as {trained[finding.truth]}, which is trained on; delete the pair in Val"
        )
        for finding in val
        if finding.truth in trained
    ]


def _usual_geometry(findings: list[_Finding]) -> StackGeometry | None:
    counts = Counter(finding.geometry for finding in findings if finding.geometry is not None)
    return counts.most_common(1)[0][0] if counts else None


def _psnr(a: Picture, b: Picture) -> float:
    """In dB over all channels; infinite for equal pictures."""
    error = float(np.mean((a.astype(np.float32) - b.astype(np.float32)) ** 2))
    return float("inf") if error == 0 else 10 * float(np.log10(255**2 / error))


def _reason(error: Exception, path: Path) -> str:
    """Pillow repeats the path in some of its messages."""
    text = getattr(error, "strerror", None) or str(error)
    return text.replace(f"'{path}'", "it").lower()
