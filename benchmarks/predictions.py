"""What auto-tune predicts beside what is measured: seconds a step, and bytes held, on this CPU in fp32.

Each configuration runs in fresh processes, one for its time and one for its memory, in the three checkpointing modes;
the device's speed is calibrated just before. Memory is the growth of the resident peak over a process that has taken a
tiny step already, with freed memory handed back at once. Prints one JSON line: all figures, and predicted over measured
by medians.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from vsrpp_core.data.stacked import StackGeometry
from vsrpp_core.device.hardware import choose_hardware
from vsrpp_core.device.speed import CPU_EFFICIENCY, convolution_flops
from vsrpp_core.network.loss import LossWeights
from vsrpp_core.run.config import RunConfig
from vsrpp_core.training.average import WeightAverage
from vsrpp_core.training.step import OptimizerStep, build_model
from vsrpp_core.tune.ladder import MODES
from vsrpp_core.tune.measure import _random_batch
from vsrpp_core.tune.predict import predict

CONFIGURATIONS = ((16, 4, 4, 48), (32, 10, 4, 48), (64, 20, 1, 96), (64, 20, 1, 180))
"""n_feats, n_blocks, samples, side of the LR patch."""

STEPS = 3
RETURN_FREED = {"MALLOC_MMAP_THRESHOLD_": "65536"}
"""glibc otherwise keeps freed blocks for later, and what is resident is more than what is held."""


def config_of(n_feats: int, n_blocks: int, samples: int, mode: str) -> RunConfig:
    return RunConfig().with_overrides(
        {
            "model.n_feats": n_feats,
            "model.n_blocks": n_blocks,
            "training.batch_size": samples,
            "training.checkpointing": mode,
            "training.precision": "fp32",
        }
    )


def take_steps(config: RunConfig, side: int, steps: int) -> list[float]:
    """Seconds of each optimizer step, from a network made anew."""
    hardware = choose_hardware("fp32")
    model = build_model(config, hardware)
    step, average = OptimizerStep(model, config.training, hardware), WeightAverage(model, config.training.ema)
    batch, seconds = _random_batch(config, StackGeometry(5, side, side)), []
    for _ in range(steps):
        start = time.perf_counter()
        step.run([batch], LossWeights(0.6, 0.2, 0.2), clip_norm=1.5, learning_rate=1e-6).cpu()
        average.update()
        seconds.append(time.perf_counter() - start)
    return seconds


def resident(kind: str) -> int:
    """Bytes: VmRSS now, or VmHWM, the peak."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(kind):
            return 1024 * int(line.split()[1])
    sys.exit(f"/proc/self/status does not tell {kind}; this benchmark needs Linux")


def measure_here(what: str, n_feats: int, n_blocks: int, samples: int, side: int, mode: str) -> None:
    """In a process of its own: print the median seconds of a step, or the growth of the peak in bytes."""
    config = config_of(n_feats, n_blocks, samples, mode)
    take_steps(config_of(4, 2, 1, "none"), 16, 1)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = resident("VmRSS")
    seconds = take_steps(config, side, 1 + (STEPS if what == "seconds" else 2))
    print(json.dumps(statistics.median(seconds[1:]) if what == "seconds" else resident("VmHWM") - before))


def measured(what: str, *arguments: Any) -> float:
    command = [sys.executable, __file__, what, *map(str, arguments)]
    environment = {**os.environ, **(RETURN_FREED if what == "memory" else {})}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return float(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    rows, ratios = [], {"seconds": list[float](), "memory": list[float]()}
    for n_feats, n_blocks, samples, side in CONFIGURATIONS:
        for mode in MODES:
            convolution_flops.cache_clear()  # other work on this machine comes and goes
            prediction = predict(
                config_of(n_feats, n_blocks, samples, mode), StackGeometry(5, side, side), choose_hardware("fp32")
            )
            seconds = measured("seconds", n_feats, n_blocks, samples, side, mode)
            memory = measured("memory", n_feats, n_blocks, samples, side, mode)
            ratios["seconds"].append(prediction.seconds / seconds)
            ratios["memory"].append(prediction.memory / memory)
            rows.append(
                {
                    "configuration": f"{n_feats}x{n_blocks} batch {samples} side {side} {mode}",
                    "floor_s": round(prediction.seconds_floor, 3),
                    "predicted_s": round(prediction.seconds, 3),
                    "measured_s": round(seconds, 3),
                    "predicted_mb": round(prediction.memory / 2**20),
                    "measured_mb": round(memory / 2**20),
                }
            )
            print(rows[-1], file=sys.stderr)
    medians = {f"median_{name}_ratio": round(statistics.median(all_), 2) for name, all_ in ratios.items()}
    print(json.dumps({"benchmark": "predictions", **medians, "cpu_efficiency": CPU_EFFICIENCY, "rows": rows}))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        what, *numbers, mode = sys.argv[1:]
        n_feats, n_blocks, samples, side = map(int, numbers)
        measure_here(what, n_feats, n_blocks, samples, side, mode)
    else:
        main()
