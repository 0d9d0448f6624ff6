"""Which settings teach most in the same time: a grid of runs that take the same work, scored on clips they never saw.

    python benchmarks/recipe.py DATASET CLIP... [--grid benchmarks/recipe.toml] [--arms NAME...] [--steps 4800]
                                [--seeds 1] [--keep recipe]

An arm is a name and the settings in which it differs from the preset of this machine; ``--grid`` has them. The arm of
no settings takes ``--steps`` steps and every other as many as take the same time. How long a step takes is measured
first, in turns and in seconds of the processor, which other programs disturb least, and kept in ``KEEP/work.json``.

Each run is one line of JSON in ``KEEP/results.jsonl``. The same command goes on where an earlier one was ended: runs
that have their line are passed over, the one under way is resumed. Then a table is printed: mean gain in PSNR over
bicubic (Y, border 0), dB, its seeds, and the work of a step as a multiple of the preset's.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import torch

from vsrpp_core import __version__
from vsrpp_core.data.stacked import StackGeometry, summarize
from vsrpp_core.device.hardware import choose_hardware, describe_device
from vsrpp_core.network.loss import LossWeights
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.settings import Overrides
from vsrpp_core.training.average import WeightAverage
from vsrpp_core.training.step import OptimizerStep, build_model
from vsrpp_core.tune.default_settings import default_config
from vsrpp_core.tune.measure import _random_batch

Grid = dict[str, Overrides]
QUIET: Overrides = {"cadence.validate_every": 1_000_000, "cadence.recovery_minutes": 3.0}
"""The clips judge, not validations; a run that is ended loses three minutes."""
ROUNDS = 12


def main() -> None:
    options = arguments()
    grid: Grid = tomllib.loads(options.grid.read_text())["arms"]
    if unknown := [name for name in options.arms if name not in grid]:
        sys.exit(f"{options.grid} has no arm {unknown[0]}; it has {', '.join(grid)}")
    arms = {name: grid[name] for name in options.arms or grid}
    options.keep.mkdir(parents=True, exist_ok=True)
    work = work_of(grid, options.dataset, options.keep / "work.json")
    results = options.keep / "results.jsonl"
    for seed in range(options.seeds):
        for arm, settings in arms.items():
            steps = round(options.steps / work[arm])
            wanted = {"arm": arm, "seed": seed, "steps": steps, "settings": settings}
            if any(wanted.items() <= line.items() for line in lines(results)):
                continue
            line = {**wanted, "work": work[arm], **run_one(wanted, options)}
            with results.open("a") as file:
                print(json.dumps(line), file=file, flush=True)
            print(json.dumps(line), flush=True)
    print(table(lines(results), arms))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--grid", type=Path, default=Path(__file__).with_suffix(".toml"))
    parser.add_argument("--arms", nargs="+", default=[], help="of the grid (default: all)")
    parser.add_argument("--steps", type=int, default=4_800, help="of the preset; other arms take the same time")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--frames", type=int, default=0, help="score the first so many of each clip; 0: all")
    parser.add_argument("--keep", type=Path, default=Path("recipe"), help="runs and results (default: recipe)")
    return parser.parse_args()


def lines(results: Path) -> list[dict[str, Any]]:
    """Of the runs made so far."""
    return [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []


# work


def work_of(grid: Grid, dataset: Path, kept: Path) -> dict[str, float]:
    """Time of each arm's step as a multiple of the preset's; measured where ``kept`` does not have it."""
    known: dict[str, float] = json.loads(kept.read_text()) if kept.exists() else {}
    if missing := {name: settings for name, settings in grid.items() if name not in known}:
        known |= measured(missing, dataset)
        kept.write_text(json.dumps(known, indent=1))
    return known


def measured(grid: Grid, dataset: Path) -> dict[str, float]:
    geometry = summarize(dataset).geometry
    if geometry is None:
        sys.exit(f"{dataset} holds no training pairs; make it with vsrpp prepare")
    base = default_config(describe_device(), min(geometry.height, geometry.width))
    arms = {"": base, **{name: base.with_overrides(settings) for name, settings in grid.items() if settings}}
    takers = {name: Taker(config, geometry) for name, config in arms.items()}
    seconds: dict[str, list[float]] = {name: [] for name in takers}
    for round_ in range(ROUNDS + 1):
        for name, taker in takers.items():
            taken = taker.step()
            if round_:  # the first warms up
                seconds[name].append(taken)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    return {name: round(medians.get(name, medians[""]) / medians[""], 3) for name in grid}


class Taker:
    """Takes training steps of a configuration, on random pictures."""

    def __init__(self, config: RunConfig, geometry: StackGeometry) -> None:
        hardware = choose_hardware(config.training.precision)
        hardware.apply()
        shape = StackGeometry(config.model.n_frames, geometry.height, geometry.width)
        model = build_model(config, hardware)
        self._step, self._average = OptimizerStep(model, config.training, hardware), WeightAverage(model, 0.999)
        self._batches = [_random_batch(config, shape)] * config.training.accumulation
        self._on_gpu = hardware.device.type == "cuda"

    def step(self) -> float:
        """Seconds it took: of the processor, or where a GPU computes, of the clock."""
        clock = time.perf_counter if self._on_gpu else time.process_time
        begun = clock()
        self._step.run(self._batches, LossWeights(0.6, 0.2, 0.2), clip_norm=1.5, learning_rate=1e-6)
        self._average.update()
        if self._on_gpu:
            torch.cuda.synchronize()
        return clock() - begun


# runs


def run_one(wanted: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """Train, or train on, and score."""
    run: Path = options.keep / f"{wanted['arm'].replace(' ', '-')}-{wanted['seed']}-{wanted['steps']}"
    begun = time.perf_counter()
    settings = {
        **QUIET,
        **wanted["settings"],
        "training.seed": wanted["seed"],
        "training.max_steps": wanted["steps"],
    }
    resumed = any(run.glob("checkpoint_*.pth"))
    if not (run / f"checkpoint_step_{wanted['steps']}.pth").exists():
        start = ["--resume"] if resumed else ["--fresh", "--data", str(options.dataset)]
        call("train", str(run), *start, *(part for key, value in settings.items() for part in setting(key, value)))
    trained = time.perf_counter()
    scored = scores(run / f"checkpoint_step_{wanted['steps']}.pth", options.clips, options.frames)
    times = {"seconds": round(trained - begun), "resumed": resumed}
    return {**scored, **times, "version": __version__, "torch": torch.__version__, "threads": torch.get_num_threads()}


def setting(key: str, value: Any) -> tuple[str, str]:
    return "--set", f"{key}={str(value).lower() if isinstance(value, bool) else value}"


def scores(checkpoint: Path, clips: list[Path], frames: int) -> dict[str, Any]:
    """PSNR on Y beyond bicubic, dB, and SSIM, of each clip and their mean."""
    rows = json.loads(call("evaluate", str(checkpoint), *map(str, clips), "--frames", str(frames), "--json"))
    gains = {row["clip"]: round(row["ki_y"]["psnr"] - row["bicubic_y"]["psnr"], 3) for row in rows}
    return {"gain": gains, "ssim": {row["clip"]: round(row["ki_y"]["ssim"], 4) for row in rows}}


def call(*arguments: str) -> str:
    done = subprocess.run([sys.executable, "-m", "vsrpp_core", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"vsrpp {' '.join(arguments[:2])} ended with status {done.returncode}: {done.stderr.strip()}")
    return done.stdout.splitlines()[-1]


def table(made: list[dict[str, Any]], arms: Grid) -> str:
    """Of the arms' newest lengths, the best first."""
    rows = []
    for arm, settings in arms.items():
        own = [line for line in made if line["arm"] == arm and line["settings"] == settings]
        own = [line for line in own if line["steps"] == own[-1]["steps"]]
        gains = [next(reversed(line["gain"].values())) for line in own]
        seeds = " ".join(f"{gain:+.2f}" for gain in gains)
        rows.append((statistics.fmean(gains), arm, seeds, own[-1]["steps"], own[-1]["work"]))
    rows.sort(reverse=True)
    body = [f"{arm:24} {mean:+.3f}  {seeds:24} {steps:>7,}  {work:.2f}" for mean, arm, seeds, steps, work in rows]
    return "\n".join([f"{'arm':24} {'mean':6}  {'seeds':24} {'steps':>7}  work of a step", *body])


if __name__ == "__main__":
    main()
