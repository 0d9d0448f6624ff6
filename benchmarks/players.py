"""An exported network in VapourSynth: what vs-mlrt's onnxruntime makes of a film, beside the network itself.

VapourSynth needs Python 3.12, so another interpreter may run it: with ``vapoursynth``, ``vapoursynth-mlrt-ort`` and
``numpy`` installed. ``python benchmarks/players.py CHECKPOINT --python /other/bin/python``. The last line is JSON: the
largest difference of the pictures, and seconds a picture beside those of onnxruntime alone, in turns.
"""

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from vsrpp_core.apply.load_network import load_network
from vsrpp_core.apply.players import ForVapourSynth, export_for_vapoursynth
from vsrpp_core.device.hardware import choose_hardware

CHILD = """
import runpy, sys, time
import numpy as np, vapoursynth as vs
script, frames, cuts, out = sys.argv[1:]
tried = runpy.run_path(script, run_name="tried")
film = np.load(frames)

def fill(n, f):
    made = f.copy()
    for plane in range(3):
        np.asarray(made[plane])[:] = film[n, plane]
    return made

blank = vs.core.std.BlankClip(width=film.shape[3], height=film.shape[2], length=len(film), format=tried["FORMAT"])
clip = blank.std.ModifyFrame(blank, fill)
large = tried["upscaled"](tried["neighbours"](clip, float(cuts)))
started = time.perf_counter()
made = np.stack([np.stack([np.asarray(f[p], np.float32) for p in range(3)]) for f in large.frames()])
print((time.perf_counter() - started) / len(film))
np.save(out, made)
"""
"""Argv: the script, frames [N, 3, h, w] as .npy, cuts, where to save pictures. Prints seconds a picture."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--python", default=sys.executable, help="how an interpreter with vapoursynth is called")
    parser.add_argument("--half", action="store_true")
    parser.add_argument("--size", default="64x48", help="of the LR frames")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    scenes = (5, 1, 4)
    with tempfile.TemporaryDirectory() as folder:
        made = export_for_vapoursynth(options.checkpoint, Path(folder, "film"), half=options.half)
        frames = film(scenes, height, width)
        np.save(Path(folder, "frames.npy"), frames)
        seconds: dict[str, list[float]] = {"vapoursynth": [], "onnxruntime": []}
        for _ in range(options.rounds):
            seconds["vapoursynth"].append(by_vapoursynth(options.python, made, Path(folder)))
            seconds["onnxruntime"].append(by_onnxruntime(made, frames[:5]))
        pictures = np.load(Path(folder, "pictures.npy"))
    difference = float(np.abs(pictures - expected(options.checkpoint, frames, scenes)).max())
    medians = {name: round(median(each), 4) for name, each in seconds.items()}
    print(json.dumps({"size": options.size, "half": options.half, "difference": difference, "seconds": medians}))


def film(scenes: tuple[int, ...], height: int, width: int) -> NDArray[np.float32]:
    """Frames [N, 3, h, w]: faint noise, darker in every second scene, so that cuts are found and nothing else is."""
    random = np.random.default_rng(0)
    shots = [
        random.random((1, 3, height, width), np.float32) * 0.2 + (0.1 if n % 2 else 0.7) for n in range(len(scenes))
    ]
    moved = [np.roll(shot, n, axis=3) for shot, count in zip(shots, scenes, strict=True) for n in range(count)]
    return np.concatenate(moved).astype(np.float16).astype(np.float32)


def by_vapoursynth(python: str, made: ForVapourSynth, folder: Path) -> float:
    files = [str(made.script), str(folder / "frames.npy"), "0.3", str(folder / "pictures.npy")]
    done = subprocess.run([*shlex.split(python), "-c", CHILD, *files], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return float(done.stdout.split()[-1])


def by_onnxruntime(made: ForVapourSynth, window: NDArray[Any]) -> float:
    session = onnxruntime.InferenceSession(made.onnx, providers=["CPUExecutionProvider"])
    (source,) = session.get_inputs()
    planes = window[: source.shape[1] // 3].reshape(1, source.shape[1], *window.shape[2:])
    planes = planes.astype(np.float16 if source.type == "tensor(float16)" else np.float32)
    session.run(None, {source.name: planes})
    started = time.perf_counter()
    session.run(None, {source.name: planes})
    return time.perf_counter() - started


def expected(checkpoint: Path, frames: NDArray[np.float32], scenes: tuple[int, ...]) -> NDArray[np.float32]:
    """The network's own pictures, no window beyond its scene."""
    model, given, pictures, first = load_network(checkpoint, choose_hardware("fp32")), torch.from_numpy(frames), [], 0
    reach = model.n_frames // 2
    for count in scenes:
        for n in range(first, first + count):
            window = [min(max(n + k, first), first + count - 1) for k in range(-reach, reach + 1)]
            with torch.inference_mode():
                pictures.append(model(given[window][None].to(next(model.parameters()).device))[0].cpu().numpy())
        first += count
    return np.stack(pictures)


if __name__ == "__main__":
    main()
