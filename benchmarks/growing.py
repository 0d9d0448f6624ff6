"""What the end of an epoch costs a dataset that may grow: a look with nothing new, with 1,240 pairs, with 10,000.

Beside them, in turns, what was not chosen: listing and measuring the whole dataset of 10,000 pairs. All pairs are links
to one, in a temporary folder, and so in the system's file cache. Prints one line of JSON: milliseconds, medians.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

from vsrpp_core.batches.arrivals import Arrivals
from vsrpp_core.batches.dataset import PairDataset, TrainingStream
from vsrpp_core.data.layouts import addition_folder
from vsrpp_core.data.stacked import DatasetFolder, StackGeometry, write_pair
from vsrpp_core.data.survey import measured

PAIRS, ADDED, ROUNDS = 10_000, (0, 1_240, 10_000), 5
GEOMETRY = StackGeometry(5, 180, 180)


def fill(root: Path, count: int) -> None:
    folder, noise = DatasetFolder(root), np.random.default_rng(0)
    frames = list(noise.integers(0, 256, (5, 180, 180, 3), dtype=np.uint8))
    write_pair(folder, "train", "pair.png", frames, noise.integers(0, 256, (540, 540, 3), dtype=np.uint8))
    for number in range(1, count):
        for place in (folder.lr_folder("train"), folder.gt_folder("train")):
            os.link(place / "pair.png", place / f"film_{number:06}_0_0.png")


def milliseconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - begun)


def epoch_of(root: Path, known: int) -> Callable[[], object]:
    """The end of an epoch to which the additions after ``known`` are new; making the stream does not count."""
    pairs = [pair for pair in measured(DatasetFolder(root).pairs("train")) if pair.addition <= known]
    dataset = PairDataset(pairs, GEOMETRY, 0, 0, augment=False, cache_bytes=0)
    stream = TrainingStream(dataset, 0, 4, 1, 0, arrivals=Arrivals(root, known, GEOMETRY, 0))

    def end() -> None:
        assert stream.has_looked(600)
        list(stream.begin_epoch(stream.found(), 0))
        stream.close()

    return end


def read_whole(root: Path) -> None:
    for _ in measured(DatasetFolder(root).pairs("train")):
        pass


def main() -> None:
    taken: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as folder:
        roots = {count: Path(folder) / str(count) for count in ADDED}
        for count, root in roots.items():
            fill(root, PAIRS)
            if count:
                fill(addition_folder(root, 1), count)
        for _ in range(ROUNDS):
            for count, root in roots.items():
                taken.setdefault(f"with {count:,} new", []).append(milliseconds(epoch_of(root, 0)))
            taken.setdefault("whole dataset", []).append(milliseconds(partial(read_whole, roots[0])))
    result = {name: round(median(values), 2) for name, values in taken.items()}
    print(json.dumps({"benchmark": "growing", "pairs": PAIRS, "milliseconds": result}))


if __name__ == "__main__":
    main()
