"""The network as it upscales beside the plain one it is tested against: seconds and peak memory of a picture.

    python benchmarks/inference.py [--n-feats 64] [--n-blocks 20] [--alignment none] [--rounds 3]

Both forms take turns on one thread, in fp32 on the CPU, for three sizes of LR frames. Seconds are those that the
process had a CPU for. The peak is what a process of its
own holds of the memory at most, over what it held before the picture. One JSON line: medians in seconds, peaks in MB
beside what tiles are planned by, the lean form's share of both, and the largest difference of the pictures.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch import Tensor

from benchmarks.rig.memory import peak_memory
from vsrpp_core.network.inference import bytes_per_pixel
from vsrpp_core.network.lean import LeanVSR
from vsrpp_core.network.model import VSRBidirectional3x

SIZES = ((160, 90), (320, 180), (640, 360))
"""Width and height of LR frames."""

FORMS = {"plain": VSRBidirectional3x, "lean": LeanVSR}


def main() -> None:
    options = arguments()
    if options.form:
        print(peak(options))
        return
    networks = {form: make(form, options) for form in FORMS}
    planned = bytes_per_pixel(LeanVSR(options.n_feats, 2, alignment=options.alignment))
    rows = {}
    for size in SIZES:
        frames = frames_of(size, networks["lean"].n_frames)
        seconds, pictures = in_turns(networks, frames, options.rounds)
        peaks = {form: peak_alone(form, size, options) for form in FORMS}
        rows[f"{size[0]}x{size[1]}"] = {
            "seconds": {form: round(value, 3) for form, value in seconds.items()},
            "peak_mb": peaks,
            "planned_mb": round(planned * size[0] * size[1] / 1e6),
            "time_ratio": round(seconds["lean"] / seconds["plain"], 3),
            "memory_ratio": round(peaks["lean"] / peaks["plain"], 3),
            "difference": float((pictures["lean"] - pictures["plain"]).abs().max()),
        }
    shape = [options.n_feats, options.n_blocks, options.alignment]
    print(json.dumps({"benchmark": "inference", "shape": shape, "rounds": options.rounds, "sizes": rows}))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name, default in (("n-feats", 64), ("n-blocks", 20), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--alignment", choices=("none", "local"), default="none")
    parser.add_argument("--form", choices=tuple(FORMS), help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def make(form: str, options: argparse.Namespace) -> VSRBidirectional3x:
    """In the layout that inference uses."""
    torch.manual_seed(0)
    network = FORMS[form](options.n_feats, options.n_blocks, alignment=options.alignment)
    return network.eval().to(memory_format=torch.channels_last)  # type: ignore[no-any-return]


def frames_of(size: tuple[int, int], n_frames: int) -> Tensor:
    """[1, T, 3, h, w], as a decoder's frames become it."""
    return torch.rand(n_frames, size[1], size[0], 3).permute(0, 3, 1, 2).unsqueeze(0)


@torch.no_grad()
def in_turns(
    networks: dict[str, VSRBidirectional3x], frames: Tensor, rounds: int
) -> tuple[dict[str, float], dict[str, Tensor]]:
    """Median seconds and the picture of each form."""
    taken: dict[str, list[float]] = {form: [] for form in networks}
    pictures: dict[str, Tensor] = {}
    for network in networks.values():
        network(frames[..., :16, :16])
    for _ in range(rounds):
        for form, network in networks.items():
            start = time.process_time()
            pictures[form] = network(frames)
            taken[form].append(time.process_time() - start)
    return {form: statistics.median(values) for form, values in taken.items()}, pictures


def peak_alone(form: str, size: tuple[int, int], options: argparse.Namespace) -> float:
    command = [sys.executable, __file__, "--form", form, "--size", *map(str, size)]
    command += ["--n-feats", str(options.n_feats), "--alignment", options.alignment, "--n-blocks", "2"]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return float(said)


@torch.no_grad()
def peak(options: argparse.Namespace) -> float:
    """MB that a picture adds to what this process holds at most; more blocks would take turns in the same memory."""
    network = make(options.form, options)
    frames = frames_of(options.size, network.n_frames)
    network(frames[..., :16, :16])
    before = peak_memory(os.getpid())
    network(frames)
    return round(peak_memory(os.getpid()) - before, 1)


if __name__ == "__main__":
    main()
