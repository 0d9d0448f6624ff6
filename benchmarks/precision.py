"""Mixed precision against fp32: the same runs trained in both, and what their networks reach.

    python benchmarks/precision.py [DATASET] [--keep precision] [--steps 3000] [--seeds 3]

Of each seed one run is trained in fp32 and one in bf16, on the same pictures in the same order, a small network in one
thread; its last checkpoint, the moving average of the weights, is scored on the validation pairs in fp32, and that of
bf16 in bf16 too. ``DATASET`` is a dataset folder, by default the demo's. The same command goes on where an earlier one
was ended. The last line is JSON: PSNR of each run in dB, and the differences to fp32 of the same seed.
"""

import argparse
import json
import statistics
import sys
import time
from dataclasses import replace
from itertools import product
from pathlib import Path

import torch

from vsrpp_core import __version__
from vsrpp_core.apply.load_network import load_network
from vsrpp_core.data.demo import demo_dataset_root, make_demo_dataset
from vsrpp_core.data.stacked import DatasetFolder, measure
from vsrpp_core.device.hardware import Hardware, choose_hardware
from vsrpp_core.messages.commands import CommandQueue
from vsrpp_core.messages.events import SessionFailed
from vsrpp_core.messages.kinds import ComputePrecision
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.run.settings import Overrides
from vsrpp_core.session.session import open_session
from vsrpp_core.training.validator import ValidationResult, Validator

PRECISIONS: tuple[ComputePrecision, ...] = ("fp32", "bf16")
SETTINGS: Overrides = {
    "model.n_feats": 16, "model.n_blocks": 8, "data.crop": 24, "training.batch_size": 4, "training.ema": 0.99,
    "schedule.lr_max": 1e-3, "schedule.warmup_steps": 100, "schedule.plateau_factor": 1.0, "loss.adaptive": False,
    "cadence.validate_every": 1_000_000, "cadence.checkpoint_every": 1_000_000, "cadence.tensorboard_every": 100_000,
}  # fmt: skip
"""A network that a core trains in minutes, at a rate that it stands. Nothing adapts: a decision that falls otherwise
would be measured as well."""


def main() -> None:
    options = arguments()
    torch.set_num_threads(1)
    data = options.dataset or demo()
    runs = {key: options.keep / f"{key[1]}-{key[0]}" for key in product(range(options.seeds), PRECISIONS)}
    seconds = {key: train(run, data, options.steps, *key) for key, run in runs.items()}
    reached = {key: score(run, data, "fp32") for key, run in runs.items()}
    in_bf16 = {key: score(run, data, "bf16") for key, run in runs.items()}
    differences = [reached[seed, "bf16"] - reached[seed, "fp32"] for seed in range(options.seeds)]
    result = {
        "benchmark": "precision",
        "steps": options.steps,
        "psnr": {f"{precision}-{seed}": round(value, 4) for (seed, precision), value in reached.items()},
        "difference": [round(difference, 4) for difference in differences],
        "mean_difference": round(statistics.fmean(differences), 4),
        "scored_in_bf16": [round(in_bf16[key] - reached[key], 4) for key in runs],
        "seconds": {f"{precision}-{seed}": round(value) for (seed, precision), value in seconds.items()},
        "versions": {"vsrpp": __version__, "torch": torch.__version__},
    }
    print(json.dumps(result))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("dataset", type=Path, nargs="?")
    parser.add_argument("--keep", type=Path, default=Path("precision"), help="runs (default: precision)")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seeds", type=int, default=3)
    return parser.parse_args()


def demo() -> Path:
    for _ in make_demo_dataset():
        pass
    return demo_dataset_root()


def train(run: Path, data: Path, steps: int, seed: int, precision: ComputePrecision) -> float:
    """Seconds that it took; 0 where it was complete already."""
    known = RunFolder(run).checkpoint_infos()
    if any(checkpoint.step >= steps for checkpoint in known):
        return 0.0
    settings = {**SETTINGS, "training.seed": seed, "training.precision": precision, "training.max_steps": steps}
    begun = time.perf_counter()
    session = open_session(
        run, None if known else data, start="resume" if known else "fresh", overrides={} if known else settings
    )
    for event in session.events(CommandQueue()):
        if isinstance(event, SessionFailed):
            sys.exit(event.error)
    return time.perf_counter() - begun


def score(run: Path, data: Path, precision: ComputePrecision) -> float:
    """PSNR of the newest checkpoint over the validation pairs, computed in ``precision``."""
    hardware: Hardware = replace(choose_hardware("fp32"), precision=precision)
    pairs = DatasetFolder(data).pairs("val")
    network = load_network(run / RunFolder(run).checkpoint_infos()[0].name, hardware)
    validator = Validator(pairs, measure(pairs[0]), hardware, run / "pictures")
    return next(item.ki.psnr for item in validator.run(network, 1) if isinstance(item, ValidationResult))


if __name__ == "__main__":
    main()
