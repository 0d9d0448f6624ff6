"""What a narrower halo of tiles would cost a trained network's picture, and what it would save: one JSON line.

python benchmarks/tile_halo.py CHECKPOINT CLIP [TILE]

CLIP is a folder of frames or a video; each frame is shrunk by three, as for scores. A few windows spread over the clip
are upscaled whole and in tiles of TILE LR pixels (default 64), for halos from none to the full receptive radius, as
they are and with blended seams: there half of the halo is context, and over the rest two neighbours fade into each
other. Differences are in levels of 8 bits before rounding; ``changed`` is the share of values that round to
another level; ``work`` the LR pixels computed for one of the picture, ``seconds`` the median time of a picture.
"""

import json
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any

from numpy.typing import NDArray

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch
from torch import Tensor

from vsrpp_core.apply.load_network import load_network
from vsrpp_core.data.resize import downscaled
from vsrpp_core.data.stacked import read_image
from vsrpp_core.device.hardware import choose_hardware
from vsrpp_core.network.model import SCALE, VSRBidirectional3x
from vsrpp_core.network.tiles import _spans, receptive_radius, upscale
from vsrpp_core.video import reading

WINDOWS = 3
STEPS = (0, 0.06, 0.12, 0.25, 0.5, 0.75, 1)
"""Halos tried, in receptive radii."""

LEVELS = 255.0


def stacks_of(clip: Path, n_frames: int) -> list[Tensor]:
    """[1, T, 3, h, w] in 0..1, spread over the clip."""
    frames: Iterable[NDArray[np.uint8]]
    if clip.is_dir():
        files = sorted(path for path in clip.iterdir() if path.suffix.lower() in (".png", ".jpg"))
        total, frames = len(files), map(read_image, files)
    else:
        total, frames = reading.probe(clip).frames, reading.frames(clip)
    begins = {round(i * (total - n_frames) / max(1, WINDOWS - 1)) for i in range(WINDOWS)}
    last = max(begins) + n_frames
    small = {}
    for index, frame in zip(range(last), frames, strict=False):
        if any(begin <= index < begin + n_frames for begin in begins):
            height, width = (side - side % SCALE for side in frame.shape[:2])
            small[index] = downscaled(frame[:height, :width])
    stacks = [np.stack([small[begin + n] for n in range(n_frames)]) for begin in sorted(begins)]
    return [torch.from_numpy(stack).permute(0, 3, 1, 2).unsqueeze(0).float() / LEVELS for stack in stacks]


def blended(model: VSRBidirectional3x, frames: Tensor, tile: int, halo: int) -> Tensor:
    """Tiles with half of ``halo`` as context that is thrown away; over the rest neighbours fade into each other."""
    fade = halo // 2
    height, width = frames.shape[-2:]
    total = torch.zeros(1, 3, SCALE * height, SCALE * width)
    weight = torch.zeros(1, 1, SCALE * height, SCALE * width)
    for row in _spans(height, tile, halo):
        for column in _spans(width, tile, halo):
            part = model(frames[..., row.low : row.high, column.low : column.high])
            ramps = [_ramp(span, length, fade, halo) for span, length in ((row, height), (column, width))]
            mask = ramps[0][:, None] * ramps[1][None, :]
            where = (
                ...,
                slice(SCALE * row.low, SCALE * row.high),
                slice(SCALE * column.low, SCALE * column.high),
            )
            total[where] += part * mask
            weight[where] += mask
    return total / weight


def _ramp(span: Any, length: int, fade: int, halo: int) -> Tensor:
    """Along one side of a tile with its halo: 1 within, falling to 0 at ``fade`` LR pixels beyond the tile's edge."""
    places = torch.arange(SCALE * span.low, SCALE * span.high, dtype=torch.float32) + 0.5
    reach = max(SCALE * fade, 1e-6)
    left = torch.ones_like(places) if span.start == 0 else 0.5 + (places - SCALE * span.start) / (2 * reach)
    right = torch.ones_like(places) if span.end == length else 0.5 + (SCALE * span.end - places) / (2 * reach)
    return torch.minimum(left, right).clamp(0, 1)


def work(size: tuple[int, int], tile: int, halo: int) -> float:
    rows, columns = (sum(span.high - span.low for span in _spans(length, tile, halo)) for length in size)
    return rows * columns / (size[0] * size[1])


def compare(whole: Tensor, tiled: Tensor) -> tuple[float, float, float]:
    difference = (tiled - whole).abs() * LEVELS
    changed = ((tiled * LEVELS).round().clamp(0, 255) != (whole * LEVELS).round().clamp(0, 255)).float().mean()
    return float(difference.max()), float(difference.mean()), float(changed)


def measure(model: VSRBidirectional3x, stacks: list[Tensor], tile: int, halo: int) -> dict[str, Any]:
    seconds, plain, faded = [], [], []
    for stack, whole in zip(stacks, [model(stack) for stack in stacks], strict=True):
        begun = time.perf_counter()
        part = upscale(model, stack, (tile, tile), halo)
        seconds.append(time.perf_counter() - begun)
        plain.append(compare(whole, part))
        if halo >= 2:
            faded.append(compare(whole, blended(model, stack, tile, halo)))
    height, width = stacks[0].shape[-2:]
    return {
        "halo": halo,
        **_figures(plain),
        **({"blended": _figures(faded)} if faded else {}),
        "work": round(work((height, width), tile, halo), 2),
        "seconds": round(median(seconds), 3),
    }


def _figures(rows: list[tuple[float, float, float]]) -> dict[str, float]:
    largest, means, changed = zip(*rows, strict=True)
    return {
        "largest": float(f"{max(largest):.3g}"),
        "mean": float(f"{sum(means) / len(means):.3g}"),
        "changed": float(f"{sum(changed) / len(changed):.3g}"),
    }


def main(checkpoint: Path, clip: Path, tile: int = 64) -> None:
    hardware = choose_hardware("fp32")
    hardware.apply()
    model = load_network(checkpoint, hardware).cpu()
    radius = receptive_radius(model)
    with torch.inference_mode():
        stacks = stacks_of(clip, model.n_frames)
        model(stacks[0])
        halos = sorted({round(step * radius) for step in STEPS})
        rows = [measure(model, stacks, tile, halo) for halo in halos]
        begun = time.perf_counter()
        model(stacks[0])
        whole = time.perf_counter() - begun
    size = f"{stacks[0].shape[-1]}x{stacks[0].shape[-2]}"
    network = {"n_feats": model.n_feats, "n_blocks": model.n_blocks, "radius": radius}
    result = {"benchmark": "tile_halo", "network": network, "clip": clip.name, "frame": size, "tile": tile}
    print(json.dumps({**result, "whole_seconds": round(whole, 3), "halos": rows}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:]))
