"""LR stacks for a validation set that has only ground truths, as some of the original's had.

Separate from prepare, which knows the neighbouring frames: here there are none, so a stack is a pan over the ground
truth, one of its pixels a frame, which gives a network as much to work with as a slow pan does.
"""

from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vsrpp_core.data.layouts import Place
from vsrpp_core.data.resize import SHRINK, Downscaling
from vsrpp_core.data.stacked import DatasetFolder, measure, read_image
from vsrpp_core.errors import VsrppError, os_errors
from vsrpp_core.messages.events import PreparationProgressed
from vsrpp_core.run.files import write_atomically


def complete(root: Path, degradation: Downscaling) -> Generator[PreparationProgressed, None, None]:
    """Write the stack of every ground truth in Val without one, of as many frames as training has; what is there stays.

    VsrppError where nothing is trained on, a ground truth cannot be read or is no multiple of the scale, or the disk is
    full; stacks made until then are whole.
    """
    folder = DatasetFolder(root)
    trained = folder.pairs("train")
    if not trained:
        raise VsrppError(f"{root} has no training pairs, by which the number of frames is known; add them first")
    shape, wanted = measure(trained[0]), list(_without_stack(folder))
    if shape.scale == 1 and degradation == "BI" and wanted:
        raise VsrppError(
            f"LR frames of {root} are as large as its ground truth, and BI would make copies of it; use BD"
        )
    for done, (truth, place) in enumerate(wanted, start=1):
        stack = _stack(truth, shape.n_frames, shape.scale, degradation)
        with os_errors(place.lr, "cannot be written"):
            place.lr.mkdir(parents=True, exist_ok=True)
            write_atomically(place.lr / f"{truth.stem}.png", _saved(stack))
        yield PreparationProgressed(task="making LR stacks of Val", done=done, total=len(wanted))


def _without_stack(folder: DatasetFolder) -> Iterator[tuple[Path, Place]]:
    places = {place.gt: place for place in folder.places("val")}
    for path in folder.listing("val").unpaired:
        if path.parent in places:
            yield path, places[path.parent]


def _stack(truth: Path, n_frames: int, scale: int, degradation: Downscaling) -> NDArray[np.uint8]:
    picture, half = read_image(truth), n_frames // 2
    height, width = picture.shape[:2]
    if height % scale or width % scale:
        raise VsrppError(f"{truth} is {width}x{height}, no multiple of {scale}; crop it, or move it elsewhere")
    wide = np.pad(picture, ((0, 0), (half, half), (0, 0)), mode="edge")
    return np.concatenate([SHRINK[degradation](wide[:, shift : shift + width], scale) for shift in range(n_frames)])


def _saved(stack: NDArray[np.uint8]) -> Callable[[Path], None]:
    return lambda temporary: Image.fromarray(stack).save(temporary, format="PNG", compress_level=3)
