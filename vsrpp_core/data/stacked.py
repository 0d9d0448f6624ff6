"""The frame-stack image format: what a pair is, where a dataset keeps its pairs, how they are read and written.

Separate from batches/dataset.py so that a start screen can summarize a dataset without loading torch.
"""

import hashlib
import os
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vsrpp_core.data.layouts import Place, added_place, dataset_of, places
from vsrpp_core.errors import VsrppError, command, os_errors
from vsrpp_core.run.files import TEMPORARY_PREFIX
from vsrpp_core.run.names import IMAGE_SUFFIXES, is_meant, listed
from vsrpp_core.run.pictures.pillow_errors import UNREADABLE

SCALES = 1, 2, 3, 4
SCALE = 3
"""Ground truth to LR where nothing says another."""
SUFFIXES = (".png", ".bmp")
"""Of the images of a pair, in any case; PNG is what is written."""
Split = Literal["train", "val"]
SPLITS: tuple[Split, ...] = ("train", "val")
SPLIT_FOLDERS: dict[Split, str] = {"train": "Patches", "val": "Val"}

Pair = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""LR frames [T, h, w, 3] in time order and their ground truth [s·h, s·w, 3]."""


@dataclass(frozen=True, slots=True)
class StackGeometry:
    """Shape of a pair: ``n_frames`` LR frames of ``height`` × ``width`` pixels, stacked top to bottom in time order.

    The ground truth is ``scale`` times as large.
    """

    n_frames: int
    height: int
    width: int
    scale: int = SCALE

    @property
    def gt_height(self) -> int:
        return self.scale * self.height

    @property
    def gt_width(self) -> int:
        return self.scale * self.width

    @property
    def pair_bytes(self) -> int:
        """Of a decoded pair."""
        return 3 * (self.n_frames * self.height * self.width + self.gt_height * self.gt_width)

    def cropped(self, side: int) -> "StackGeometry":
        """Of crops of ``side`` LR pixels; the same for 0."""
        return replace(self, height=side, width=side) if side else self

    def __str__(self) -> str:
        return f"{self.n_frames} × {self.width}×{self.height} → {self.gt_width}×{self.gt_height}"


def geometry_of(lr_size: tuple[int, int], gt_size: tuple[int, int]) -> StackGeometry:
    """The geometry of a pair from the sizes (width, height) of its two images.

    Raises ValueError, saying what does not fit, when no scale and no odd number of frames make them a pair.
    """
    (lr_width, lr_height), (gt_width, gt_height) = lr_size, gt_size
    scale, rest = divmod(gt_width, lr_width)
    if rest or scale not in SCALES:
        raise ValueError(
            f"the ground truth's width {gt_width} is not 1, 2, 3 or 4 times that of the LR stack, {lr_width}"
        )
    if gt_height % scale:
        raise ValueError(f"the ground truth's height {gt_height} is not a multiple of {scale}, as its width is")
    height = gt_height // scale
    n_frames, rest = divmod(lr_height, height)
    if rest or n_frames % 2 == 0 or n_frames < 3:
        raise ValueError(f"the LR stack's height {lr_height} is not an odd number, 3 or more, of frames {height} high")
    return StackGeometry(n_frames, height, lr_width, scale)


@dataclass(frozen=True, slots=True)
class PairPaths:
    """The two files of a pair; ``name`` is the name of ``gt``, and of ``lr`` up to the case of its suffix."""

    name: str
    lr: Path
    gt: Path
    geometry: StackGeometry | None = None
    """Where it was measured."""
    addition: int = 0
    """Number of the addition that it came with; 0 for what the dataset began with."""


_POSITION = re.compile(r"([ _.-][A-Za-z]?[0-9]+){1,3}$")
"""At most three numbers at the end of a name, each after a separator and perhaps a letter: frame, x and y."""


def clip_of(name: str) -> str:
    """The clip that a sample is from: its file name without the position at its end.

    ``vsrpp prepare`` writes VIDEO_FRAME_X_Y.png, of which exactly the three numbers go, as VIDEO may end in one itself.
    Of other names up to three numbers go (film_00042, scene12_f0031, film_f7_x30_y60), or the digits they end in
    (s007). A name that is all digits is of the clip "", so a dataset of numbered files is one clip.

    Only the weights of an average depend on this, and where it is wrong they move towards the plain mean over samples:
    clips are merged (their number was mistaken for a position) or split (a position is written in another way). Equal
    names give equal clips, so the scores of one validation set stay comparable in any case.
    """
    stem = PurePath(name).stem
    clip = _POSITION.sub("", stem)
    return clip if clip != stem else stem.rstrip("0123456789")


@dataclass(frozen=True, slots=True)
class DatasetFolder:
    """Where a dataset keeps its pairs: ``ROOT/Patches/{GT,LR}`` and ``ROOT/Val/{GT,LR}``, equal names in both.

    Datasets of the original are read as they are (``places``), stacks of ``n_frames`` first where there are several.
    """

    root: Path
    n_frames: int = 0

    def lr_folder(self, split: Split) -> Path:
        return self.root / SPLIT_FOLDERS[split] / "LR"

    def gt_folder(self, split: Split) -> Path:
        return self.root / SPLIT_FOLDERS[split] / "GT"

    def pairs(self, split: Split) -> list[PairPaths]:
        """Complete pairs in the order of their names, those of later additions after all others: so the order of what
        was there stays. ``listing`` names what is left out."""
        return self.listing(split).pairs

    def listing(self, split: Split) -> "Listing":
        """Equal names make a pair, also where only the suffix differs; the pair then has that of GT."""
        listings = [_listing(place) for place in self.places(split)]
        kept = self._stacks_of_val() if split == "train" else set[Path]()
        pairs = [pair for one in listings for pair in one.pairs if pair.lr not in kept]
        return Listing(
            sorted(pairs, key=lambda pair: (pair.addition, pair.name)),
            [path for one in listings for path in one.unpaired if path not in kept],
            [path for one in listings for path in one.others],
        )

    def _stacks_of_val(self) -> set[Path]:
        """Those that lie among the stacks trained on; what is validated on is not trained on."""
        borrowing = [place for place in self.places("val") if not place.owns_lr]
        return {pair.lr for place in borrowing for pair in _listing(place).pairs}

    def places(self, split: Split) -> list[Place]:
        """The folders in which its pairs are."""
        own = Place(self.gt_folder(split), self.lr_folder(split))
        return places(self.root, own, split == "val", self.n_frames)


def added_pairs(root: Path, number: int) -> list[PairPaths]:
    """Complete pairs of an addition, in the order of their names."""
    return _listing(added_place(root, number)).pairs


def _listing(place: Place) -> "Listing":
    lr, gt = place.lr, place.gt
    lr_names, gt_names = _names(lr), _names(gt)
    partners = _partners(lr_names, gt_names)
    pairs = [
        PairPaths(place.prefix + name, lr / partners[name], gt / name, addition=place.addition)
        for name in sorted(partners)
    ]
    alone = [lr / name for name in sorted(lr_names.difference(partners.values()))] if place.owns_lr else []
    alone += [gt / name for name in sorted(gt_names.difference(partners))]
    others = [path for path in alone if path.suffix.lower() in IMAGE_SUFFIXES and not _is_read(path.name)]
    return Listing(pairs, [path for path in alone if _is_read(path.name)], others)


@dataclass(frozen=True, slots=True)
class Listing:
    """What a split holds: ``pairs``, files without a partner, and images of other formats, which are not read."""

    pairs: list[PairPaths]
    unpaired: list[Path]
    others: list[Path]


def _names(folder: Path) -> set[str]:
    """Names in a folder, without what is hidden, temporary or left by a system; empty where there is no such folder."""
    with os_errors(folder, "cannot be read"):
        try:
            with os.scandir(folder) as entries:
                return {entry.name for entry in entries if is_meant(entry.name)}
        except (FileNotFoundError, NotADirectoryError):
            return set()


def _is_read(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def _partners(lr: set[str], gt: set[str]) -> dict[str, str]:
    """The LR name of each GT name that has one; names of a different suffix only where no equal one is left."""
    partners = {name: name for name in lr & gt if _is_read(name)}
    rest = {PurePath(name).stem: name for name in sorted(lr - gt) if _is_read(name)}
    for name in sorted(gt - lr):
        if _is_read(name) and (partner := rest.pop(PurePath(name).stem, None)):
            partners[name] = partner
    return partners


def read_image(path: Path, size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """An image file as RGB [H, W, 3]; VsrppError naming the file where it cannot be read or does not have the
    requested ``size``.

    The size (width, height) is taken from the header, so that a picture of another size is never decoded.
    """
    try:
        with Image.open(path) as image:
            if size and image.size != size:
                (width, height), (wanted_width, wanted_height) = image.size, size
                raise VsrppError(
                    f"{path} is {width}x{height}, not {wanted_width}x{wanted_height} like the dataset; "
                    f"{_advice(path, 'every such file')}"
                )
            return np.asarray(image.convert("RGB"))
    except FileNotFoundError:
        raise VsrppError(f"{path} is gone; {_advice(path, 'what is left')}") from None
    except UNREADABLE as error:
        raise VsrppError(f"{path} cannot be read as an image ({error}); {_advice(path, 'every such file')}") from None


def _advice(path: Path, kind: str) -> str:
    """What to do about an image: of a dataset the command that lists all files or pairs like it."""
    is_of_dataset = path.parent.name in ("LR", "GT") and len(path.parents) > 2
    return (
        f"`{command('vsrpp', 'check', dataset_of(path))}` lists {kind}"
        if is_of_dataset
        else "replace it or move it elsewhere"
    )


def read_stack(path: Path, geometry: StackGeometry) -> NDArray[np.uint8]:
    """An LR stack as frames [T, h, w, 3] in time order; VsrppError naming the file that has another shape."""
    image = read_image(path, (geometry.width, geometry.n_frames * geometry.height))
    return image.reshape(geometry.n_frames, geometry.height, geometry.width, 3)


def load_pair(pair: PairPaths, geometry: StackGeometry) -> Pair:
    """A pair from its files; VsrppError naming the file that does not have its geometry, or ``geometry``."""
    geometry = pair.geometry or geometry
    return read_stack(pair.lr, geometry), read_image(pair.gt, (geometry.gt_width, geometry.gt_height))


def write_pair(
    folder: DatasetFolder, split: Split, name: str, frames: Sequence[NDArray[np.uint8]], ground_truth: NDArray[np.uint8]
) -> None:
    """Write LR frames [h, w, 3] and ground truth [s·h, s·w, 3] as a pair: both appear, or neither.

    Both files are complete under temporary names before either is named. Between the two renames a kill can leave a
    stack without its ground truth, which no reader takes for a pair; the error of a full disk leaves nothing.
    """
    geometry_of((frames[0].shape[1], sum(f.shape[0] for f in frames)), (ground_truth.shape[1], ground_truth.shape[0]))
    lr, gt = folder.lr_folder(split) / name, folder.gt_folder(split) / name
    tag = f"{TEMPORARY_PREFIX}{secrets.token_hex(4)}-"
    lr_draft, gt_draft = lr.with_name(tag + name), gt.with_name(tag + name)
    for path in (lr, gt):
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        Image.fromarray(np.concatenate(list(frames))).save(lr_draft, format="PNG", compress_level=3)
        Image.fromarray(ground_truth).save(gt_draft, format="PNG", compress_level=3)
        os.replace(lr_draft, lr)
        try:
            os.replace(gt_draft, gt)
        except OSError:
            lr.unlink()
            raise
    finally:
        lr_draft.unlink(missing_ok=True)
        gt_draft.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class DatasetSummary:
    """What a dataset holds at a glance: counts of complete pairs and the geometry of the first."""

    train: int
    val: int
    geometry: StackGeometry | None
    problem: str
    """A sentence saying why it cannot be trained on, or empty."""
    left_out: str = ""
    """A sentence on files that are in no pair, or empty."""


def summarize(root: Path, n_frames: int = 0) -> DatasetSummary:
    """Quick: folders are listed and one pair is measured. ``vsrpp check`` reads every pair."""
    if not root.is_dir():
        return DatasetSummary(0, 0, None, f"{root} is not a folder; give a dataset with --data ROOT")
    folder = DatasetFolder(root, n_frames)
    try:
        train, val = folder.listing("train"), folder.listing("val")
    except VsrppError as error:
        return DatasetSummary(0, 0, None, str(error))
    geometry, problem, left_out = None, "", _left_out(root, train, val)
    if not train.pairs:
        problem = f"{root} has no training pairs (PNG or BMP files of equal names in Patches/LR and Patches/GT)"
    elif not val.pairs:
        problem = f"{root} has no validation pairs (PNG or BMP files of equal names in Val/LR and Val/GT)"
        if any(path.parent.name != "LR" for path in val.unpaired):
            problem += f"; `{command('vsrpp', 'check', root, '--complete', 'BI')}` makes the LR stacks of what is in GT"
    if problem and left_out:
        problem = f"{problem}; {left_out}"
    if train.pairs:
        try:
            geometry = measure(train.pairs[0])
        except VsrppError as error:
            problem = str(error)
    return DatasetSummary(len(train.pairs), len(val.pairs), geometry, problem, left_out)


def _left_out(root: Path, *listings: Listing) -> str:
    """A sentence on files that are in no pair; empty where there are none."""
    parts = []
    for what, paths in (
        ("image without a partner", [path for listing in listings for path in listing.unpaired]),
        ("image of another format", [path for listing in listings for path in listing.others]),
    ):
        if paths:
            parts.append(f"{len(paths):,} {what} ({listed([str(path.relative_to(root)) for path in paths])})")
    return (
        f"left out of {root}: {' and '.join(parts)}; `{command('vsrpp', 'check', root)}` lists all of them"
        if parts
        else ""
    )


def fingerprint(pairs: Sequence[PairPaths]) -> str:
    """Identifies a set of pairs: a digest of their names and of the sizes of their files.

    Names are taken without their folder, so a dataset that was moved is still the same.
    """
    digest = hashlib.sha256()
    for pair in pairs:
        line = f"{pair.name}\0{pair.lr.stat().st_size}\0{pair.gt.stat().st_size}\n"
        digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def measure(pair: PairPaths) -> StackGeometry:
    """The geometry of one pair from the headers of its files; VsrppError naming the pair that has none."""
    try:
        with Image.open(pair.lr) as lr, Image.open(pair.gt) as gt:
            return geometry_of(lr.size, gt.size)
    except UNREADABLE as error:
        raise VsrppError(
            f"{pair.lr} and its ground truth are not a pair: {error}; {_advice(pair.lr, 'every such pair')}"
        ) from None
