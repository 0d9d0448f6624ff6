"""Do the adaptive loss weights help? The same small network trained three ways and scored on clips it has not seen.

    python benchmarks/adaptive_weights.py DATASET CLIP... [--steps 3000] [--seeds 2] [--keep FOLDER]

Adaptive, the fixed weights they start from, and plain L1 take the same steps from the same seeds. The last line is
JSON: for each way the gain in PSNR over bicubic, dB, on Y, mean over the clips, for each seed and their mean; and of
the first adaptive run how weights, sharpness, clip norm and learning rate went.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import fmean
from typing import Any

from vsrpp_core.messages.events import StepReported
from vsrpp_core.messages.journal import replay

WAYS = {
    "adaptive": ("loss.adaptive=true",),
    "fixed": ("loss.adaptive=false",),
    "L1": ("loss.adaptive=false", "loss.l1=1", "loss.ms=0", "loss.grad=0"),
}
SETTINGS = (
    "model.n_feats=24",
    "model.n_blocks=6",
    "data.crop=48",
    "training.batch_size=4",
    "schedule.lr_max=8e-4",
    "schedule.warmup_steps=200",
    "cadence.validate_every=100000",
    "cadence.checkpoint_every=100000",
)
POINTS = 12
"""Of each curve in the result."""


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        gains: dict[str, list[float]] = {way: [] for way in WAYS}
        for seed in range(options.seeds):
            for way in WAYS:
                run = folder / f"{way}-{seed}"
                train(run, options.dataset, options.steps, seed, WAYS[way])
                gains[way].append(gain(run / f"checkpoint_step_{options.steps}.pth", options.clips))
                print(f"{way}, seed {seed}: {gains[way][-1]:+.3f} dB", flush=True)
        curves = curve(folder / "adaptive-0", options.steps)
    result: dict[str, Any] = {way: {"gains": seeds, "mean": fmean(seeds)} for way, seeds in gains.items()}
    print(json.dumps({"benchmark": "adaptive_weights", "steps": options.steps, **result, "curve": curves}))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--steps", type=int, default=3_000)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="where to leave the runs (default: nowhere)")
    return parser.parse_args()


def train(run: Path, dataset: Path, steps: int, seed: int, way: tuple[str, ...]) -> None:
    settings = (*SETTINGS, *way, f"training.seed={seed}", f"training.max_steps={steps}")
    call("train", str(run), "--data", str(dataset), *(part for s in settings for part in ("--set", s)))


def gain(checkpoint: Path, clips: list[Path]) -> float:
    """Mean over the clips of PSNR (Y) beyond bicubic, dB."""
    rows = json.loads(call("evaluate", str(checkpoint), *map(str, clips), "--json").splitlines()[-1])
    return fmean(row["ki_y"]["psnr"] - row["bicubic_y"]["psnr"] for row in rows if row["clip"] != "mean")


def curve(run: Path, steps: int) -> list[dict[str, float]]:
    """Figures of a run at evenly spaced steps."""
    wanted = {round(steps * (index + 1) / POINTS / 10) * 10 for index in range(POINTS)}
    reports = (e for e in replay(run / "events.jsonl") if isinstance(e, StepReported) and e.step in wanted)
    return [
        {
            "step": e.step,
            "l1": round(e.weight_l1, 3),
            "ms": round(e.weight_ms, 3),
            "grad": round(e.weight_grad, 3),
            "aggressive": e.aggressive,
            "sharpness": round(e.sharpness, 3),
            "norm": round(e.gradient_norm, 4),
            "clip": round(e.clip_norm, 4),
            "rate": e.learning_rate,
        }
        for e in reports
    ]


def call(*arguments: str) -> str:
    done = subprocess.run([sys.executable, "-m", "vsrpp_core", *arguments], capture_output=True, text=True, check=True)
    return done.stdout


if __name__ == "__main__":
    main()
