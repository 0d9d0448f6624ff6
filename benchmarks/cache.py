"""Samples per second from PNGs and from the cache on the disk, in turns; and what checking a pair's CRC costs.

Makes a dataset of noisy pictures (540 pixels of ground truth, as ``vsrpp prepare`` cuts them) in a temporary folder, or
takes the one named as argument, in which the cache then stays. Prints one line of JSON. All pictures are in the
system's file cache, so what is compared is the work of the processor.
"""

import json
import sys
import tempfile
import time
import zlib
from pathlib import Path
from statistics import median

import numpy as np

from vsrpp_core.batches.dataset import PairDataset
from vsrpp_core.data.build_disk_cache import make_cache
from vsrpp_core.data.disk_cache import DiskCache, header_for
from vsrpp_core.data.resize import downscaled, imresize
from vsrpp_core.data.stacked import DatasetFolder, PairPaths, StackGeometry, load_pair, measure, write_pair

PAIRS, ROUNDS, CROP = 24, 5, 64


def make_dataset(root: Path) -> None:
    random = np.random.default_rng(0)
    for index in range(PAIRS):
        smooth = imresize(random.integers(0, 256, (60, 60, 3), dtype=np.uint8), 540, 540)
        grain = random.normal(0, 4, smooth.shape)
        picture = (smooth + grain).clip(0, 255).astype(np.uint8)
        frames = [downscaled(np.roll(picture, shift, axis=1)) for shift in range(-2, 3)]
        write_pair(DatasetFolder(root), "train", f"noise_{index}.png", frames, picture)


def decoded(pairs: list[PairPaths], geometry: StackGeometry, root: Path) -> tuple[DiskCache, float]:
    begun, making = time.perf_counter(), make_cache(root, pairs, geometry)
    while True:
        try:
            next(making)
        except StopIteration as end:
            return end.value, time.perf_counter() - begun


def rate(dataset: PairDataset, epoch: int) -> float:
    begun = time.perf_counter()
    for index in range(len(dataset)):
        dataset[epoch, index]
    return len(dataset) / (time.perf_counter() - begun)


def crc_milliseconds(pair_bytes: int) -> float:
    data = np.random.default_rng(0).integers(0, 256, pair_bytes, dtype=np.uint8).tobytes()
    seconds = []
    for _ in range(20):
        begun = time.perf_counter()
        zlib.crc32(data)
        seconds.append(time.perf_counter() - begun)
    return 1000 * median(seconds)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder)
        if len(sys.argv) == 1:
            make_dataset(root)
        pairs = DatasetFolder(root).pairs("train")
        geometry = measure(pairs[0])
        crop = min(CROP, geometry.height, geometry.width)
        load_pair(pairs[0], geometry)
        cache, seconds = decoded(pairs, geometry, root)
        variants = {
            f"{name}_{'crop' if side else 'whole'}": PairDataset(pairs, geometry, 0, side, True, 0, source)
            for side in (0, crop)
            for name, source in (("png", None), ("cache", cache))
        }
        rates: dict[str, list[float]] = {name: [] for name in variants}
        for epoch in range(1, ROUNDS + 2):  # the first reads each pair's CRC
            for name, dataset in variants.items():
                rates[name].append(rate(dataset, epoch))
        header = header_for(pairs, geometry)
        result = {
            "benchmark": "cache",
            "pairs": len(pairs),
            "geometry": str(geometry),
            "crop": crop,
            "pair_bytes": header.geometry.pair_bytes,
            "png_bytes": sum(p.lr.stat().st_size + p.gt.stat().st_size for p in pairs) // len(pairs),
            "decoded_pairs_per_second": round(len(pairs) / seconds, 1),
            "samples_per_second": {name: round(median(values[1:]), 1) for name, values in rates.items()},
            "cache_whole_with_crc": round(rates["cache_whole"][0], 1),
            "crc_ms_per_pair": round(crc_milliseconds(header.geometry.pair_bytes), 3),
        }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
