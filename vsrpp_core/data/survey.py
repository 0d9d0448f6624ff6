"""The size of every pair of a dataset, from the headers of its files, before anything is trained.

Separate from stacked.py because it reads every file where that reads one: what cannot be used is told at once, and not
in the middle of an epoch.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from vsrpp_core.data.stacked import DatasetFolder, PairPaths, StackGeometry, measure, summarize
from vsrpp_core.errors import VsrppError, command

WORKERS = 8
AT_ONCE = 256
"""Pairs in one piece of a thread's work."""


@dataclass(frozen=True, slots=True)
class Survey:
    """The pairs of a dataset, each with its geometry."""

    train: tuple[PairPaths, ...]
    val: tuple[PairPaths, ...]

    @property
    def geometry(self) -> StackGeometry:
        """The largest that is trained on, by which memory and time are judged."""
        return max(_shapes(self.train), key=_size)

    @property
    def shortest_side(self) -> int:
        """Of all LR patches that are trained on; the largest crop that fits into each."""
        return min(min(shape.height, shape.width) for shape in _shapes(self.train))


def survey(root: Path, n_frames: int = 0) -> Survey:
    """Measure every pair of ``root``, which has some to train on.

    VsrppError where one cannot be trained on: files that are not a pair, or stacks of another number of frames or
    another scale.
    """
    folder = DatasetFolder(root, n_frames)
    found = Survey(tuple(measured(folder.pairs("train"))), tuple(measured(folder.pairs("val"))))
    known = [(pair, pair.geometry) for pair in (*found.train, *found.val) if pair.geometry]
    if len(kinds := Counter(kind_of(shape) for _, shape in known)) > 1:
        usual = kinds.most_common(1)[0][0]
        other, shape = next((pair, shape) for pair, shape in known if kind_of(shape) != usual)
        raise VsrppError(
            f"{other.lr} has {shape}, where most stacks have {usual[0]} frames and a ground truth {usual[1]} times as "
            f"large, and a network takes one kind; `{command('vsrpp', 'check', root)}` lists every such pair"
        )
    return found


def kind_of(shape: StackGeometry) -> tuple[int, int]:
    """Number of frames and scale, of which a network takes one."""
    return shape.n_frames, shape.scale


def geometry_to_train(root: Path, crop: int) -> StackGeometry:
    """The largest of ``root``; VsrppError where nothing in it can be trained on, or not in crops of that side."""
    summary = summarize(root)
    if summary.geometry is None:
        raise VsrppError(summary.problem)
    return crop_fits(root, survey(root), crop)


def crop_fits(root: Path, found: Survey, crop: int) -> StackGeometry:
    """The largest geometry of ``root``; VsrppError where ``data.crop`` is larger than one of its patches."""
    if crop > found.shortest_side:
        raise VsrppError(
            f"data.crop = {crop} is larger than the smallest LR patches in {root} ({found.shortest_side} pixels); "
            "choose a smaller crop, or 0 for whole patches"
        )
    return found.geometry


def measured(pairs: Sequence[PairPaths]) -> Iterator[PairPaths]:
    """The pairs with their geometry; VsrppError naming the first that has none."""
    shared: dict[StackGeometry, StackGeometry] = {}
    pieces = [pairs[start : start + AT_ONCE] for start in range(0, len(pairs), AT_ONCE)]
    with ThreadPoolExecutor(WORKERS) as pool:
        for piece, found in zip(pieces, pool.map(lambda piece: [measure(pair) for pair in piece], pieces), strict=True):
            for pair, shape in zip(piece, found, strict=True):
                yield replace(pair, geometry=shared.setdefault(shape, shape))


def _shapes(pairs: Sequence[PairPaths]) -> set[StackGeometry]:
    return {pair.geometry for pair in pairs if pair.geometry}


def largest_of(pairs: Sequence[PairPaths], unmeasured: StackGeometry) -> StackGeometry:
    """Of the pairs, where they were measured."""
    return max(_shapes(pairs), key=_size, default=unmeasured)


def _size(shape: StackGeometry) -> tuple[int, int]:
    return shape.height * shape.width, shape.height


def groups_of(pairs: Sequence[PairPaths]) -> list[int]:
    """For each pair the number of its size, the same numbers for the same set of sizes; all 0 where none is known."""
    shapes = sorted(_shapes(pairs), key=lambda shape: (shape.height, shape.width))
    numbers = {shape: number for number, shape in enumerate(shapes)}
    return [numbers[pair.geometry] if pair.geometry else 0 for pair in pairs]
